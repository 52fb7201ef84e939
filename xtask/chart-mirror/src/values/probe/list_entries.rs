//! The entries of images.toml that a list of the chart needs.
//!
//! Helm replaces a list as a whole. Values that move an image in a list have to contain every scalar of
//! every item: as a template where probing found its meaning, otherwise as the chart has it.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::chart_list::{ChartList, Unsupported, UnsupportedValue, literal};
use super::contribution::Contribution;
use super::result::{ProbeResult, ProbedPlace};
use super::setting::{Notation, is_for_one_image, is_whole, setting};
use super::targets::Targets;
use crate::list::{Image, SetValue, ValuePath};
use oci::Reference;

/// An entry that images.toml lacks.
pub(super) struct MissingEntry {
    /// The image that it belongs to; `None` for `[values]`.
    pub(super) owner: Option<Reference>,
    pub(super) path: ValuePath,
    pub(super) value: SetValue,
}

/// The entries that images.toml lacks for a list.
///
/// # Errors
/// With the values that images.toml cannot express.
pub(super) fn missing_entries(
    chart_list: &ChartList,
    targets: &Targets<'_>,
    probed: &ProbeResult,
    present: &BTreeSet<&ValuePath>,
) -> Result<Vec<MissingEntry>, Vec<UnsupportedValue>> {
    let mut unsupported = chart_list.unsupported.clone();
    let mut entries = Vec::new();
    for (path, value) in chart_list.leaves.iter().filter(|(path, _)| !present.contains(path)) {
        let path = path.clone();
        match value_of(&path, value, targets, probed) {
            Ok(value) => {
                entries.push(MissingEntry { owner: owner(&path, targets, probed), path, value });
            }
            Err(reason) => unsupported.push(UnsupportedValue { path, reason }),
        }
    }
    if unsupported.is_empty() { Ok(entries) } else { Err(unsupported) }
}

/// The places with matching values, with what each value contributes.
fn contributions<'a>(
    probed: &'a ProbeResult,
    matches: impl Fn(&ValuePath) -> bool + 'a,
) -> impl Iterator<Item = (&'a ProbedPlace, &'a Contribution)> {
    probed.places.iter().flat_map(move |place| {
        let keys = place.keys.iter().filter(|key| matches(&key.path)).collect::<Vec<_>>();
        keys.into_iter().map(move |key| (place, &key.contribution))
    })
}

/// The image that an entry belongs to: the one that contains the value, otherwise the only one of its
/// item.
fn owner(path: &ValuePath, targets: &Targets<'_>, probed: &ProbeResult) -> Option<Reference> {
    let item = path.list()?.keys().len() + 1;
    for length in (item..=path.keys().len()).rev() {
        let around = path.first(length);
        let places: Vec<&ProbedPlace> =
            contributions(probed, |key| around.leads_to(key)).map(|(place, _)| place).collect();
        let images: BTreeSet<String> = places.iter().map(|place| place.image()).collect();
        match (places.first(), images.len()) {
            (None, _) => {}
            (Some(place), 1) => return targets.image_at(place).map(Image::reference),
            _ => return None,
        }
    }
    None
}

fn value_of(
    path: &ValuePath,
    value: &Value,
    targets: &Targets<'_>,
    probed: &ProbeResult,
) -> Result<SetValue, Unsupported> {
    let original = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.contains(['{', '}']) => return Err(Unsupported::Brace),
        Value::String(text) => text.clone(),
        _ => return literal(value),
    };
    let mut found: Vec<_> = contributions(probed, |key| key == path).collect();
    // A part that moves the image is more specific than one that does not.
    found.sort_by_key(|(_, contribution)| !contribution.moves_image());
    let images: BTreeSet<String> = found.iter().map(|(place, _)| place.image()).collect();
    let texts = found.iter().filter_map(|(place, contribution)| {
        let image = targets.image_at(place)?;
        let is_exact = is_whole(contribution, &place.reference, &original);
        let text =
            || setting(contribution, &place.reference, image, targets, Notation::Placeholders);
        (is_exact || contribution.moves_image()).then(text).flatten()
    });
    let texts: Vec<String> = texts.collect();
    let text = match texts.as_slice() {
        [first, ..] if images.len() == 1 => Some(first),
        // Several images may share a registry.
        [first, rest @ ..] if !is_for_one_image(first) => {
            rest.iter().all(|text| text == first).then_some(first)
        }
        _ => None,
    };
    text.map_or_else(|| literal(value), |text| Ok(SetValue::String(text.clone())))
}
