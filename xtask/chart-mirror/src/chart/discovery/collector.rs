//! `Collector`: the position of the walk, and what it has found so far.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::context::{Context, Origin};
use super::discovered::Discovery;
use super::rules::Rules;
use super::texts::{TextImage, Verdict};
use crate::chart::found::{
    Evidence, FoundImage, IgnoredText, MalformedReference, ManifestLocation, Mention, MentionKind,
};
use crate::chart::image_reference::ImageReference;

pub(super) struct Collector<'a> {
    /// The current position.
    pub(super) place: ManifestLocation,
    pub(super) rules: Rules<'a>,
    /// Registries of which also the bare name is a mention.
    pub(super) hosts: &'a BTreeSet<&'a str>,
    pub(super) found: Discovery,
}

impl<'a> Collector<'a> {
    pub(super) fn new(rendering: &str, rules: Rules<'a>, hosts: &'a BTreeSet<&'a str>) -> Self {
        let place = ManifestLocation {
            rendering: rendering.to_owned(),
            template: None,
            kind: String::new(),
            name: String::new(),
            path: String::new(),
        };
        Self { place, rules, hosts, found: Discovery::default() }
    }

    pub(super) fn text_image(&mut self, found: TextImage<'_>, context: Context) {
        match found.verdict {
            Verdict::Image(evidence) => self.image(found.written, found.reference, evidence),
            Verdict::Mention(kind) => {
                self.mention(found.written, Some(found.reference), kind, context);
            }
        }
    }

    pub(super) fn image(&mut self, written: &str, reference: ImageReference, evidence: Evidence) {
        if !self.ignored(written) {
            let (written, place) = (written.to_owned(), self.place.clone());
            self.found.images.push(FoundImage { reference, written, evidence, place });
        }
    }

    pub(super) fn malformed(&mut self, written: &str, reason: String) {
        if !self.ignored(written) {
            let (written, place) = (written.to_owned(), self.place.clone());
            self.found.malformed.push(MalformedReference { written, reason, place });
        }
    }

    pub(super) fn mention(
        &mut self,
        written: &str,
        reference: Option<ImageReference>,
        kind: MentionKind,
        context: Context,
    ) {
        if !self.ignored(written) {
            let is_documentation = context.origin == Origin::Documentation;
            let kind = if is_documentation { MentionKind::Documentation } else { kind };
            let (written, place) = (written.to_owned(), self.place.clone());
            self.found.mentions.push(Mention { written, reference, kind, place });
        }
    }

    fn ignored(&mut self, written: &str) -> bool {
        let Some((rule, reason)) = self.rules.ignored_by(&self.place, written) else {
            return false;
        };
        self.found.used_ignore_rules.insert(rule);
        let (written, reason) = (written.to_owned(), reason.to_owned());
        self.found.ignored.push(IgnoredText { written, reason, place: self.place.clone() });
        true
    }

    pub(super) fn at_line(&mut self, number: usize, collect: impl FnOnce(&mut Self)) {
        let length = self.place.path.len();
        // Writing to a `String` cannot fail.
        let _ = write!(self.place.path, " > line {number}");
        collect(self);
        self.place.path.truncate(length);
    }
}

/// Adds a key to the path of a place.
pub(super) fn push_key(path: &mut String, key: &str) {
    let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_plain) {
        if !path.is_empty() && !path.ends_with(' ') {
            path.push('.');
        }
        path.push_str(key);
    } else {
        // Writing to a `String` cannot fail.
        let _ = write!(path, "[{key:?}]");
    }
}
