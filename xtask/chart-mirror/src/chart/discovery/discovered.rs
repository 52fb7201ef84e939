//! `Discovery`: what a search finds in a rendering.

use std::collections::BTreeSet;

use crate::chart::found::{FoundImage, IgnoredText, MalformedReference, Mention};

/// What a search finds in one rendering.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Discovery {
    /// Every place that names an image, in the order of the text.
    pub images: Vec<FoundImage>,
    /// Texts that should be references and are not.
    pub malformed: Vec<MalformedReference>,
    /// Texts that name an image or a registry, and are not known to be images.
    pub mentions: Vec<Mention>,
    /// What the rules exclude.
    pub ignored: Vec<IgnoredText>,
    /// The rules that matched: positions in `[[chart.ignore]]` and `[[chart.place]]`.
    pub used_ignore_rules: BTreeSet<usize>,
    pub used_place_rules: BTreeSet<usize>,
}

impl Discovery {
    /// Adds what a search found in another rendering.
    pub fn add(&mut self, other: Self) {
        self.images.extend(other.images);
        self.malformed.extend(other.malformed);
        self.mentions.extend(other.mentions);
        self.ignored.extend(other.ignored);
        self.used_ignore_rules.extend(other.used_ignore_rules);
        self.used_place_rules.extend(other.used_place_rules);
    }
}
