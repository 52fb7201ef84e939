//! The verification as JUnit XML: a suite per check of each list and destination, with a case for each image that
//! was checked and for each finding about no image. Written by hand, because a crate for so little is not worth its build time.

use std::collections::BTreeMap;

use super::text;
use crate::commands::verify::{Finding, VerifyReport};
use crate::list::finding_code::{Check, Code, Severity};
use oci::Reference;

/// The cases of one check of a list, at one destination if the list has several.
struct Suite<'a> {
    name: String,
    report: &'a VerifyReport,
    cases: Vec<Case<'a>>,
}

struct Case<'a> {
    /// Unique in the suite: GitLab shows only the first case of a name.
    name: String,
    /// A case fails with errors, and passes with warnings.
    findings: Vec<&'a Finding>,
    /// Whether the check could not run.
    is_skipped: bool,
}

pub(super) fn report(report: &VerifyReport) -> String {
    let suites: Vec<Suite<'_>> = match report.parts.as_slice() {
        [] => suites(report, ""),
        parts => parts.iter().flat_map(|part| suites(part, &part.list)).collect(),
    };
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"verify\" {} time=\"{:.3}\">\n",
        counts(suites.iter().flat_map(|suite| &suite.cases)),
        report.seconds
    );
    for Suite { name, report, cases } in &suites {
        let name = escaped(name);
        text += &format!("  <testsuite name=\"{name}\" {}>\n", counts(cases));
        text.extend(cases.iter().map(|case| case_element(report, &name, case)));
        text += "  </testsuite>\n";
    }
    text + "</testsuites>\n"
}

/// The suites of one list, which is named if there are others.
fn suites<'a>(report: &'a VerifyReport, list: &'a str) -> Vec<Suite<'a>> {
    let mut suites = Vec::new();
    for &check in &report.checks {
        let findings: Vec<&Finding> =
            report.findings.iter().filter(|finding| finding.check == check).collect();
        let names = &report.destination_names;
        let is_separate = matches!(check, Check::Values | Check::Destination)
            && names.len() > usize::from(list.is_empty());
        if !is_separate {
            suites.push(suite(report, check, list.to_owned(), &findings));
            continue;
        }
        // A check that could not run at all covers no destination.
        let covers_all = |finding: &Finding| finding.destination.is_none();
        let is_incomplete = findings.iter().any(|finding| covers_all(finding) && stops(finding));
        for name in names {
            let of_it = findings.iter().copied();
            let of_it: Vec<_> =
                of_it.filter(|finding| finding.destination.as_ref() == Some(name)).collect();
            let part = if list.is_empty() { name.clone() } else { format!("{list} to {name}") };
            let mut suite = suite(report, check, part, &of_it);
            suite
                .cases
                .iter_mut()
                .for_each(|case| case.is_skipped |= is_incomplete && case.findings.is_empty());
            suites.push(suite);
        }
        let (others, _): (Vec<&Finding>, Vec<_>) =
            findings.iter().partition(|finding| covers_all(finding));
        if !others.is_empty() {
            let mut suite = suite(report, check, list.to_owned(), &others);
            suite.cases.retain(|case| !case.findings.is_empty());
            suites.push(suite);
        }
    }
    suites
}

/// Whether a finding means that a check did not cover everything.
fn stops(finding: &Finding) -> bool {
    finding.image.is_none() && finding.code.is_fixed()
}

/// `part` is what the suite is about, if there are others of its check.
fn suite<'a>(
    report: &'a VerifyReport,
    check: Check,
    part: String,
    findings: &[&'a Finding],
) -> Suite<'a> {
    let name = match part.is_empty() {
        true => format!("verify.{check}"),
        false => format!("verify.{check}: {part}"),
    };
    Suite { name, report, cases: cases(report, check, findings) }
}

fn cases<'a>(report: &'a VerifyReport, check: Check, findings: &[&'a Finding]) -> Vec<Case<'a>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_image: BTreeMap<&Reference, Vec<&Finding>> = BTreeMap::new();
    let mut is_complete = true;
    for &finding in findings {
        if let Some(image) = &finding.image {
            by_image.entry(image).or_default().push(finding);
            continue;
        }
        is_complete &= !stops(finding);
        let name = format!("{}: {}", finding.code, finding.message);
        let same = names.entry(name.clone()).or_default();
        *same += 1;
        let name = if *same == 1 { name } else { format!("{name} ({same})") };
        cases.push(Case { name, findings: vec![finding], is_skipped: false });
    }
    // The files in `values/` are not about single images.
    let checked = if check == Check::Values { &[][..] } else { &report.images };
    let checked = checked.iter().map(|image| (image, by_image.remove(image).unwrap_or_default()));
    let mut images: Vec<_> = checked.collect();
    images.extend(by_image);
    cases.extend(images.into_iter().map(|(image, findings)| {
        let is_skipped = !is_complete && findings.is_empty();
        Case { name: image.to_string(), findings, is_skipped }
    }));
    if cases.is_empty() {
        let name = report.list.clone();
        cases.push(Case { name, findings: Vec::new(), is_skipped: false });
    }
    cases
}

impl<'a> Case<'a> {
    fn with_severity(&self, severity: Severity) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().copied().filter(move |finding| finding.severity == severity)
    }
}

fn counts<'a>(cases: impl IntoIterator<Item = &'a Case<'a>>) -> String {
    let (mut tests, mut failures, mut skipped) = (0, 0, 0);
    for case in cases {
        tests += 1;
        failures += case.with_severity(Severity::Error).count().min(1);
        skipped += usize::from(case.is_skipped);
    }
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"")
}

/// `suite` is escaped.
fn case_element(report: &VerifyReport, suite: &str, case: &Case<'_>) -> String {
    let file = case.findings.first().map(|finding| report.location(finding).file);
    let (name, file) = (escaped(&case.name), escaped(file.as_ref().unwrap_or(&report.list)));
    let texts = |severity| -> String {
        let findings = case.with_severity(severity);
        escaped(&findings.map(|finding| finding_text(report, finding)).collect::<String>())
    };
    let mut text = format!("    <testcase classname=\"{suite}\" name=\"{name}\" file=\"{file}\">");
    if case.is_skipped {
        let message = escaped(Code::CheckNotRun.meaning());
        text += &format!("<skipped message=\"{message}\"/>");
    }
    if let Some(Finding { code, message, .. }) = case.with_severity(Severity::Error).next() {
        let (message, all) = (escaped(message), texts(Severity::Error));
        text += &format!("<failure type=\"{code}\" message=\"{message}\">{all}</failure>");
    }
    let warnings = texts(Severity::Warning);
    if !warnings.is_empty() {
        text += &format!("<system-out>{warnings}</system-out>");
    }
    text + "</testcase>\n"
}

fn finding_text(report: &VerifyReport, finding: &Finding) -> String {
    let Finding { severity, code, .. } = finding;
    let location = report.location(finding);
    format!("{severity}[{code}] {location}\n{}\n", text::lines(finding).join("\n"))
}

/// Text for content and for attributes in `"`. XML 1.0 cannot represent some characters, not even escaped;
/// they are dropped.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}
