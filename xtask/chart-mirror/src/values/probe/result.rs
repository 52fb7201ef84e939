//! `ProbeResult`: the values that move each image of a chart.

use std::collections::BTreeSet;

use super::chart_list::ChartList;
use super::reference_part::ReferencePart;
use crate::chart::ManifestLocation;
use crate::list::ValuePath;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProbeResult {
    /// Every place that names an image, with the values that move it.
    pub places: Vec<ProbedPlace>,
    /// Candidates with which the chart does not render.
    pub refused: Vec<String>,
    /// The lists in the chart's values.
    pub lists: Vec<ChartList>,
    pub candidates: usize,
    pub renderings: usize,
}

/// A place in a rendering that names an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbedPlace {
    /// The normalised reference that the chart has there by default.
    pub image: String,
    pub place: ManifestLocation,
    pub keys: BTreeSet<ReferenceKey>,
}

/// A value that becomes part of a reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReferenceKey {
    pub path: ValuePath,
    pub part: ReferencePart,
}

impl ProbedPlace {
    /// The values that can move the image to another registry.
    pub(super) fn moving_keys(&self) -> impl Iterator<Item = &ReferenceKey> + Clone {
        self.keys.iter().filter(|key| key.part.moves_image())
    }
}
