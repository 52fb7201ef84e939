//! What the registries counted in a run, and the comparison with the baseline. No I/O.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What the registries counted, as far as it does not depend on the speed of the machine. Several destinations are
/// counted together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    /// Without those for tokens.
    pub(super) source_requests: u64,
    /// Without those for tokens.
    pub(super) destination_requests: u64,
    /// Requests for tokens, at all registries.
    pub(super) tokens: u64,
    /// The bytes of the bodies that the source sent.
    pub(super) source_bytes: u64,
    /// The bytes of the bodies that the destinations received.
    pub(super) destination_bytes: u64,
}

/// The counts of every setting, by scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Baseline(pub(super) BTreeMap<String, BTreeMap<String, Counts>>);

/// A run, as the baseline names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) setting: &'static str,
    pub(super) scenario: &'static str,
    pub(super) counts: Counts,
}

/// How a run differs from the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The baseline does not have the run.
    New {
        setting: &'static str,
        scenario: &'static str,
    },
    Figure(FigureChange),
}

/// A figure that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FigureChange {
    setting: &'static str,
    scenario: &'static str,
    figure: &'static str,
    old: u64,
    new: u64,
}

impl Counts {
    /// What is compared, with its name. More of it is worse.
    fn figures(&self) -> [(&'static str, u64); 5] {
        [
            ("requests at the source", self.source_requests),
            ("requests at the destination", self.destination_requests),
            ("requests for tokens", self.tokens),
            ("bytes read from the source", self.source_bytes),
            ("bytes written to the destination", self.destination_bytes),
        ]
    }
}

impl Baseline {
    /// Compares runs with the baseline.
    pub(super) fn compare(&self, runs: &[Run]) -> Vec<Change> {
        let mut changes = Vec::new();
        for &Run { setting, scenario, counts } in runs {
            let Some(old) = self.0.get(setting).and_then(|scenarios| scenarios.get(scenario))
            else {
                changes.push(Change::New { setting, scenario });
                continue;
            };
            let figures = old.figures().into_iter().zip(counts.figures());
            let changed = figures.filter(|((_, old), (_, new))| old != new);
            changes.extend(changed.map(|((figure, old), (_, new))| {
                Change::Figure(FigureChange { setting, scenario, figure, old, new })
            }));
        }
        changes
    }

    /// Records runs. Those that did not take place now keep their counts.
    pub(super) fn record(&mut self, runs: &[Run]) {
        for run in runs {
            let scenarios = self.0.entry(run.setting.to_owned()).or_default();
            scenarios.insert(run.scenario.to_owned(), run.counts);
        }
    }
}

impl Change {
    /// Whether the check fails.
    pub(super) fn is_worse(&self) -> bool {
        match self {
            Self::New { .. } => true,
            Self::Figure(FigureChange { old, new, .. }) => new > old,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::New { setting, scenario } => {
                write!(f, "{setting} {scenario}: the baseline does not have it")
            }
            Self::Figure(FigureChange { setting, scenario, figure, old, new }) => {
                let verb = if new > old { "rose" } else { "fell" };
                write!(f, "{setting} {scenario}: {figure} {verb} from {old} to {new}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: Counts = Counts {
        source_requests: 10,
        destination_requests: 20,
        tokens: 2,
        source_bytes: 1000,
        destination_bytes: 900,
    };

    fn run(scenario: &'static str, counts: Counts) -> Run {
        Run { setting: "tls", scenario, counts }
    }

    fn baseline() -> Baseline {
        let mut baseline = Baseline::default();
        baseline.record(&[run("fresh", COUNTS), run("verify", COUNTS)]);
        baseline
    }

    #[test]
    fn more_of_a_figure_is_worse_and_less_is_only_reported() {
        let table = [
            (COUNTS, None),
            (
                Counts { source_requests: 11, ..COUNTS },
                Some((true, "tls fresh: requests at the source rose from 10 to 11")),
            ),
            (
                Counts { destination_requests: 17, ..COUNTS },
                Some((false, "requests at the destination fell from 20 to 17")),
            ),
            (Counts { tokens: 3, ..COUNTS }, Some((true, "requests for tokens rose from 2 to 3"))),
            (
                Counts { source_bytes: 2000, ..COUNTS },
                Some((true, "bytes read from the source rose from 1000 to 2000")),
            ),
            (
                Counts { destination_bytes: 901, ..COUNTS },
                Some((true, "bytes written to the destination rose")),
            ),
        ];
        for (counts, expected) in table {
            let changes = baseline().compare(&[run("fresh", counts)]);
            let Some((is_worse, text)) = expected else {
                assert_eq!(changes, []);
                continue;
            };
            assert_eq!(changes.len(), 1, "{text}");
            assert_eq!(changes[0].is_worse(), is_worse, "{text}");
            assert!(changes[0].to_string().contains(text), "{}", changes[0]);
        }
    }

    #[test]
    fn a_run_that_the_baseline_lacks_fails_the_check() {
        let changes = baseline().compare(&[run("verify", COUNTS), run("changed", COUNTS)]);
        assert_eq!(changes, [Change::New { setting: "tls", scenario: "changed" }]);
        assert!(changes[0].is_worse());
    }

    #[test]
    fn recording_keeps_the_runs_that_did_not_take_place() {
        let mut recorded = baseline();
        let more = Counts { tokens: 7, ..COUNTS };
        recorded.record(&[run("fresh", more)]);
        assert_eq!(recorded.compare(&[run("fresh", more), run("verify", COUNTS)]), []);
    }
}
