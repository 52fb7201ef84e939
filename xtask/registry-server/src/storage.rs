//! `Storage`: what a registry serves, and `WritableStorage`: where it stores what is pushed.
//!
//! Their methods may block. The handlers call them on separate threads.

use std::fmt;

use layout::LayoutError;
use messages::Advice;
use oci::Digest;
use registry::ManifestName;

use crate::manifest::{PushedManifest, StoredManifest};

/// The content of a registry. Blobs need not be linked to repositories: a storage may serve a blob below
/// any repository.
pub trait Storage: Send + Sync + 'static {
    /// The manifest with this name; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    fn manifest(
        &self,
        repository: &str,
        name: &ManifestName,
    ) -> Result<Option<StoredManifest>, StorageError>;

    /// The blob with this digest; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    fn blob(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> Result<Option<Box<dyn StoredBlob>>, StorageError>;

    /// The tags of a repository, in order; `None` if there is no such repository.
    fn tags(&self, repository: &str) -> Option<Vec<String>>;

    /// The manifests that refer to another one.
    ///
    /// # Errors
    /// When one of them cannot be read.
    fn referrers(
        &self,
        repository: &str,
        subject: &Digest,
    ) -> Result<Vec<StoredManifest>, StorageError>;

    /// Where to store what is pushed; `None` if the storage is only for reading.
    fn writable(&self) -> Option<&dyn WritableStorage> {
        None
    }
}

/// A blob that can be read from any position.
pub trait StoredBlob: Send + Sync {
    /// In bytes.
    fn size(&self) -> u64;

    /// Fills the buffer with the bytes from this position on.
    ///
    /// # Errors
    /// When they cannot be read, or the blob ends before.
    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<(), StorageError>;
}

/// A storage that accepts pushes.
pub trait WritableStorage {
    /// Begins to store a blob.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn begin_blob(&self, digest: &Digest, size: u64) -> Result<NewBlob, StorageError>;

    /// Stores a manifest whose content has been stored before.
    ///
    /// # Errors
    /// When it cannot be stored.
    fn put_manifest(&self, repository: &str, pushed: PushedManifest) -> Result<(), StorageError>;
}

/// How a blob gets into a storage.
pub enum NewBlob {
    /// It is there.
    Present,
    Sink(Box<dyn BlobSink>),
}

/// Takes the bytes of a blob. Dropping it before the end discards them.
pub trait BlobSink: Send {
    /// # Errors
    /// When the bytes cannot be stored, or are more than announced.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError>;

    /// Checks size and digest. Only after that does the blob count as stored.
    ///
    /// # Errors
    /// When one of them differs, or the blob cannot be stored.
    fn finish(self: Box<Self>) -> Result<(), StorageError>;
}

/// Why a storage could not read or write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorageError {
    /// The content has another digest or size than announced.
    WrongContent(Advice),
    /// The storage failed: a file cannot be read, or the disk is full.
    Failed(Advice),
}

impl StorageError {
    pub fn advice(&self) -> &Advice {
        match self {
            Self::WrongContent(advice) | Self::Failed(advice) => advice,
        }
    }
}

impl From<LayoutError> for StorageError {
    fn from(error: LayoutError) -> Self {
        Self::Failed(error.advice)
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.advice().message)
    }
}

impl std::error::Error for StorageError {}
