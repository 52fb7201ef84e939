//! The verification as plain text: findings by image, and those that many images share once.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::text;
use crate::commands::verify::finding::Finding;
use crate::commands::verify::result::VerifyReport;
use crate::list::code::{Check, Severity};
use crate::report::common::{insecure, seconds};

/// Whether to use colours. The text is the same either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Coloured,
}

/// The number of images from which an equal finding is reported once.
const MANY: usize = 3;

/// Every finding, then the totals.
pub(super) fn report(report: &VerifyReport, style: Style) -> String {
    let mut writer = Writer { style, text: String::new(), hints: BTreeSet::new() };
    let (shared, own): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|finding| is_shared(report, finding));
    let mut image = None;
    for finding in own {
        if finding.image.is_some() && finding.image != image {
            writer.image(finding);
        }
        image.clone_from(&finding.image);
        writer.finding(finding, if image.is_some() { "  " } else { "" });
    }
    let mut written: Vec<&Finding> = Vec::new();
    for finding in &shared {
        if written.iter().any(|earlier| are_alike(earlier, finding)) {
            continue;
        }
        let alike = shared.iter().filter(|other| are_alike(other, finding));
        writer.shared(finding, alike.copied());
        written.push(finding);
    }
    writer.text.push_str(&insecure(&report.insecure));
    writer.totals(report);
    writer.text
}

/// Whether many images have an equal finding.
fn is_shared(report: &VerifyReport, finding: &Finding) -> bool {
    finding.image.is_some()
        && finding.details.is_empty()
        && report.findings.iter().filter(|other| are_alike(other, finding)).take(MANY).count()
            == MANY
}

/// Whether two findings differ only in image and location.
fn are_alike(a: &Finding, b: &Finding) -> bool {
    a.details.is_empty()
        && b.details.is_empty()
        && a.image.is_some() == b.image.is_some()
        && (a.code, a.severity, &a.message, &a.hint) == (b.code, b.severity, &b.message, &b.hint)
}

struct Writer {
    style: Style,
    text: String,
    /// The hints that were written. Each is written once.
    hints: BTreeSet<String>,
}

impl Writer {
    fn image(&mut self, finding: &Finding) {
        let name = finding.image.as_ref().map_or_else(String::new, ToString::to_string);
        let name = self.paint(BOLD, &name);
        self.line("", &name);
    }

    fn finding(&mut self, finding: &Finding, indent: &str) {
        let label = self.label(finding);
        self.line(indent, &format!("{label} {}{}", finding.message, place(finding)));
        for detail in &finding.details {
            self.line(indent, &format!("  {detail}"));
        }
        self.hint(finding, indent);
    }

    fn shared<'f>(&mut self, first: &Finding, alike: impl Iterator<Item = &'f Finding>) {
        let label = self.label(first);
        self.line("", &format!("{label} {}", first.message));
        for finding in alike {
            let name = finding.image.as_ref().map_or_else(String::new, ToString::to_string);
            self.line("  ", &format!("{name}{}", place(finding)));
        }
        self.hint(first, "");
    }

    fn hint(&mut self, finding: &Finding, indent: &str) {
        let Some(hint) = &finding.hint else { return };
        if self.hints.insert(hint.clone()) {
            self.line(indent, &format!("  hint: {hint}"));
        }
    }

    fn totals(&mut self, report: &VerifyReport) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        for check in Check::ALL {
            let state = match report.checks.contains(&check) {
                false => "skipped".to_owned(),
                true => text::state(report.count_of(check)),
            };
            self.line("", &format!("{:<12} {state}", check.name()));
        }
        let mut totals = text::totals(report);
        let requests = report.requests;
        if requests.source + requests.destination > 0 {
            let _ = write!(
                totals,
                "; requests: {} to sources, {} to the destination",
                requests.source, requests.destination
            );
        }
        let _ = write!(totals, "; {}", seconds(report.seconds));
        self.line("", &totals);
    }

    fn label(&self, finding: &Finding) -> String {
        let colour = if finding.severity == Severity::Error { RED } else { YELLOW };
        self.paint(colour, &format!("{}[{}]", finding.severity, finding.code))
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        match self.style {
            Style::Plain => text.to_owned(),
            Style::Coloured => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
        }
    }

    fn line(&mut self, indent: &str, line: &str) {
        let _ = writeln!(self.text, "{indent}{line}");
    }
}

const BOLD: &str = "1";
const RED: &str = "1;31";
const YELLOW: &str = "1;33";

fn place(finding: &Finding) -> String {
    finding.location.as_ref().map_or_else(String::new, |location| format!(" ({location})"))
}
