//! `Copied`: the result of copying one image, with its counters.

use super::content::ImageContent;
use oci::Digest;
use registry::Error;

/// The result of copying one image.
#[derive(Debug, Clone, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Copied {
    /// What the tag at the destination names now.
    #[serde(skip)]
    pub digest: Digest,
    /// What it named before.
    #[serde(skip)]
    pub before: Option<Digest>,
    /// The source's index, if the tag names a new index with some of its platforms.
    #[serde(skip)]
    pub made_from: Option<Digest>,
    /// `false` if the destination had all of it.
    #[serde(skip)]
    pub changed: bool,
    #[serde(flatten)]
    pub counters: Counters,
    /// What it consists of; only in reports that need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<ImageContent>,
}

/// What is counted while one image is copied.
#[derive(Debug, Clone, Default, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct Counters {
    pub moved: Amount,
    pub mounted: Amount,
    #[serde(rename = "skipped")]
    pub present: Amount,
    /// Signatures, attestations and referrers copied with the image.
    pub attachments: u64,
    /// The attachments that the destination refused.
    #[serde(skip)]
    pub refused: Vec<Error>,
    /// What the policy makes a warning: that the tag does not name the pinned digest, and that a signature is
    /// missing or not valid.
    #[serde(skip)]
    pub warnings: Vec<Error>,
    /// Manifests that were pushed.
    #[serde(skip)]
    pub manifests: u64,
    /// The blobs that would be sent or mounted, if the run is only planned.
    #[serde(skip)]
    pub planned: Vec<PlannedBlob>,
    /// Layers with URLs of their own, which registries do not hold. They stay where they are.
    pub foreign_layers: u64,
}

/// A blob that would be sent or mounted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlannedBlob {
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}

/// A number of blobs and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Amount {
    pub blobs: u64,
    pub bytes: u64,
}

impl Amount {
    pub(super) fn add_blob(&mut self, bytes: u64) {
        *self += Self { blobs: 1, bytes };
    }
}

impl std::ops::AddAssign for Amount {
    /// Sizes come from manifests, so their sum may overflow.
    fn add_assign(&mut self, other: Self) {
        self.blobs = self.blobs.saturating_add(other.blobs);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}
