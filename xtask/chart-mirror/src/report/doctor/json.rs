//! The report of `doctor` as JSON.

use serde::Serialize;

use crate::commands::doctor::result::DoctorReport;
use crate::report::json::document;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::report) struct Doctor<'a> {
    /// Whether no problem was found.
    well: bool,
    #[serde(flatten)]
    report: &'a DoctorReport,
}

/// One document.
pub fn json(report: &DoctorReport) -> String {
    document("doctor", Doctor { well: report.is_well(), report })
}
