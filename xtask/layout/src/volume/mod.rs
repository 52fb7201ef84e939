//! `Volume`: one unfinished layout on disk, a directory or an archive. It knows names and sizes, not
//! digests.

mod archive;
mod content;
mod folder;
mod slot;

use std::collections::HashSet;
use std::path::Path;

use crate::LayoutLocation;
use crate::failure::LayoutError;
use crate::name::ItemName;
use crate::reader::ContentReader;
use archive::ArchiveVolume;
pub use content::{BundledFile, FileContent};
use folder::FolderVolume;
pub(crate) use slot::Slot;

pub(crate) enum Volume {
    Folder(FolderVolume),
    Archive(ArchiveVolume),
}

impl Volume {
    /// Creates the unfinished layout of a location, or opens the one that an interrupted run left.
    pub(crate) fn open(location: &LayoutLocation) -> Result<Self, LayoutError> {
        let unfinished = location.unfinished();
        Ok(match location {
            LayoutLocation::Directory(_) => Self::Folder(FolderVolume::open(&unfinished)?),
            LayoutLocation::Archive(_) => Self::Archive(ArchiveVolume::open(&unfinished)?),
        })
    }

    /// What is there: at first what an interrupted run left, right or wrong.
    pub(crate) fn items(&self) -> Vec<(ItemName, u64)> {
        match self {
            Self::Folder(volume) => volume.items(),
            Self::Archive(volume) => volume.items(),
        }
    }

    pub(crate) fn reader(&self, name: &ItemName) -> Result<ContentReader, LayoutError> {
        match self {
            Self::Folder(volume) => volume.reader(name),
            Self::Archive(volume) => volume.reader(name),
        }
    }

    pub(crate) fn discard(&self, name: &ItemName) -> Result<(), LayoutError> {
        match self {
            Self::Folder(volume) => volume.discard(name),
            Self::Archive(volume) => {
                volume.discard(name);
                Ok(())
            }
        }
    }

    /// Reserves space for content of a known size. The caller writes to the slot, and then commits or
    /// abandons it.
    pub(crate) fn begin(&self, name: &ItemName, size: u64) -> Result<Slot, LayoutError> {
        match self {
            Self::Folder(volume) => volume.begin(name, size),
            Self::Archive(volume) => volume.begin(name, size),
        }
    }

    pub(crate) fn commit(&self, slot: &Slot) -> Result<(), LayoutError> {
        match self {
            Self::Folder(volume) => volume.commit(slot),
            Self::Archive(volume) => {
                volume.commit(slot);
                Ok(())
            }
        }
    }

    pub(crate) fn abandon(&self, slot: &Slot) {
        match self {
            Self::Folder(volume) => volume.abandon(slot),
            Self::Archive(volume) => volume.abandon(slot),
        }
    }

    /// Closes the gaps that were reserved and not used. After that, only files are added.
    pub(crate) fn compact(&self) -> Result<(), LayoutError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Archive(volume) => volume.compact(),
        }
    }

    /// How many bytes of these contents an interrupted run left on the disk, where they are written over.
    pub(crate) fn bytes_begun(
        &self,
        contents: HashSet<(ItemName, u64)>,
    ) -> Result<u64, LayoutError> {
        match self {
            Self::Folder(_) => Ok(0),
            Self::Archive(volume) => volume.bytes_begun(contents),
        }
    }

    /// Adds a file, and returns the hex digits of its sha256.
    pub(crate) fn add(&self, name: &str, content: &FileContent) -> Result<String, LayoutError> {
        match self {
            Self::Folder(volume) => volume.add(name, content),
            Self::Archive(volume) => volume.add(name, content),
        }
    }

    /// Ends the layout, and waits until it is on the disk.
    pub(crate) fn end(&self) -> Result<(), LayoutError> {
        match self {
            Self::Folder(volume) => volume.end(),
            Self::Archive(volume) => volume.end(),
        }
    }

    /// Moves everything in a directory into a finished layout. What readers need last comes last.
    pub(crate) fn merge_into(&self, root: &Path) -> Result<(), LayoutError> {
        match self {
            Self::Folder(volume) => volume.merge_into(root),
            Self::Archive(_) => Ok(()),
        }
    }
}
