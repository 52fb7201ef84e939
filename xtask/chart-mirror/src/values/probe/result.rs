//! `ProbeResult`: the values that move each image of a chart, and what is known about the others.

use std::collections::{BTreeMap, BTreeSet};

use super::chart_list::ChartList;
use super::contribution::Contribution;
use crate::chart::{Evidence, ImageReference, MalformedReference, ManifestLocation};
use crate::list::ValuePath;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProbeResult {
    /// Every place that names an image, with the values that move it.
    pub places: Vec<ProbedPlace>,
    /// Images that are not references, each once. No value is searched for them.
    pub malformed: Vec<MalformedReference>,
    /// Values that the chart refuses, with its words.
    pub refused: Vec<Refusal>,
    /// Values that no rendering could show, because the chart refuses them or the renderings ran out.
    pub untried: BTreeSet<ValuePath>,
    /// The names of the renderings of the chart for which renderings ran out.
    pub exhausted: Vec<String>,
    /// The switches that the chart requires before it accepts other images.
    pub switches: Vec<Switch>,
    /// What values change besides images: addresses of the application, in the words of reports.
    pub also_changed: BTreeMap<ValuePath, BTreeSet<String>>,
    /// The lists in the chart's values.
    pub lists: Vec<ChartList>,
    pub candidates: usize,
    pub renderings: usize,
}

/// A place in a rendering that names an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbedPlace {
    /// What the chart has there by default.
    pub reference: ImageReference,
    pub place: ManifestLocation,
    /// Why it counts as an image.
    pub evidence: Option<Evidence>,
    /// Whether only `helm test` creates the object.
    pub is_test: bool,
    pub keys: BTreeSet<ReferenceKey>,
    pub outcome: Outcome,
}

/// What is known about a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its keys move it.
    Movable,
    /// Its keys move it as soon as switches of the chart are set.
    MovableWithSwitch,
    /// The chart refuses each value that could move it.
    Refused(Refusal),
    /// No value moves it: every candidate was set while nothing hid it.
    Fixed,
    /// Not known: these values were not tried, for this reason.
    Unsettled { untried: Vec<Untried>, reason: UnsettledReason },
}

/// What was not tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untried {
    /// `None` for all values of the chart.
    pub path: Option<ValuePath>,
    /// The template that uses it, with the line.
    pub used_at: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsettledReason {
    #[error("the renderings ran out")]
    RenderingsRanOut,
    #[error("other values hide them, or the place changes in every rendering")]
    Hidden,
    #[error("several values make up its registry")]
    ComposedRegistry,
    #[error("a longer text names it, and probing does not change such texts")]
    WithinText,
    #[error(
        "the template uses values for it that are no texts, are compared, or cannot be set one by one"
    )]
    UsedByTemplate,
    #[error("a `[[chart.rendering]]` sets them, or the list that contains them")]
    SetByRendering,
    #[error("the template does not show where it comes from")]
    UnknownOrigin,
}

impl From<ValuePath> for Untried {
    fn from(path: ValuePath) -> Self {
        Self { path: Some(path), used_at: None }
    }
}

/// A value that the chart refuses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    pub path: ValuePath,
    /// The words of the chart, printable and short.
    pub words: String,
}

/// A boolean that the chart requires before it accepts other images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    pub path: ValuePath,
    pub value: bool,
    /// The words with which the chart names it.
    pub words: String,
}

/// A value that becomes part of a reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReferenceKey {
    pub path: ValuePath,
    pub contribution: Contribution,
}

impl ProbedPlace {
    /// The reference with its registry, and with `library/` where Docker Hub has it.
    pub fn image(&self) -> String {
        self.reference.normalised()
    }

    /// The values that can move the image to another registry.
    pub fn moving_keys(&self) -> impl Iterator<Item = &ReferenceKey> + Clone {
        self.keys.iter().filter(|key| key.contribution.moves_image())
    }

    pub(super) fn key(&self, path: &ValuePath) -> Option<&ReferenceKey> {
        self.keys.iter().find(|key| key.path == *path)
    }
}
