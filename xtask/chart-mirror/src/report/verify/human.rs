//! The verification as plain text: findings by image. A cause that several images share is
//! reported once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::text;
use crate::commands::verify::{Finding, VerifyReport};
use crate::list::finding_code::{Check, Code, Severity};
use crate::report::common::{count, insecure, requests, seconds};
use crate::report::failures::listed;
use crate::report::presentation::Presentation;

/// An equal finding of at least this many images is reported once. A failure that two of them share is
/// one failure.
const MANY: usize = 3;
const SEVERAL: usize = 2;

/// What equal findings of several images have in common.
type Shared<'f> = (Code, Severity, &'f str, Option<&'f str>);

/// Every finding, then the totals.
pub(super) fn report(report: &VerifyReport, presentation: Presentation) -> String {
    let mut writer = Writer { presentation, text: String::new(), hints: BTreeSet::new() };
    let mut groups: BTreeMap<Shared<'_>, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        groups
            .entry(shared(finding))
            .or_default()
            .extend(may_be_shared(finding).then_some(finding));
    }
    groups.retain(|_, group| {
        let is_failure = group.iter().any(|finding| finding.shared_cause.is_some());
        group.len() >= if is_failure { SEVERAL } else { MANY }
    });
    let is_shared =
        |finding: &&Finding| may_be_shared(finding) && groups.contains_key(&shared(finding));
    let (in_groups, own): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(is_shared);
    let mut image = None;
    for finding in own {
        if finding.image.is_some() && finding.image != image {
            writer.image(finding);
        }
        image.clone_from(&finding.image);
        writer.finding(finding, if image.is_some() { "  " } else { "" });
    }
    for finding in in_groups {
        if let Some(group) = groups.remove(&shared(finding)) {
            writer.shared(finding, &group);
        }
    }
    writer.text.push_str(&insecure(&report.insecure));
    writer.totals(report);
    writer.text
}

fn shared(finding: &Finding) -> Shared<'_> {
    (finding.code, finding.severity, cause(finding), finding.hint.as_deref())
}

fn cause(finding: &Finding) -> &str {
    finding.shared_cause.as_ref().unwrap_or(&finding.message)
}

fn may_be_shared(finding: &Finding) -> bool {
    finding.image.is_some() && finding.details.is_empty()
}

struct Writer {
    presentation: Presentation,
    text: String,
    /// The hints that were written. Each is written once.
    hints: BTreeSet<String>,
}

impl Writer {
    fn image(&mut self, finding: &Finding) {
        let name = self.presentation.style.heading(&image_name(finding));
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

    fn shared(&mut self, first: &Finding, group: &[&Finding]) {
        let label = self.label(first);
        let images = count(group.len() as u64, "image");
        self.line("", &format!("{label} {images}: {}", cause(first)));
        let names = group.iter().map(|finding| image_name(finding) + &place(finding));
        for line in listed(names.collect(), self.presentation.detail) {
            self.line("  ", &line);
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
            self.line("", &format!("{:<12} {}", check.name(), text::state_of(report, check)));
        }
        let mut totals = text::totals(report);
        if report.requests.source + report.requests.destination > 0 {
            let _ = write!(totals, "; requests: {}", requests(&report.requests));
        }
        let _ = write!(totals, "; {}", seconds(report.seconds));
        self.line("", &totals);
    }

    fn label(&self, finding: &Finding) -> String {
        let label = format!("{}[{}]", finding.severity, finding.code);
        match finding.severity {
            Severity::Error => self.presentation.style.error(&label),
            _ => self.presentation.style.warning(&label),
        }
    }

    fn line(&mut self, indent: &str, line: &str) {
        let _ = writeln!(self.text, "{indent}{line}");
    }
}

fn image_name(finding: &Finding) -> String {
    finding.image.as_ref().map_or_else(String::new, ToString::to_string)
}

fn place(finding: &Finding) -> String {
    finding.location.as_ref().map_or_else(String::new, |location| format!(" ({location})"))
}
