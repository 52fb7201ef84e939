//! `ImageContent`: what an image consists of, as far as a run read its manifests. It costs no request: an image that was
//! not copied has none.

use std::collections::{BTreeMap, BTreeSet};

use oci::{DeclaredPlatform, Digest, Manifest};
use serde::Serialize;

/// Whether the content of images is recorded. It takes some kilobytes for each image, so it is recorded for
/// reports that have it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ContentRecord {
    #[default]
    Dropped,
    Kept,
}

/// The content of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ImageContent {
    /// False if manifests were not read, because the destination had them with everything below them.
    #[serde(rename = "complete")]
    pub is_complete: bool,
    /// The platforms that its index declares; empty for an image without an index.
    pub platforms: BTreeSet<String>,
    /// The configs and layers of all its manifests and attachments, with their sizes in bytes.
    pub blobs: BTreeMap<Digest, u64>,
}

impl ImageContent {
    /// Of which nothing is known to be missing.
    pub(super) fn new() -> Self {
        Self { is_complete: true, ..Self::default() }
    }

    /// Adds what a manifest names.
    pub(super) fn add(&mut self, manifest: &Manifest) {
        let platforms = manifest.manifests.iter().filter_map(|child| child.platform.as_ref());
        self.platforms.extend(platforms.filter_map(DeclaredPlatform::name));
        self.blobs.extend(manifest.blobs.iter().map(|blob| (blob.digest.clone(), blob.size)));
    }
}
