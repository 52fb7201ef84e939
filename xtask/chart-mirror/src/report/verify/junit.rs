//! The verification as JUnit XML: a suite per check, with a case for each image that was checked and for
//! each finding about no image. Written by hand, because a crate for so little is not worth its build time.

use crate::commands::verify::finding::Finding;
use crate::commands::verify::result::VerifyReport;
use oci::Reference;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::text;
use crate::list::code::{Check, Code, Severity};

struct Suite {
    name: String,
    cases: Vec<Case>,
}

/// Its name is unique in the suite: GitLab shows only the first case of a name.
struct Case {
    name: String,
    file: String,
    result: Result,
    /// The warnings. A case passes with them.
    output: String,
}

enum Result {
    Passed,
    Failed {
        code: &'static str,
        message: String,
        text: String,
    },
    /// The check could not run.
    Skipped,
}

pub(super) fn report(report: &VerifyReport) -> String {
    let suites: Vec<Suite> = report.checks.iter().map(|&check| suite(report, check)).collect();
    let counts = counts(suites.iter().flat_map(|suite| &suite.cases));
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let _ = writeln!(text, "<testsuites name=\"verify\" {counts} time=\"{:.3}\">", report.seconds);
    for suite in &suites {
        write_suite(&mut text, suite);
    }
    text + "</testsuites>\n"
}

fn suite(report: &VerifyReport, check: Check) -> Suite {
    let findings: Vec<&Finding> =
        report.findings.iter().filter(|finding| finding.check == check).collect();
    let is_broken = |finding: &&Finding| finding.image.is_none() && finding.code.is_fixed();
    let is_complete = !findings.iter().any(is_broken);
    let mut cases: Vec<Case> = Vec::new();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.image.is_none()) {
        let name = format!("{}: {}", finding.code, finding.message);
        let same = names.entry(name.clone()).or_default();
        *same += 1;
        let name = if *same == 1 { name } else { format!("{name} ({same})") };
        cases.push(Case::new(name, report, &[finding]));
    }
    for (image, about) in images(report, check, &findings) {
        let mut case = Case::new(image.to_string(), report, &about);
        if !is_complete && about.is_empty() {
            case.result = Result::Skipped;
        }
        cases.push(case);
    }
    if cases.is_empty() {
        cases.push(Case::new(report.list.clone(), report, &[]));
    }
    Suite { name: format!("verify.{check}"), cases }
}

/// The images that the check covers, in the order of the list, each with its findings. The check `values`
/// covers no single image.
fn images<'a>(
    report: &'a VerifyReport,
    check: Check,
    findings: &[&'a Finding],
) -> Vec<(&'a Reference, Vec<&'a Finding>)> {
    let mut about: BTreeMap<&Reference, Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        if let Some(image) = &finding.image {
            about.entry(image).or_default().push(finding);
        }
    }
    let covered = match check {
        Check::Values => &[][..],
        Check::List | Check::Chart | Check::Source | Check::Destination => &report.images,
    };
    let listed = covered.iter().map(|image| (image, about.remove(image)));
    let mut images: Vec<_> =
        listed.map(|(image, about)| (image, about.unwrap_or_default())).collect();
    images.extend(about);
    images
}

impl Case {
    fn new(name: String, report: &VerifyReport, findings: &[&Finding]) -> Self {
        let file = match findings {
            [first, ..] => report.location(first).file,
            [] => report.list.clone(),
        };
        let of = |severity| findings.iter().filter(move |finding| finding.severity == severity);
        let text =
            |severity| of(severity).map(|finding| text_of(report, finding)).collect::<String>();
        let result = match of(Severity::Error).next() {
            Some(first) => Result::Failed {
                code: first.code.name(),
                message: first.message.clone(),
                text: text(Severity::Error),
            },
            None => Result::Passed,
        };
        Self { name, file, result, output: text(Severity::Warning) }
    }
}

fn text_of(report: &VerifyReport, finding: &Finding) -> String {
    let Finding { severity, code, .. } = finding;
    let location = report.location(finding);
    format!("{severity}[{code}] {location}\n{}\n", text::lines(finding).join("\n"))
}

fn counts<'a>(cases: impl Iterator<Item = &'a Case>) -> String {
    let (mut tests, mut failures, mut skipped) = (0, 0, 0);
    for case in cases {
        tests += 1;
        match case.result {
            Result::Passed => {}
            Result::Failed { .. } => failures += 1,
            Result::Skipped => skipped += 1,
        }
    }
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"")
}

fn write_suite(text: &mut String, suite: &Suite) {
    let name = escaped(&suite.name);
    let _ = writeln!(text, "  <testsuite name=\"{name}\" {}>", counts(suite.cases.iter()));
    for case in &suite.cases {
        let (case_name, file) = (escaped(&case.name), escaped(&case.file));
        let _ = write!(
            text,
            "    <testcase classname=\"{name}\" name=\"{case_name}\" file=\"{file}\">"
        );
        match &case.result {
            Result::Passed => {}
            Result::Skipped => {
                let code = Code::CheckNotRun.meaning();
                let _ = write!(text, "<skipped message=\"{}\"/>", escaped(code));
            }
            Result::Failed { code, message, text: all } => {
                let message = escaped(message);
                let _ = write!(text, "<failure type=\"{code}\" message=\"{message}\">");
                let _ = write!(text, "{}</failure>", escaped(all));
            }
        }
        if !case.output.is_empty() {
            let _ = write!(text, "<system-out>{}</system-out>", escaped(&case.output));
        }
        text.push_str("</testcase>\n");
    }
    text.push_str("  </testsuite>\n");
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
