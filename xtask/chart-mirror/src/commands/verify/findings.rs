//! Collects what the checks find, each with the severity that the policy gives it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::context::Context;
use super::finding::{Finding, Location};
use super::input::Input;
use super::options::VerifyOptions;
use crate::list::finding_code::{Check, Code, Severity};
use crate::list::{Image, Place, ValuePath};
use oci::Reference;

pub(super) struct Findings<'a> {
    input: Input<'a>,
    options: &'a VerifyOptions,
    /// The images to check. Findings about others are dropped.
    selected: BTreeSet<Reference>,
    /// The destination that the findings to come are about.
    destination: Option<String>,
    findings: Vec<Finding>,
    /// The positions of the findings by their messages.
    by_message: HashMap<String, Vec<usize>>,
    ignored: usize,
}

impl<'a> Findings<'a> {
    pub(super) fn new(context: &Context<'a>) -> Self {
        let (input, options) = (context.input, context.options);
        let selected = context.selected.clone();
        let (findings, by_message) = (Vec::new(), HashMap::new());
        Self { input, options, selected, destination: None, findings, by_message, ignored: 0 }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        let is_other = |image: &Reference| !self.selected.contains(image);
        if !self.options.images.is_empty() && finding.image.as_ref().is_some_and(is_other) {
            return;
        }
        match self.severity(finding.code) {
            Severity::Ignore => self.ignored += 1,
            severity => {
                let position = self.findings.len();
                self.by_message.entry(finding.message.clone()).or_default().push(position);
                self.findings.push(Finding { severity, ..finding });
            }
        }
    }

    /// What is added next is about this destination; about none in particular without one.
    pub(super) fn of_destination(&mut self, name: Option<&str>) {
        self.destination = name.map(str::to_owned);
    }

    /// The severity of a code under the policy.
    pub(super) fn severity(&self, code: Code) -> Severity {
        let policy = self.input.list.policy();
        let default = match code {
            Code::Unpinned if policy.require_pins.unwrap_or_default() => Severity::Error,
            code => code.severity(),
        };
        match policy.severities.get(&code).copied().unwrap_or(default) {
            Severity::Warning if self.options.strict => Severity::Error,
            severity => severity,
        }
    }

    /// Adds a finding unless there is an equal one: several destinations may share it.
    pub(super) fn add_once(&mut self, finding: Finding) {
        let is_same = |have: &usize| {
            let have = self.findings[*have].clone();
            Finding { severity: finding.severity, ..have } == finding
        };
        let with_message = self.by_message.get(&finding.message);
        if !with_message.into_iter().flatten().any(is_same) {
            self.add(finding);
        }
    }

    /// A finding about an image of the list, if it is about one.
    pub(super) fn about<'i>(
        &self,
        check: Check,
        code: Code,
        image: impl Into<Option<&'i Image>>,
        message: impl Into<String>,
    ) -> Finding {
        let image = image.into();
        Finding {
            image: image.map(Image::reference),
            destination: self.destination.clone(),
            location: image.map(|image| self.in_list(image.place)),
            ..Finding::new(check, code, message)
        }
    }

    /// Where the list sets a value.
    pub(super) fn location_of(&self, path: &ValuePath) -> Option<Location> {
        self.input.list.place_of_value(path).map(|place| self.in_list(place))
    }

    /// All findings, and how many the policy ignored. Those about no image come first, then the
    /// others in the order of the list and of the checks.
    pub(super) fn finish(mut self) -> (Vec<Finding>, usize) {
        let images = self.input.list.images().iter().map(Image::reference);
        let positions: BTreeMap<_, _> = images.zip(0..).collect();
        let position = |finding: &Finding| {
            Some(positions.get(finding.image.as_ref()?).copied().unwrap_or(usize::MAX))
        };
        self.findings.sort_by_cached_key(|found| (position(found), found.check, found.code));
        (self.findings, self.ignored)
    }

    pub(super) fn in_list(&self, place: Place) -> Location {
        Location { file: self.input.file_name.to_owned(), place }
    }
}

/// The first lines of the details of a finding, and how many more there are of `noun`.
pub(super) fn shortened(mut lines: Vec<String>, most: usize, noun: &str) -> Vec<String> {
    let more = lines.len().saturating_sub(most);
    if more > 0 {
        lines.truncate(most);
        lines.push(format!("and {more} more{noun}"));
    }
    lines
}
