//! The verification as JSON.

use serde::Serialize;

use crate::commands::verify::VerifyReport;
use crate::list::finding_code::{Check, Severity};
use crate::report::json::document;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::report) struct Verification<'a> {
    /// Whether there is no error.
    passes: bool,
    /// The checks that were run, with their numbers of findings.
    checks: Vec<CheckCounts>,
    totals: VerifyTotals,
    #[serde(flatten)]
    report: &'a VerifyReport,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CheckCounts {
    check: Check,
    errors: usize,
    warnings: usize,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VerifyTotals {
    images: usize,
    errors: usize,
    warnings: usize,
    /// Findings that the policy ignores.
    ignored: usize,
}

/// One document.
pub(super) fn report(report: &VerifyReport) -> String {
    let checks = report.checks.iter().map(|&check| {
        let (errors, warnings) = report.count_of(check);
        CheckCounts { check, errors, warnings }
    });
    let totals = VerifyTotals {
        images: report.images.len(),
        errors: report.count(Severity::Error),
        warnings: report.count(Severity::Warning),
        ignored: report.ignored,
    };
    let (passes, checks) = (report.passes(), checks.collect());
    document("verify", Verification { passes, checks, totals, report })
}
