//! The inventory of images as JSON.

use serde::Serialize;

use crate::chart::FoundImage;
use crate::chart::inventory::Inventory;
use crate::report::json::document;
use oci::Digest;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::report) struct Images<'a> {
    images: Vec<Image<'a>>,
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
}

/// One document.
pub fn json(inventory: &Inventory) -> String {
    let images = inventory.entries.iter().map(|entry| Image {
        reference: entry.reference(),
        listed: entry.listed.is_some(),
        rendered: entry.renderings(),
        places: &entry.found,
        digest: entry.digest.as_ref(),
    });
    document("images", Images { images: images.collect() })
}
