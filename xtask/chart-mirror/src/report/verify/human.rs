//! The verification for people: by image, and what many images have in common once.

use crate::commands::verify::finding::{Finding, Location};
use crate::commands::verify::result::VerifyReport;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::text;
use crate::list::code::{Check, Code, Severity};
use crate::report::common::{insecure, seconds};

/// How the text may be decorated. It says the same either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Coloured,
}

/// So many images with the same finding are told together.
const MANY: usize = 3;

/// Every finding, then the sum.
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
    let mut told: Vec<&Finding> = Vec::new();
    for finding in &shared {
        if told.iter().any(|have| is_alike(have, finding)) {
            continue;
        }
        let alike = shared.iter().filter(|other| is_alike(other, finding));
        writer.together(finding, alike.copied());
        told.push(finding);
    }
    writer.text.push_str(&insecure(&report.insecure));
    writer.sum(report);
    writer.text
}

/// Whether the same can be said of many images.
fn is_shared(report: &VerifyReport, finding: &Finding) -> bool {
    finding.image.is_some()
        && finding.details.is_empty()
        && report.findings.iter().filter(|other| is_alike(other, finding)).take(MANY).count()
            == MANY
}

fn is_alike(a: &Finding, b: &Finding) -> bool {
    type Said<'a> = (Code, Severity, &'a str, Option<&'a str>, bool);
    fn said(finding: &Finding) -> Said<'_> {
        let Finding { code, severity, message, hint, image, .. } = finding;
        (*code, *severity, message, hint.as_deref(), image.is_some())
    }
    said(a) == said(b) && a.details.is_empty() && b.details.is_empty()
}

struct Writer {
    style: Style,
    text: String,
    /// Those that were given: once is enough.
    hints: BTreeSet<String>,
}

impl Writer {
    fn image(&mut self, finding: &Finding) {
        let name = finding.image.as_ref().map_or_else(String::new, ToString::to_string);
        let name = self.paint(BOLD, &name);
        self.line("", &name);
    }

    fn finding(&mut self, finding: &Finding, indent: &str) {
        let place = finding
            .location
            .as_ref()
            .map_or_else(String::new, |location| format!(" ({})", place(location)));
        let label = self.label(finding);
        self.line(indent, &format!("{label} {}{place}", finding.message));
        for detail in &finding.details {
            self.line(indent, &format!("  {detail}"));
        }
        self.hint(finding, indent);
    }

    fn together<'f>(&mut self, first: &Finding, alike: impl Iterator<Item = &'f Finding>) {
        let label = self.label(first);
        self.line("", &format!("{label} {}", first.message));
        for finding in alike {
            let name = finding.image.as_ref().map_or_else(String::new, ToString::to_string);
            let place = finding
                .location
                .as_ref()
                .map_or_else(String::new, |location| format!(" ({})", place(location)));
            self.line("  ", &format!("{name}{place}"));
        }
        self.hint(first, "");
    }

    fn hint(&mut self, finding: &Finding, indent: &str) {
        let Some(hint) = &finding.hint else { return };
        if self.hints.insert(hint.clone()) {
            self.line(indent, &format!("  hint: {hint}"));
        }
    }

    fn sum(&mut self, report: &VerifyReport) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        for check in Check::ALL {
            let state = match report.checks.contains(&check) {
                false => "not asked for".to_owned(),
                true => text::state(report.count_of(check)),
            };
            self.line("", &format!("{:<12} {state}", check.name()));
        }
        let mut sum = text::totals(report);
        let requests = report.requests;
        if requests.source + requests.destination > 0 {
            let _ = write!(
                sum,
                "; requests: {} to sources, {} to the destination",
                requests.source, requests.destination
            );
        }
        let _ = write!(sum, "; {}", seconds(report.took.as_secs_f64()));
        self.line("", &sum);
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

fn place(location: &Location) -> String {
    format!("{}:{}:{}", location.file, location.place.line, location.place.column)
}
