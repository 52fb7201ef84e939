//! Text that several formats share, and the fingerprints by which a finding is recognised in the next run.

use std::collections::BTreeMap;

use crate::commands::verify::{Finding, VerifyReport};
use crate::list::finding_code::{Check, Code, Severity};
use crate::report::common::count;
use oci::Digest;

/// The message, after the name of the image.
pub(super) fn about(finding: &Finding) -> String {
    match &finding.image {
        Some(image) => format!("{image}: {}", finding.message),
        None => finding.message.clone(),
    }
}

/// A finding as lines: message, details and hint.
pub(super) fn lines(finding: &Finding) -> Vec<String> {
    let details = finding.details.iter().map(|detail| format!("  {detail}"));
    let hint = finding.hint.iter().map(|hint| format!("hint: {hint}"));
    std::iter::once(about(finding)).chain(details).chain(hint).collect()
}

/// The state of a check: `1 error, 22 warnings`, `passed` or `skipped`.
pub(super) fn state_of(report: &VerifyReport, check: Check) -> String {
    match report.checks.contains(&check) {
        false => "skipped".to_owned(),
        true => state(report.count_of(check)),
    }
}

fn state((errors, warnings): (usize, usize)) -> String {
    match (count(errors as u64, "error"), count(warnings as u64, "warning")) {
        _ if errors + warnings == 0 => "passed".to_owned(),
        (errors, _) if warnings == 0 => errors,
        (_, warnings) if errors == 0 => warnings,
        (errors, warnings) => format!("{errors}, {warnings}"),
    }
}

/// `22 images: 1 error, 22 warnings, 3 ignored by the policy`.
pub(super) fn totals(report: &VerifyReport) -> String {
    let state = state((report.count(Severity::Error), report.count(Severity::Warning)));
    let totals = format!("{}: {state}", count(report.images.len() as u64, "image"));
    match report.ignored {
        0 => totals,
        ignored => format!("{totals}, {ignored} ignored by the policy"),
    }
}

/// The totals, and the number of findings with each code.
pub(super) fn summary(report: &VerifyReport) -> String {
    let mut codes: BTreeMap<Code, usize> = BTreeMap::new();
    for finding in &report.findings {
        *codes.entry(finding.code).or_default() += 1;
    }
    let codes: Vec<_> = codes.iter().map(|(code, number)| format!("{number} {code}")).collect();
    match codes.as_slice() {
        [] => totals(report),
        codes => format!("{} ({})", totals(report), codes.join(", ")),
    }
}

/// A fingerprint for each finding: unique in the report, and the same in the next run even if the finding
/// has moved to another line.
pub(super) fn fingerprints(report: &VerifyReport) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let fingerprint = |finding: &Finding| {
        let location = report.location(finding);
        let image = finding.image.as_ref().map_or_else(String::new, ToString::to_string);
        // Servers and programs word their messages differently each time.
        let message = match finding.code {
            Code::Unreachable | Code::ChartFails => "",
            _ => finding.message.as_str(),
        };
        let code = finding.code.name();
        let identity = [code, finding.check.name(), &location.file, &image, message].join("\n");
        let same = seen.entry(identity.clone()).or_default();
        *same += 1;
        let numbered = if *same == 1 { identity } else { format!("{identity}\n{same}") };
        Digest::of(numbered.as_bytes()).hex().to_owned()
    };
    report.findings.iter().map(fingerprint).collect()
}
