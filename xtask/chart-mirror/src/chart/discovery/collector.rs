//! `Collector`: the position of the walk, and what it has found so far.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::context::{Context, Origin};
use super::discovered::Discovery;
use super::rules::Rules;
use super::shapes::is_registry;
use super::texts::TextImage;
use super::verdict::Verdict;
use crate::chart::found::{
    Evidence, FoundImage, IgnoredText, MalformedReference, ManifestLocation, Mention, MentionKind,
};
use crate::chart::image_reference::ImageReference;
use messages::secret::holds_userinfo;

/// Stands for a text that may be a secret.
const HIDDEN: &str = "***";

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
            Verdict::Image(evidence, reference) => {
                self.image(&found.written, reference, evidence, context);
            }
            Verdict::Mention(kind, reference) => {
                self.mention(&found.written, reference, kind, context);
            }
        }
    }

    pub(super) fn image(
        &mut self,
        written: &str,
        reference: ImageReference,
        evidence: Evidence,
        context: Context,
    ) {
        if context.origin == Origin::Secret && !is_surely_reference(&reference, evidence) {
            return self.hidden(written);
        }
        if !self.ignored(written, written) {
            let (written, place) = (written.to_owned(), self.place.clone());
            self.found.images.push(FoundImage { reference, written, evidence, place });
        }
    }

    /// A text in a Secret that may be a password: only its place is kept.
    fn hidden(&mut self, written: &str) {
        if !self.ignored(written, HIDDEN) {
            let (written, place) = (HIDDEN.to_owned(), self.place.clone());
            let (reference, kind) = (None, MentionKind::Text);
            self.found.mentions.push(Mention { written, reference, kind, place });
        }
    }

    pub(super) fn malformed(&mut self, written: &str, reason: String, context: Context) {
        let (shown, reason) = match context.origin {
            Origin::Secret => {
                (HIDDEN.to_owned(), "the value in the Secret is no reference".to_owned())
            }
            _ if holds_userinfo(written) => {
                let (_, address) = written.rsplit_once('@').unwrap_or_default();
                (format!("{HIDDEN}@{address}"), "it contains credentials".to_owned())
            }
            _ => (written.to_owned(), reason),
        };
        if !self.ignored(written, &shown) {
            let place = self.place.clone();
            self.found.malformed.push(MalformedReference { written: shown, reason, place });
        }
    }

    pub(super) fn mention(
        &mut self,
        written: &str,
        reference: Option<ImageReference>,
        kind: MentionKind,
        context: Context,
    ) {
        let shown = match (context.origin, &reference) {
            (Origin::Secret, Some(reference)) if reference.registry.is_some() => {
                reference.to_string()
            }
            (Origin::Secret, None) if is_registry(written) => written.to_owned(),
            (Origin::Secret, _) => return self.hidden(written),
            _ => written.to_owned(),
        };
        if !self.ignored(written, &shown) {
            let is_documentation = context.origin == Origin::Documentation;
            let kind = if is_documentation { MentionKind::Documentation } else { kind };
            let (written, place) = (shown, self.place.clone());
            self.found.mentions.push(Mention { written, reference, kind, place });
        }
    }

    /// Whether a rule ignores a text. `shown` is what may be kept of it.
    fn ignored(&mut self, written: &str, shown: &str) -> bool {
        let Some((rule, reason)) = self.rules.ignored_by(&self.place, written) else {
            return false;
        };
        self.found.used_ignore_rules.insert(rule);
        let (written, reason) = (shown.to_owned(), reason.to_owned());
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

/// Whether a text in a Secret can only be a reference: `user:password` is also valid, and only a release
/// has a tag such as `v3.7`. A container has no other image.
fn is_surely_reference(reference: &ImageReference, evidence: Evidence) -> bool {
    let is_release = |tag: &str| {
        let number = tag.strip_prefix('v').unwrap_or(tag);
        number.starts_with(|c: char| c.is_ascii_digit()) && number.contains('.')
    };
    reference.registry.is_some()
        || reference.path.contains('/')
        || reference.tag.as_ref().is_some_and(|tag| is_release(tag.as_str()))
        || evidence == Evidence::Container
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
