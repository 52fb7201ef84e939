//! The reports of `mirror` in files: one report about all parts of a run.

use std::fmt;

use clap::ValueEnum as _;
use clap::builder::PossibleValue;
use serde_json::{Value, json};

use super::json::{self, Run};
use crate::commands::mirror::Together;
use crate::commands::mirror::result::MirrorReport;
use crate::commands::report_page::SavedReport;
use crate::report::html::page_of;
use crate::report::metrics::{self, Measured, Numbers, Successes};
use crate::report::parts::{self, INTERRUPTED, Part, PartTotals};
use crate::timestamp::Timestamp;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportFormat {
    /// One document, as `--format json` prints it
    Json,
    /// Metrics, for the textfile collector of node_exporter
    Prometheus,
    /// A page for people, in one file
    Html,
}

/// What became of one list at one destination.
pub enum PartResult {
    Ran(Box<MirrorReport>),
    /// Why it could not run.
    NotRun(String),
    Interrupted,
}

/// The result for one list at one destination.
pub struct PartReport {
    /// The file of the list.
    pub list: String,
    /// The same for a reader who is in another folder.
    pub list_name: String,
    /// What `-d` named.
    pub requested: Option<String>,
    /// The name of the destination.
    pub destination: String,
    pub result: PartResult,
    /// When it ended.
    pub ended: Timestamp,
}

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", PossibleValue::get_name))
    }
}

impl PartReport {
    fn report(&self) -> Option<&MirrorReport> {
        match &self.result {
            PartResult::Ran(report) => Some(report),
            PartResult::NotRun(_) | PartResult::Interrupted => None,
        }
    }
}

/// One document: of the only part, or with all parts.
pub fn json(parts: &[PartReport], together: Option<Together>) -> String {
    if let [PartReport { result: PartResult::Ran(only), .. }] = parts {
        return json::json(only);
    }
    let ran = || parts.iter().filter_map(PartReport::report);
    let failed = ran().filter(|report| report.has_failed()).count();
    let totals = PartTotals {
        parts: parts.len(),
        done: ran().count() - failed,
        failed,
        not_run: parts.len() - ran().count(),
        together,
    };
    let documents = parts.iter().map(|part| {
        let document: Value = match &part.result {
            PartResult::Ran(report) => json!(Run::new(report)),
            PartResult::NotRun(error) => json!({ "error": error }),
            PartResult::Interrupted => json!({ "error": INTERRUPTED }),
        };
        Part::new(part.list.clone(), part.requested.clone(), document)
    });
    parts::json("mirror", documents.collect(), totals)
}

/// The page. `since` are earlier reports, which were checked.
pub fn html(parts: &[PartReport], together: Option<Together>, since: &[SavedReport]) -> String {
    page_of(json(parts, together), since)
}

/// Metrics. `before` are the successes that the last file had.
pub fn prometheus(parts: &[PartReport], before: &Successes) -> String {
    let measured = parts.iter().map(|part| Measured {
        command: "mirror",
        list: part.list_name.clone(),
        destination: part.destination.clone(),
        ended: part.ended,
        numbers: part.report().map(Numbers::of_mirror),
    });
    metrics::render(&measured.collect::<Vec<_>>(), before)
}
