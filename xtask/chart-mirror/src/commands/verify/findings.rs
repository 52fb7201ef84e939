//! Collects what the checks find, each with the severity that the policy gives it.

use super::Subject;
use crate::commands::verify::finding::{Finding, Location};
use crate::list::code::{Check, Code, Severity};
use crate::list::{Image, Place, ValuePath};
use messages::printable::is_unprintable;

pub(super) struct Findings<'a> {
    subject: Subject<'a>,
    is_strict: bool,
    found: Vec<Finding>,
    ignored: usize,
}

impl<'a> Findings<'a> {
    pub(super) fn new(subject: Subject<'a>, is_strict: bool) -> Self {
        Self { subject, is_strict, found: Vec::new(), ignored: 0 }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        match self.severity(finding.code) {
            Severity::Ignore => self.ignored += 1,
            severity => self.found.push(Finding { severity, ..shown(finding) }),
        }
    }

    /// How bad the policy finds it.
    pub(super) fn severity(&self, code: Code) -> Severity {
        let policy = self.subject.list.policy();
        let usual = match code {
            Code::Unpinned if policy.require_pins => Severity::Error,
            code => code.severity(),
        };
        match policy.severities.get(&code).copied().unwrap_or(usual) {
            Severity::Warning if self.is_strict => Severity::Error,
            severity => severity,
        }
    }

    /// What holds for several destinations is found once.
    pub(super) fn add_once(&mut self, finding: Finding) {
        let is_same =
            |have: &Finding| Finding { severity: finding.severity, ..have.clone() } == finding;
        if !self.found.iter().any(is_same) {
            self.add(finding);
        }
    }

    /// A finding about an image of the list.
    pub(super) fn about(
        &self,
        check: Check,
        code: Code,
        image: &Image,
        message: String,
    ) -> Finding {
        let mut finding = Finding::new(check, code, message);
        finding.image = Some(image.reference());
        finding.location = Some(self.in_list(image.place));
        finding
    }

    /// What a command in a hint begins with.
    pub(super) fn command(&self) -> &'a str {
        self.subject.command
    }

    pub(super) fn in_list(&self, place: Place) -> Location {
        Location { file: self.subject.shown.to_owned(), place }
    }

    /// Where a value of the list is said.
    pub(super) fn place_of(&self, path: &ValuePath) -> Option<Location> {
        self.subject.list.place_of_value(path).map(|place| self.in_list(place))
    }

    /// Everything, in the order of the list and of the checks, and how much a policy ignored. What is
    /// about no image comes first.
    pub(super) fn finish(mut self) -> (Vec<Finding>, usize) {
        let images = self.subject.list.images();
        let position = |finding: &Finding| {
            let image = finding.image.as_ref()?;
            let is_it = |listed: &Image| listed.reference() == *image;
            Some(images.iter().position(is_it).unwrap_or(usize::MAX))
        };
        self.found.sort_by_cached_key(|finding| (position(finding), finding.check, finding.code));
        (self.found, self.ignored)
    }
}

/// What charts, servers and programs said, made fit for one line each. The renderers escape further.
fn shown(finding: Finding) -> Finding {
    let clean = |text: String| text.replace(is_unprintable, "");
    Finding {
        message: clean(finding.message),
        details: finding.details.into_iter().map(clean).collect(),
        hint: finding.hint.map(clean),
        ..finding
    }
}
