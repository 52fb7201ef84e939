//! `ImagePin`: the digests that `pin` records for one image.

use oci::{Digest, Platforms};

/// New digests for one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePin {
    /// The index of the image in the list.
    pub position: usize,
    /// `None` keeps the current digest.
    pub digest: Option<Digest>,
    /// The digests of the index reduced to some platforms; `None` removes a recorded one.
    pub subsets: Vec<(Platforms, Option<Digest>)>,
    /// The index that all subsets of the image are of; `None` keeps the recorded one.
    pub subsets_index: Option<Digest>,
}
