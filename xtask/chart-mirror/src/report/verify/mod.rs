//! The reports of `verify`: one file per format, each a pure function of the result.

use crate::commands::report_page::SavedReport;
use crate::commands::verify::VerifyReport;
use crate::report::html;
use crate::report::metrics::{self, Successes};

pub use format::Format;
use messages::printable::is_unprintable;

mod format;
mod github;
mod gitlab;
pub mod human;
pub(super) mod json;
mod junit;
mod markdown;
mod sarif;
#[cfg(test)]
pub(super) mod tests;
mod text;

/// The report in one line, without foreign text.
pub fn summary(report: &VerifyReport) -> String {
    text::summary(report)
}

/// The page. `since` are earlier reports, which were checked.
pub fn html(report: &VerifyReport, since: &[SavedReport]) -> String {
    html::page_of(json::report(&printable(report)), since)
}

/// Metrics. `before` are the successes that the last file had.
pub fn prometheus(report: &VerifyReport, before: &Successes) -> String {
    metrics::render(&metrics::of_verify(&printable(report)), before)
}

/// The report with every text on one line and without unprintable characters. The formats escape what
/// has a meaning in them.
fn printable(report: &VerifyReport) -> VerifyReport {
    let mut report = report.clone();
    let clean = |text: &mut String| *text = line(text);
    clean(&mut report.list);
    report.destinations.iter_mut().for_each(clean);
    report.destination_names.iter_mut().for_each(clean);
    report.parts = report.parts.iter().map(printable).collect();
    for finding in &mut report.findings {
        clean(&mut finding.message);
        finding.details.iter_mut().chain(&mut finding.hint).for_each(clean);
        finding.shared_cause.iter_mut().chain(&mut finding.destination).for_each(clean);
        if let Some(location) = &mut finding.location {
            clean(&mut location.file);
        }
    }
    report
}

/// The text on one line, without characters that control a terminal or the direction of the text. Repeated
/// spaces stay, because details are indented.
fn line(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    spaced.filter(|c| !is_unprintable(*c)).collect()
}
