//! The verification for programs. `verify.schema.json` is its schema; what README.md says of versions
//! holds here.

use serde_json::{Value, json};

use crate::commands::verify::finding::{Finding, Location};
use crate::commands::verify::result::VerifyReport;
use crate::list::code::Severity;
use crate::report::json::{VERSION, pretty};

/// One document.
pub(super) fn report(report: &VerifyReport) -> String {
    let checks = report.checks.iter().map(|&check| {
        let (errors, warnings) = report.count_of(check);
        json!({ "check": check.name(), "errors": errors, "warnings": warnings })
    });
    pretty(&json!({
        "version": VERSION,
        "command": "verify",
        "passes": report.passes(),
        "strict": report.is_strict,
        "list": report.list,
        "destinations": report.destinations,
        "checks": checks.collect::<Vec<Value>>(),
        "findings": report.findings.iter().map(finding).collect::<Vec<Value>>(),
        "totals": {
            "images": report.images.len(),
            "errors": report.count(Severity::Error),
            "warnings": report.count(Severity::Warning),
            "ignored": report.ignored,
        },
        "requests": report.requests,
        "seconds": report.took.as_secs_f64(),
        "insecure": report.insecure,
    }))
}

fn finding(finding: &Finding) -> Value {
    json!({
        "code": finding.code.name(),
        "severity": finding.severity.name(),
        "check": finding.check.name(),
        "image": finding.image,
        "location": finding.location.as_ref().map(location),
        "message": finding.message,
        "details": finding.details,
        "hint": finding.hint,
    })
}

fn location(location: &Location) -> Value {
    json!({
        "file": location.file,
        "line": location.place.line,
        "column": location.place.column,
    })
}
