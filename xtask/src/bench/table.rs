//! The table of the results. No I/O.

use std::time::Duration;

use serde::Serialize;

use super::child::Usage;
use super::counts::{Counts, Run};

/// A run with its results.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Row {
    pub(super) setting: &'static str,
    pub(super) scenario: &'static str,
    pub(super) seconds: f64,
    /// The time in round trips; `None` if the link has no delay.
    pub(super) round_trips: Option<f64>,
    pub(super) cpu_seconds: Option<f64>,
    /// In bytes.
    pub(super) peak_memory: Option<u64>,
    /// At the source, and at the destinations.
    pub(super) connections: [usize; 2],
    #[serde(flatten)]
    pub(super) counts: Counts,
}

/// The columns, with their widths. The first two are words, the others end at the right.
const COLUMNS: [(&str, usize); 11] = [
    ("setting", 7),
    ("scenario", 16),
    ("time", 7),
    ("time/RTT", 8),
    ("requests", 10),
    ("tokens", 6),
    ("read", 9),
    ("written", 9),
    ("connections", 11),
    ("peak memory", 11),
    ("CPU", 7),
];

impl Row {
    pub(super) fn new(
        (setting, scenario): (&'static str, &'static str),
        usage: Usage,
        (counts, connections): (Counts, [usize; 2]),
        round_trip: Duration,
    ) -> Self {
        let seconds = usage.time.as_secs_f64();
        let round_trips = (!round_trip.is_zero()).then(|| seconds / round_trip.as_secs_f64());
        let (cpu_seconds, peak_memory) = (usage.cpu, usage.memory);
        Self {
            setting,
            scenario,
            seconds,
            round_trips,
            cpu_seconds,
            peak_memory,
            connections,
            counts,
        }
    }

    /// What the baseline has of it.
    pub(super) fn as_run(&self) -> Run {
        Run { setting: self.setting, scenario: self.scenario, counts: self.counts }
    }

    pub(super) fn line(&self) -> String {
        let Counts { tokens, source_bytes, destination_bytes, .. } = self.counts;
        let Counts { source_requests, destination_requests, .. } = self.counts;
        let [source_connections, destination_connections] = self.connections;
        let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        line([
            self.setting.to_owned(),
            self.scenario.to_owned(),
            format!("{:.2} s", self.seconds),
            or_unknown(self.round_trips.map(|trips| format!("{trips:.1}"))),
            format!("{source_requests} + {destination_requests}"),
            tokens.to_string(),
            mebibytes(source_bytes),
            mebibytes(destination_bytes),
            format!("{source_connections} + {destination_connections}"),
            or_unknown(self.peak_memory.map(mebibytes)),
            or_unknown(self.cpu_seconds.map(|seconds| format!("{seconds:.2} s"))),
        ])
    }
}

/// The first line.
pub(super) fn head() -> String {
    line(COLUMNS.map(|(name, _)| name.to_owned()))
}

fn line(cells: [String; COLUMNS.len()]) -> String {
    let mut line = String::new();
    for (number, (cell, (_, width))) in cells.into_iter().zip(COLUMNS).enumerate() {
        line += &match number {
            0 => format!("{cell:width$}"),
            1 => format!("  {cell:width$}"),
            _ => format!("  {cell:>width$}"),
        };
    }
    line + "\n"
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_aligned_and_what_is_not_known_is_a_dash() {
        let counts =
            Counts { source_requests: 135, destination_requests: 311, ..Counts::default() };
        let known =
            Usage { time: Duration::from_millis(1250), cpu: Some(0.5), memory: Some(23 << 20) };
        let unknown = Usage { cpu: None, memory: None, ..known };
        let row = |usage, round_trip| {
            Row::new(("plain", "fresh"), usage, (counts, [3, 4]), Duration::from_millis(round_trip))
                .line()
        };
        let (fast, slow) = (row(unknown, 0), row(known, 50));
        for line in [&fast, &slow] {
            assert_eq!(line.len(), head().len(), "{line}");
            assert!(line.starts_with("plain    fresh "), "{line}");
            assert!(line.contains(" 135 + 311 "), "{line}");
        }
        assert_eq!(fast.matches(" - ").count() + fast.matches(" -\n").count(), 3, "{fast}");
        assert!(slow.contains(" 25.0 ") && slow.contains(" 23.0 MiB"), "{slow}");
    }
}
