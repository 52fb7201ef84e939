//! The inventory of images as JSON.

use serde::Serialize;

use crate::chart::inventory::{Counterpart, Inventory};
use crate::chart::{
    DeclaredDifference, FoundImage, IgnoredText, MalformedReference, ManifestLocation, Mention,
};
use crate::report::json::document;
use oci::Digest;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::report) struct Images<'a> {
    images: Vec<Image<'a>>,
    /// Texts that should be references and are not.
    malformed: Vec<Text<'a>>,
    /// Texts that mention an image or a registry.
    mentions: Vec<Text<'a>>,
    /// What rules of images.toml exclude.
    ignored: Vec<Text<'a>>,
    /// How the images that the chart declares in its Chart.yaml differ. Empty if it declares none.
    declared: &'a DeclaredDifference,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Image<'a> {
    /// Normalised.
    reference: String,
    /// Whether images.toml lists it.
    listed: bool,
    /// The renderings that need it.
    rendered: Vec<&'a str>,
    /// Where the rendered chart names it.
    places: &'a [FoundImage],
    /// The digest in images.toml, else that of the chart.
    digest: Option<&'a Digest>,
    /// The reference in images.toml whose tag this one replaces; null if it is not an update.
    #[serde(rename = "update-of")]
    update_of: Option<String>,
    /// The reference that the chart names instead of this one in images.toml.
    #[serde(rename = "update-to")]
    update_to: Option<String>,
}

/// A text that is not an image to mirror.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Text<'a> {
    written: &'a str,
    /// Why it is malformed or only a mention, or the reason that the rule gives.
    reason: Option<&'a str>,
    #[serde(flatten)]
    place: &'a ManifestLocation,
}

/// One document.
pub fn json(inventory: &Inventory, declared: &DeclaredDifference) -> String {
    let images = inventory.entries.iter().map(|entry| Image {
        reference: entry.reference(),
        listed: entry.listed.is_some(),
        rendered: entry.renderings(),
        places: &entry.found,
        digest: entry.digest.as_ref(),
        update_of: match &entry.counterpart {
            Some(Counterpart::Updates(listed)) => Some(listed.reference().to_string()),
            _ => None,
        },
        update_to: match &entry.counterpart {
            Some(Counterpart::UpdatedTo(reference)) => Some(reference.to_string()),
            _ => None,
        },
    });
    let images = Images {
        images: images.collect(),
        malformed: inventory.malformed.iter().map(Text::malformed).collect(),
        mentions: inventory.mentions.iter().map(Text::mention).collect(),
        ignored: inventory.ignored.iter().map(Text::ignored).collect(),
        declared,
    };
    document("images", images)
}

impl<'a> Text<'a> {
    fn malformed(found: &'a MalformedReference) -> Self {
        Self { written: &found.written, reason: Some(&found.reason), place: &found.place }
    }

    fn mention(found: &'a Mention) -> Self {
        Self {
            written: &found.written,
            reason: Some(found.kind.description()),
            place: &found.place,
        }
    }

    fn ignored(found: &'a IgnoredText) -> Self {
        Self { written: &found.written, reason: Some(&found.reason), place: &found.place }
    }
}
