//! The verification as a code quality report of GitLab. A merge request shows what is new or fixed.

use crate::commands::verify::{Finding, VerifyReport};
use serde_json::{Value, json};

use super::text;
use crate::list::finding_code::Severity;
use crate::report::json::pretty;

/// An array with one issue per finding.
pub(super) fn report(report: &VerifyReport) -> String {
    let fingerprints = text::fingerprints(report);
    let findings = report.findings.iter().zip(fingerprints);
    let issues = findings.map(|(finding, fingerprint)| issue(report, finding, &fingerprint));
    pretty(&Value::Array(issues.collect()))
}

fn issue(report: &VerifyReport, finding: &Finding, fingerprint: &str) -> Value {
    let location = report.location(finding);
    let about = text::about(finding);
    json!({
        "description": match &finding.hint {
            Some(hint) => format!("{about} (hint: {hint})"),
            None => about,
        },
        "check_name": finding.code.name(),
        "fingerprint": fingerprint,
        "severity": if finding.severity == Severity::Error { "major" } else { "minor" },
        "location": { "path": location.file, "lines": { "begin": location.place.line } },
    })
}
