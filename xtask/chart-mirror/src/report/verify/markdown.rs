//! The verification as Markdown, for the summary of a job or a comment: a table of the checks, and the
//! findings by image.
//!
//! Messages contain foreign text, so everything that has a meaning in Markdown or HTML is escaped.
//! Details are in a code block whose fence they cannot close.

use crate::commands::verify::{Finding, VerifyReport};
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::text;
use crate::list::finding_code::Check;

/// GitHub accepts a summary of 1 MiB per step, and discards a longer one as a whole.
const MOST_BYTES: usize = 900_000;

pub(super) fn report(report: &VerifyReport) -> String {
    let verdict = if report.passes() { "passed" } else { "failed" };
    let mut text = format!("## Verification {verdict}\n\n");
    let _ = writeln!(text, "{}: {}\n", code(&report.list), prose(&text::totals(report)));
    if !report.destinations.is_empty() {
        let destinations: Vec<_> = report.destinations.iter().map(|name| code(name)).collect();
        let _ = writeln!(text, "Destinations: {}\n", destinations.join(", "));
    }
    text.push_str("| check | result |\n|---|---|\n");
    for check in Check::ALL {
        let _ = writeln!(text, "| {check} | {} |", text::state_of(report, check));
    }
    write_findings(&mut text, report);
    text
}

fn write_findings(text: &mut String, report: &VerifyReport) {
    let mut image = None;
    let mut hints = BTreeSet::new();
    for (number, finding) in report.findings.iter().enumerate() {
        let mut section = String::new();
        if number == 0 || finding.image.as_ref() != image {
            let heading = match &finding.image {
                Some(image) => code(&image.to_string()),
                None => "General".to_owned(),
            };
            let _ = writeln!(section, "\n### {heading}\n");
        }
        image = finding.image.as_ref();
        let hint = finding.hint.as_deref().filter(|hint| hints.insert(*hint));
        section += &item(report, finding, hint);
        if text.len() + section.len() > MOST_BYTES {
            let left_out = report.findings.len() - number;
            let _ =
                writeln!(text, "\n{left_out} more findings do not fit here: see the other reports");
            return;
        }
        text.push_str(&section);
    }
}

/// `hint` is left out if an earlier finding has the same one.
fn item(report: &VerifyReport, finding: &Finding, hint: Option<&str>) -> String {
    let place = report.location(finding).to_string();
    let (severity, message) = (finding.severity, prose(&finding.message));
    let mut item =
        format!("- **{severity}** {}: {message} ({})\n", code(finding.code.name()), code(&place));
    if !finding.details.is_empty() {
        let fence = fence(&finding.details);
        let _ = writeln!(item, "\n  {fence}text");
        for detail in &finding.details {
            let _ = writeln!(item, "  {detail}");
        }
        let _ = writeln!(item, "  {fence}\n");
    }
    if let Some(hint) = hint {
        let _ = writeln!(item, "  - hint: {}", prose(hint));
    }
    item
}

/// A fence that is longer than any run of backticks in the text.
fn fence(lines: &[String]) -> String {
    let runs = lines.iter().flat_map(|line| line.split(|c| c != '`')).map(str::len);
    "`".repeat(runs.max().unwrap_or(0).max(2) + 1)
}

/// Messages have literals in backticks. In foreign text, pairs of backticks are treated the same.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let mut prose = String::new();
    for (number, part) in parts.into_iter().enumerate() {
        prose += &if number.is_multiple_of(2) { escaped(part) } else { code(part) };
    }
    prose
}

/// Uses an HTML element, because in a span of backticks neither a backtick nor `|` can be escaped.
fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // These also turn bare words into links, mentions and emoji.
            '\\' | '`' | '*' | '_' | '~' | '[' | ']' | '!' | '|' | '#' | '@' | '$' => {
                escaped.extend(['\\', c]);
            }
            ':' if chars.peek().is_some_and(|next| *next != ' ') => escaped.push_str("\\:"),
            // `www.` is a link without a scheme.
            '.' if escaped.ends_with(['w', 'W']) => escaped.push_str("\\."),
            c => escaped.push(c),
        }
    }
    escaped
}
