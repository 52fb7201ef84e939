//! `Image`: an entry of the image list.

use std::collections::BTreeMap;

use super::{Place, ValuePath, ValueTemplate};
use oci::{Digest, Platforms, Reference, Repository, RepositoryPath, Tag};

/// The key in `[image.subsets]` for the index that they are of.
pub(in crate::list) const SUBSETS_INDEX: &str = "index";

/// An image to mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub source: Repository,
    pub tag: Tag,
    /// The content that the tag must refer to, if the image is pinned.
    pub digest: Option<Digest>,
    /// The digests of the indexes that are left when only some platforms of the pinned index are
    /// copied. Empty unless the image is pinned. [`Image::subset`] is the one to use.
    pub subsets: BTreeMap<Platforms, Digest>,
    /// The index that the subsets are of. If `digest` is another one, they are stale.
    pub subsets_index: Option<Digest>,
    /// The repository below the address of every destination. By default, each destination derives one
    /// from the source.
    pub target: Option<RepositoryPath>,
    /// Helm values for this image alone, in the order of the file. Only those of a pinned image use
    /// `{digest}`.
    pub values: Vec<(ValuePath, ValueTemplate)>,
    /// The image that the chart names, if this one takes its place.
    pub replaces: Option<Replaced>,
    /// Why the image stays in the list although no template names it.
    pub keep: Option<String>,
    pub place: Place,
}

/// An image that the chart names, and which is mirrored from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    pub source: Repository,
    /// The tag in the chart, if it is another one.
    pub tag: Option<Tag>,
    /// Reports repeat it.
    pub reason: String,
}

impl Image {
    /// Identifies the image: no two images in a list have the same reference.
    pub fn reference(&self) -> Reference {
        self.source.tagged(&self.tag)
    }

    /// The digest of the index that is left for some platforms, if it is recorded for the pinned index.
    pub fn subset(&self, platforms: &Platforms) -> Option<&Digest> {
        self.subsets.get(platforms).filter(|_| !self.has_stale_subsets())
    }

    /// Whether the recorded subsets are of another index, or of one that is not recorded.
    pub fn has_stale_subsets(&self) -> bool {
        !self.subsets.is_empty() && self.subsets_index != self.digest
    }

    /// The repository at a destination without rules of its own.
    pub fn path(&self) -> &RepositoryPath {
        self.target.as_ref().unwrap_or_else(|| self.source.path())
    }

    /// The repository by which the chart names the image.
    pub fn chart_source(&self) -> &Repository {
        self.replaces.as_ref().map_or(&self.source, |replaced| &replaced.source)
    }

    /// The tag by which the chart names the image.
    pub fn chart_tag(&self) -> &Tag {
        let replaced = self.replaces.as_ref().and_then(|replaced| replaced.tag.as_ref());
        replaced.unwrap_or(&self.tag)
    }
}
