//! The results of runs as metrics for Prometheus, in a text that its parser and that of OpenMetrics accept. A
//! node_exporter reads it as a file (`--collector.textfile.directory`).
//!
//! Every metric is a gauge: it is about the last run, and not a sum over runs.

use std::collections::BTreeMap;

use crate::commands::mirror::result::{MirrorReport, MirrorTotals};
use crate::commands::verify::VerifyReport;
use crate::list::finding_code::{Check, Code, Severity};
use crate::timestamp::Timestamp;
use family::{Family, Labels};
use kept::LAST_SUCCESS;
use registry::Requests;

pub use kept::Successes;

mod family;
mod kept;
#[cfg(test)]
mod tests;

const LAST_RUN: &str = "chart_mirror_last_run_timestamp_seconds";
const SUCCEEDED: &str = "chart_mirror_last_run_success";
const DURATION: &str = "chart_mirror_run_duration_seconds";
const IMAGES: &str = "chart_mirror_images";
const FINDINGS: &str = "chart_mirror_findings";
const TRANSFERRED: &str = "chart_mirror_transferred_bytes";
const REQUESTS: &str = "chart_mirror_requests";
const TOKEN_REQUESTS: &str = "chart_mirror_token_requests";

/// The metrics in the order of the text, each with its unit and its help.
const FAMILIES: [(&str, Option<&str>, &str); 9] = [
    (LAST_RUN, Some("seconds"), "When the last run ended."),
    (LAST_SUCCESS, Some("seconds"), "When the last run without a failure or an error ended."),
    (
        SUCCEEDED,
        None,
        "1 if nothing failed in the last run, and 0 if something did or it could not run.",
    ),
    (DURATION, Some("seconds"), "How long the last run took."),
    (IMAGES, None, "Images of the last run by result."),
    (FINDINGS, None, "Findings of the last verification by code and severity."),
    (TRANSFERRED, Some("bytes"), "Content that the last run sent to the destination."),
    (REQUESTS, None, "Requests of the last run by side."),
    (
        TOKEN_REQUESTS,
        None,
        "Requests of the last run that were for tokens; they are in the others.",
    ),
];

/// A run of a command about one list, and for `mirror` about one destination.
pub struct Measured {
    pub command: &'static str,
    /// The file of the list.
    pub list: String,
    /// The name of the destination; empty for `verify`, which may be about several.
    pub destination: String,
    pub ended: Timestamp,
    /// `None` if the command could not run.
    pub numbers: Option<Numbers>,
}

/// What a run came to.
#[derive(Default)]
pub struct Numbers {
    has_succeeded: bool,
    seconds: f64,
    /// Those of this run alone.
    requests: Option<Requests>,
    /// Of `mirror`.
    totals: Option<MirrorTotals>,
    /// Of `verify`: how often each was found, and at which destination.
    findings: BTreeMap<(String, Check, Code, Severity), usize>,
}

impl Numbers {
    pub fn of_mirror(report: &MirrorReport) -> Self {
        Self {
            has_succeeded: !report.has_failed(),
            seconds: report.seconds,
            requests: report.requests,
            totals: Some(report.totals()),
            findings: BTreeMap::new(),
        }
    }

    fn of_verify(report: &VerifyReport) -> Self {
        let mut findings = BTreeMap::new();
        for finding in &report.findings {
            let destination = finding.destination.clone().unwrap_or_default();
            let key = (destination, finding.check, finding.code, finding.severity);
            *findings.entry(key).or_default() += 1;
        }
        Self {
            has_succeeded: report.passes(),
            seconds: report.seconds,
            requests: Some(report.requests),
            totals: None,
            findings,
        }
    }
}

/// The runs in a report of `verify`: one for each list.
pub fn of_verify(report: &VerifyReport) -> Vec<Measured> {
    let parts = match report.parts.as_slice() {
        [] => std::slice::from_ref(report),
        parts => parts,
    };
    let measured = |part: &VerifyReport| Measured {
        command: "verify",
        list: part.list.clone(),
        destination: String::new(),
        ended: part.ended,
        numbers: Some(Numbers::of_verify(part)),
    };
    parts.iter().map(measured).collect()
}

/// The metrics of runs. `before` are the successes that the last file had: a run that fails does not end them.
pub fn render(runs: &[Measured], before: &Successes) -> String {
    let mut families =
        FAMILIES.map(|(name, unit, help)| Family { name, unit, help, samples: Vec::new() });
    for run in runs {
        for (name, labels, value) in samples(run, before) {
            let family = families.iter_mut().find(|family| family.name == name);
            family.into_iter().for_each(|family| family.add(labels.clone(), value));
        }
    }
    family::text(&families)
}

/// The samples of a run, each with the name of its family.
fn samples(run: &Measured, before: &Successes) -> Vec<(&'static str, Labels, f64)> {
    let place = Labels::default().with("list", &run.list).with("destination", &run.destination);
    let of_run = Labels::default()
        .with("command", run.command)
        .with("list", &run.list)
        .with("destination", &run.destination);
    let has_succeeded = run.numbers.as_ref().is_some_and(|numbers| numbers.has_succeeded);
    let ended = run.ended.unix() as f64;
    let mut samples = vec![
        (LAST_RUN, of_run.clone(), ended),
        (SUCCEEDED, of_run.clone(), f64::from(u8::from(has_succeeded))),
    ];
    let success = if has_succeeded { Some(ended) } else { before.of(&of_run) };
    samples.extend(success.map(|success| (LAST_SUCCESS, of_run.clone(), success)));
    let Some(numbers) = &run.numbers else { return samples };
    samples.push((DURATION, of_run.clone(), numbers.seconds));
    if let Some(Requests { source, destination, tokens }) = numbers.requests {
        samples.extend([
            (REQUESTS, of_run.with("side", "source"), source as f64),
            (REQUESTS, of_run.with("side", "destination"), destination as f64),
            (TOKEN_REQUESTS, of_run, tokens as f64),
        ]);
    }
    if let Some(totals) = &numbers.totals {
        samples.extend([
            (IMAGES, place.with("result", "copied"), totals.copied as f64),
            (IMAGES, place.with("result", "up-to-date"), totals.up_to_date as f64),
            (IMAGES, place.with("result", "failed"), totals.failed as f64),
            (TRANSFERRED, place.clone(), totals.moved.bytes as f64),
        ]);
    }
    samples.extend(numbers.findings.iter().map(
        |((destination, check, code, severity), number)| {
            let labels = place.with("destination", destination).with("check", check.name());
            let labels = labels.with("code", code.name()).with("severity", severity.name());
            (FINDINGS, labels, *number as f64)
        },
    ));
    samples
}
