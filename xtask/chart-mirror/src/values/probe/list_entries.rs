//! The entries of images.toml that a list of the chart needs.
//!
//! Helm replaces a list as a whole. Values that move an image in a list have to contain every scalar of
//! every item: as a template where probing found its meaning, otherwise as the chart has it.

use std::collections::BTreeSet;

use serde_yaml::Value;

use super::chart_list::{ChartList, Unsupported, UnsupportedValue, literal};
use super::reference_part::ReferencePart;
use super::result::ProbeResult;
use crate::chart::ImageReference;
use crate::list::{Image, ImageList, SetValue, ValuePath};
use crate::values::listed::listed;
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
    list: &ImageList,
    probed: &ProbeResult,
    present: &BTreeSet<&ValuePath>,
) -> Result<Vec<MissingEntry>, Vec<UnsupportedValue>> {
    let mut unsupported = chart_list.unsupported.clone();
    let mut entries = Vec::new();
    for (path, value) in chart_list.leaves.iter().filter(|(path, _)| !present.contains(path)) {
        let path = path.clone();
        match value_of(&path, value, list, probed) {
            Ok(value) => {
                entries.push(MissingEntry { owner: owner(&path, list, probed), path, value });
            }
            Err(reason) => unsupported.push(UnsupportedValue { path, reason }),
        }
    }
    if unsupported.is_empty() { Ok(entries) } else { Err(unsupported) }
}

/// The listed image of a reference in the chart.
pub(super) fn listed_image<'a>(list: &'a ImageList, reference: &str) -> Option<&'a Image> {
    listed(list, &reference.parse().ok()?)
}

/// The images whose references contain matching values, with the part that each value is.
fn parts<'a>(
    probed: &'a ProbeResult,
    matches: impl Fn(&ValuePath) -> bool + 'a,
) -> impl Iterator<Item = (&'a str, ReferencePart)> {
    probed.places.iter().flat_map(move |place| {
        let keys = place.keys.iter().filter(|key| matches(&key.path)).collect::<Vec<_>>();
        keys.into_iter().map(|key| (place.image.as_str(), key.part))
    })
}

/// The image that an entry belongs to: the one that contains the value, otherwise the only one of its
/// item.
fn owner(path: &ValuePath, list: &ImageList, probed: &ProbeResult) -> Option<Reference> {
    let item = path.list()?.keys().len() + 1;
    for length in (item..=path.keys().len()).rev() {
        let around = path.first(length);
        let images: BTreeSet<&str> =
            parts(probed, |part| around.leads_to(part)).map(|(image, _)| image).collect();
        let images: Vec<&str> = images.into_iter().collect();
        match images.as_slice() {
            [] => {}
            [only] => return listed_image(list, only).map(|image| image.reference()),
            _ => return None,
        }
    }
    None
}

fn value_of(
    path: &ValuePath,
    value: &Value,
    list: &ImageList,
    probed: &ProbeResult,
) -> Result<SetValue, Unsupported> {
    let parts: BTreeSet<(&str, ReferencePart)> = parts(probed, |part| part == path).collect();
    let images: BTreeSet<&str> = parts.iter().map(|(image, _)| *image).collect();
    let image = images.iter().find_map(|image| listed_image(list, image));
    // A part that moves the image is more specific than one that does not.
    let part = parts.iter().map(|(_, part)| *part).min_by_key(|part| !part.moves_image());
    let original = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.contains(['{', '}']) => {
            return Err(Unsupported::Brace);
        }
        Value::String(text) => text.clone(),
        _ => return literal(value),
    };
    let text = match (part, image) {
        (Some(part), Some(image)) if images.len() == 1 => template(part, &original, image),
        // Several images may share a registry.
        (Some(ReferencePart::Registry), Some(_)) => Some(registry(&original)),
        _ => None,
    };
    text.map_or_else(|| literal(value), |text| Ok(SetValue::String(text)))
}

/// The template for a value of the chart; `None` if the value is not exactly that part of the image.
fn template(part: ReferencePart, original: &str, image: &Image) -> Option<String> {
    let is_part = match part {
        ReferencePart::Registry => return Some(registry(original)),
        ReferencePart::RegistryAndRepository | ReferencePart::Reference => {
            let reference = original.parse().ok();
            let reference = reference.map(|reference| whole(&reference, image));
            return Some(reference.unwrap_or_else(|| part.template().to_owned()));
        }
        ReferencePart::Repository => {
            let path = image.source.path().as_str();
            original == path || path.strip_prefix("library/") == Some(original)
        }
        ReferencePart::Tag => original == image.tag.as_str(),
        ReferencePart::Digest => {
            image.digest.as_ref().is_some_and(|digest| digest.as_str() == original)
        }
    };
    is_part.then(|| part.template().to_owned())
}

/// For `quay.io`, or for `quay.io/team` if the chart appends the rest of the path.
fn registry(original: &str) -> String {
    match original.trim_end_matches('/').split_once('/') {
        Some((_, path)) => format!("{{registry}}/{path}"),
        None => "{registry}".to_owned(),
    }
}

fn whole(reference: &ImageReference, image: &Image) -> String {
    let mut text = if reference.repository == image.source {
        ReferencePart::RegistryAndRepository.template().to_owned()
    } else {
        // The start of the path: the chart appends the rest.
        format!("{{registry}}/{}", reference.path)
    };
    if let Some(tag) = &reference.tag {
        text += &if *tag == image.tag { ":{tag}".to_owned() } else { format!(":{tag}") };
    }
    if let Some(digest) = &reference.digest {
        let is_pin = image.digest.as_ref() == Some(digest);
        text += &if is_pin { "@{digest}".to_owned() } else { format!("@{digest}") };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_becomes_a_template_only_if_it_is_that_part_of_the_image() {
        let list = ImageList::parse(
            "images.toml",
            "[[image]]\nsource = \"quay.io/team/app\"\ntag = \"1.2\"\n",
        )
        .unwrap();
        let digest = format!("sha256:{}", "a".repeat(64));
        let reference = format!("quay.io/team/app:1.2@{digest}");
        let pinned = format!("{{registry}}/{{repository}}:{{tag}}@{digest}");
        let table = [
            (ReferencePart::Registry, "quay.io", Some("{registry}")),
            (ReferencePart::Registry, "", Some("{registry}")),
            (ReferencePart::Registry, "quay.io/team/", Some("{registry}/team")),
            (ReferencePart::Repository, "team/app", Some("{repository}")),
            (ReferencePart::Repository, "app", None),
            (ReferencePart::Tag, "1.2", Some("{tag}")),
            (ReferencePart::Tag, "-debian", None),
            (ReferencePart::Digest, &digest, None),
            (
                ReferencePart::RegistryAndRepository,
                "quay.io/team/app",
                Some("{registry}/{repository}"),
            ),
            (ReferencePart::RegistryAndRepository, "quay.io/team", Some("{registry}/team")),
            (
                ReferencePart::Reference,
                "quay.io/team/app:1.2",
                Some("{registry}/{repository}:{tag}"),
            ),
            (ReferencePart::Reference, &reference, Some(&pinned)),
        ];
        for (part, original, expected) in table {
            let found = template(part, original, &list.images()[0]);
            assert_eq!(found.as_deref(), expected, "{part:?} {original}");
        }
    }
}
