//! `BundleInventory`: what a bundle has, as its file `inventory.json`.

use std::collections::{BTreeMap, HashMap};

use messages::Advice;
use oci::{Digest, Platforms, Reference};
use serde::{Deserialize, Serialize};

use super::difference::LeftOut;

/// Its name in a bundle.
pub const FILE: &str = "inventory.json";

/// The list of a bundle, or its workspace.
pub const ROOT: &str = "images.toml";

/// The index of the layout.
pub const INDEX: &str = "index.json";

/// What it does not list, because it is not the same in each part, or always the same.
pub const UNLISTED_FILES: [&str; 4] = [FILE, "SHA256SUMS", "parts.json", "oci-layout"];

/// Written into the file, so that another file is not taken for one.
const KIND: &str = "bundle";
const VERSION: u32 = 1;

/// What a bundle has. It is the same in each of several parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BundleInventory {
    version: u32,
    kind: String,
    /// How many parts the bundle has; 1 if it is not divided.
    pub parts: u32,
    /// The only platforms of each image; null if the images are whole.
    pub platforms: Option<Platforms>,
    /// Whether attachments such as signatures were copied with the images.
    pub attachments: bool,
    /// Sorted by name.
    pub lists: Vec<BundledList>,
    pub images: Vec<BundledImage>,
    pub charts: Vec<BundledChart>,
    /// Every other file of the bundle with its digest, except for `inventory.json`, `SHA256SUMS` and what a layout
    /// or a part is recognised by.
    pub files: BTreeMap<String, Digest>,
    /// The blobs in the bundle with their sizes in bytes. Manifests are not among them.
    pub blobs: BTreeMap<Digest, u64>,
    /// What the bundle leaves out; null if it is complete.
    pub against: Option<CountedOn>,
}

/// An image list in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BundledList {
    /// The folder of a member of a workspace; `.` for the list of the bundle itself.
    pub name: String,
    /// Its file in the bundle.
    pub file: String,
}

/// An image in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BundledImage {
    /// The name of its list.
    pub list: String,
    /// The full source reference, which is its name in the layout.
    pub source: Reference,
    /// What the tag names in the bundle.
    pub digest: Digest,
    /// The whole index that it was made from; null unless the bundle has only some of its platforms.
    pub made_from: Option<Digest>,
    /// Where the image goes; null unless the bundle was written for a destination.
    pub target: Option<Reference>,
}

/// A chart in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BundledChart {
    /// The name of its list.
    pub list: String,
    /// Its repository with name and version, or its path.
    pub source: String,
    /// Its name in the layout: `REPOSITORY:TAG`.
    pub name: String,
    pub digest: Digest,
    /// Its archive, a file of the bundle.
    pub archive: String,
}

/// What the destination of the bundle has to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CountedOn {
    /// As the inventory of the destination names it.
    pub destination: String,
    /// The blobs that are not in the bundle, and where the destination has them.
    pub left_out: Vec<LeftOut>,
}

/// Why a text is not an inventory that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInventory {
    #[error("it is not the inventory of a bundle: {0}")]
    Malformed(String),
    #[error("it is a `{}` of version {version}, not a `{KIND}` of version {VERSION}", .kind.escape_debug())]
    OtherVersion { version: u32, kind: String },
}

impl From<&InvalidInventory> for Advice {
    fn from(invalid: &InvalidInventory) -> Self {
        let advice = Self::new(invalid.to_string());
        match invalid {
            InvalidInventory::Malformed(_) => advice,
            InvalidInventory::OtherVersion { .. } => {
                advice.with_hint("use the program that wrote it, or a newer one")
            }
        }
    }
}

impl BundleInventory {
    pub fn new() -> Self {
        Self {
            version: VERSION,
            kind: KIND.to_owned(),
            parts: 1,
            platforms: None,
            attachments: false,
            lists: Vec::new(),
            images: Vec::new(),
            charts: Vec::new(),
            files: BTreeMap::new(),
            blobs: BTreeMap::new(),
            against: None,
        }
    }

    /// Reads what [`Self::text`] wrote.
    ///
    /// # Errors
    /// If it is something else, or of a newer version.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidInventory> {
        let inventory: Self = serde_json::from_slice(text)
            .map_err(|error| InvalidInventory::Malformed(error.to_string()))?;
        let Self { version, kind, .. } = &inventory;
        if kind != KIND || *version != VERSION {
            return Err(InvalidInventory::OtherVersion { version: *version, kind: kind.clone() });
        }
        Ok(inventory)
    }

    /// As JSON with a line for each entry, always in the same order.
    pub fn text(&self) -> String {
        // Maps with string keys and numbers can always be serialized.
        format!("{}\n", serde_json::to_string_pretty(self).unwrap_or_default())
    }

    /// The blobs that the bundle leaves out, each with the repositories that have it.
    pub fn left_out(&self) -> impl Iterator<Item = &LeftOut> {
        self.against.iter().flat_map(|against| &against.left_out)
    }

    pub fn images_by_source(&self) -> HashMap<&Reference, &BundledImage> {
        self.images.iter().map(|image| (&image.source, image)).collect()
    }
}

impl Default for BundleInventory {
    fn default() -> Self {
        Self::new()
    }
}
