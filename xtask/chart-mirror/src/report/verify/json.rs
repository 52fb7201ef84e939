//! The verification as JSON.

use serde::Serialize;

use crate::commands::verify::finding::Finding;
use crate::commands::verify::result::VerifyReport;
use crate::list::code::{Check, Severity};
use crate::report::json::document;
use oci::Registry;
use registry::Requests;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::report) struct Verification<'a> {
    /// Whether there is no error.
    passes: bool,
    /// Whether warnings were turned into errors.
    strict: bool,
    /// The image list, as locations name it.
    list: &'a str,
    /// Addresses.
    destinations: &'a [String],
    /// The checks that were run, with their numbers of findings.
    checks: Vec<CheckCounts>,
    findings: &'a [Finding],
    totals: VerifyTotals,
    requests: Requests,
    /// Registries whose certificates were not verified.
    insecure: &'a [Registry],
    seconds: f64,
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
    let verification = Verification {
        passes: report.passes(),
        strict: report.is_strict,
        list: &report.list,
        destinations: &report.destinations,
        checks: checks.collect(),
        findings: &report.findings,
        totals: VerifyTotals {
            images: report.images.len(),
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            ignored: report.ignored,
        },
        requests: report.requests,
        insecure: &report.insecure,
        seconds: report.took.as_secs_f64(),
    };
    document("verify", verification)
}
