//! The report about several lists and destinations: a part for each, and totals.

use serde::Serialize;
use serde_json::{Map, Value};

use super::common::{bytes, requests};
use super::json::document;
use crate::commands::mirror::Together;
use messages::printable::printable;

/// The error of a part that was not done, or not to its end.
pub const INTERRUPTED: &str = "interrupted";

/// What became of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct PartTotals {
    pub parts: usize,
    pub done: usize,
    /// The command ran and reported a failure.
    pub failed: usize,
    /// The command could not run.
    pub not_run: usize,
    /// What parts did together; only if they ran at the same time.
    #[serde(flatten)]
    pub together: Option<Together>,
}

/// The parts, each with the fields of the command's own report.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Parts {
    parts: Vec<Part>,
    totals: PartTotals,
}

/// The report about one list, at one destination if the command has destinations.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Part {
    /// The file of the list.
    list: String,
    /// What `-d` named; null if it was not given.
    #[serde(rename = "requested-destination")]
    requested: Option<String>,
    /// The fields of the command's own report, or `error`: why the command could not run.
    #[serde(flatten)]
    report: Map<String, Value>,
}

impl Part {
    /// From the report of the command, or an object with an `error`.
    pub fn new(list: String, requested: Option<String>, report: Value) -> Self {
        let mut report = match report {
            Value::Object(report) => report,
            _ => Map::new(),
        };
        report.remove("version");
        report.remove("command");
        Self { list, requested, report }
    }
}

/// The line before the report of a part.
pub fn heading(name: &str) -> String {
    format!("== {} ==\n", printable(name))
}

/// The line after the last part.
pub fn summary(totals: &PartTotals) -> String {
    let PartTotals { parts, done, failed, not_run, together } = totals;
    let together = together.as_ref().map(summary_of_all).unwrap_or_default();
    format!("\n{parts} parts: {done} done, {failed} failed, {not_run} could not run\n{together}")
}

fn summary_of_all(Together { requests: sent, reads }: &Together) -> String {
    let reads = reads.as_ref().map(|reads| {
        let again = match reads.read_again.blobs {
            0 => String::new(),
            _ => format!(", and {} again", bytes(reads.read_again.bytes)),
        };
        format!("{} read from the sources{again}; ", bytes(reads.read.bytes))
    });
    format!("{}requests: {}\n", reads.unwrap_or_default(), requests(sent))
}

/// One document with all parts.
pub fn json(command: &'static str, parts: Vec<Part>, totals: PartTotals) -> String {
    document(command, Parts { parts, totals })
}
