//! `Shared`: what the writers of all blobs of a layout share.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Condvar, Mutex};

use oci::{Digest, Hasher};

use crate::LayoutLocation;
use crate::closure::LARGEST_MANIFEST;
use crate::failure::LayoutError;
use crate::lock::RunLock;
use crate::name::ItemName;
use crate::open::Layout;
use crate::parallel::lock;
use crate::parts::PartPlan;
use crate::reader::ContentReader;
use crate::volume::{FileContent, Volume};

pub(crate) struct Shared {
    pub(crate) location: LayoutLocation,
    /// One, unless there is a plan. Each has its volume.
    pub(crate) parts: Vec<LayoutLocation>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) plan: Option<PartPlan>,
    /// The complete layout that is extended.
    pub(crate) base: Option<Layout>,
    pub(crate) state: Mutex<State>,
    /// A blob is complete, or was given up.
    pub(crate) changed: Condvar,
    pub(crate) _run_lock: RunLock,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) blobs: HashMap<Digest, BlobState>,
    pub(crate) files: BTreeMap<String, FileContent>,
    /// The sha256 of items whose names do not have it, by the index of the part.
    pub(crate) sums: HashMap<(usize, ItemName), String>,
    pub(crate) is_finished: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlobState {
    InProgress,
    /// With its size.
    Complete(u64),
}

impl Shared {
    pub(crate) fn size_of(&self, digest: &Digest) -> Option<u64> {
        if let Some(size) = self.base.as_ref().and_then(|base| base.size_of(digest)) {
            return Some(size);
        }
        match lock(&self.state).blobs.get(digest) {
            Some(BlobState::Complete(size)) => Some(*size),
            Some(BlobState::InProgress) | None => None,
        }
    }

    /// Where the content belongs: the indexes of parts, the names and the sizes. If it is cut, the pieces
    /// are in the order of the content; otherwise each of several parts has all of it.
    pub(crate) fn places(&self, digest: &Digest, size: u64) -> Vec<(usize, ItemName, u64)> {
        match self.plan.as_ref().and_then(|plan| plan.items(digest)) {
            Some(items) => {
                let items = items.into_iter();
                items.map(|(part, name, size)| (part as usize - 1, name, size)).collect()
            }
            None => (0..self.volumes.len())
                .map(|at| (at, ItemName::Blob(digest.clone()), size))
                .collect(),
        }
    }

    pub(crate) fn reader(&self, digest: &Digest) -> Result<Option<ContentReader>, LayoutError> {
        if let Some(reader) =
            self.base.as_ref().map(|base| base.reader(digest)).transpose()?.flatten()
        {
            return Ok(Some(reader));
        }
        let Some(size) = self.size_of(digest) else { return Ok(None) };
        let mut whole: Option<ContentReader> = None;
        for (at, name, _) in self.places(digest, size) {
            let reader = self.volumes[at].reader(&name)?;
            match (&mut whole, &name) {
                (None, _) => whole = Some(reader),
                (Some(whole), ItemName::Piece(..)) => whole.segments.extend(reader.segments),
                (Some(_), _) => break,
            }
        }
        Ok(whole)
    }

    pub(crate) fn read_manifest(&self, digest: &Digest) -> Result<Option<Vec<u8>>, LayoutError> {
        self.reader(digest)?.map(|reader| reader.read_all(LARGEST_MANIFEST)).transpose()
    }

    /// Hashes content that is in its places, and keeps the checksums that its names do not have.
    pub(crate) fn hashes_right(
        &self,
        digest: &Digest,
        places: &[(usize, ItemName, u64)],
        on_bytes: &(dyn Fn(u64) + Sync),
    ) -> Result<bool, LayoutError> {
        let mut whole = digest.hasher();
        for (at, name, _) in places {
            let mut own = sum_hasher(name);
            let is_piece = matches!(name, ItemName::Piece(..));
            let mut copy = digest.hasher();
            self.volumes[*at].reader(name)?.for_each(|piece| {
                if is_piece {
                    whole.update(piece)
                } else {
                    copy.update(piece)
                }
                if let Some(own) = &mut own {
                    own.update(piece);
                }
                on_bytes(piece.len() as u64);
                Ok(())
            })?;
            if !is_piece && copy.finish() != *digest {
                return Ok(false);
            }
            if let Some(own) = own {
                let hex = own.finish().hex().to_owned();
                lock(&self.state).sums.insert((*at, name.clone()), hex);
            }
        }
        let is_cut = places.iter().any(|(_, name, _)| matches!(name, ItemName::Piece(..)));
        Ok(!is_cut || whole.finish() == *digest)
    }
}

/// A hasher for the line in `SHA256SUMS`, if the name does not have the sha256.
pub(crate) fn sum_hasher(name: &ItemName) -> Option<Hasher> {
    let has_it = name.digest().is_some_and(|digest| digest.as_str().starts_with("sha256:"));
    (!has_it).then(|| Digest::of(b"").hasher())
}
