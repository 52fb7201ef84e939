//! `ExportStorage`: what an export pushes to, twice. At first it has every blob and only records what is
//! pushed, so that all sizes are known before a byte is written. Then it is the layout.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use messages::Advice;
use oci::{Digest, Manifest};
use registry::ManifestName;
use registry_server::manifest::{PushedManifest, StoredManifest};
use registry_server::{
    NewBlob, Storage, StorageError, StoredBlob, WritableLayout, WritableStorage,
};

/// What the images of an export consist of.
#[derive(Debug, Clone, Default)]
pub struct MeasuredImages {
    pub manifests: BTreeMap<Digest, Manifest>,
    /// `REPOSITORY:TAG`, as the layout names it.
    pub names: BTreeMap<String, Digest>,
    pub blobs: BTreeMap<Digest, MeasuredBlob>,
}

/// A blob, and the repositories of the layout whose manifests point to it.
#[derive(Debug, Clone)]
pub struct MeasuredBlob {
    pub size: u64,
    pub repositories: BTreeSet<String>,
}

/// The storage of an export.
#[derive(Default)]
pub struct ExportStorage {
    measured: Mutex<MeasuredImages>,
    written: OnceLock<Written>,
}

/// The layout, and the blobs that it is not to have.
struct Written {
    layout: Arc<WritableLayout>,
    left_out: BTreeSet<Digest>,
}

/// A blob whose content is not there.
struct Claimed;

impl ExportStorage {
    /// What was pushed so far.
    pub fn measured(&self) -> MeasuredImages {
        self.lock().clone()
    }

    /// From now on, what is pushed is written, except for some blobs.
    pub fn write_to(&self, layout: Arc<WritableLayout>, left_out: BTreeSet<Digest>) {
        // It is called once, and a second layout would get nothing.
        let _ = self.written.set(Written { layout, left_out });
    }

    fn lock(&self) -> MutexGuard<'_, MeasuredImages> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for ExportStorage {
    fn manifest(
        &self,
        repository: &str,
        name: &ManifestName,
    ) -> Result<Option<StoredManifest>, StorageError> {
        match (self.written.get(), name) {
            (Some(written), _) => written.layout.manifest(repository, name),
            (None, ManifestName::Digest(digest)) => {
                Ok(self.lock().manifests.get(digest).cloned().map(StoredManifest::from))
            }
            (None, ManifestName::Tag(_)) => Ok(None),
        }
    }

    fn blob(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> Result<Option<Box<dyn StoredBlob>>, StorageError> {
        match self.written.get() {
            Some(written) if !written.left_out.contains(digest) => {
                written.layout.blob(repository, digest)
            }
            _ => Ok(Some(Box::new(Claimed))),
        }
    }

    fn tags(&self, repository: &str) -> Option<Vec<String>> {
        self.written.get()?.layout.tags(repository)
    }

    fn referrers(
        &self,
        repository: &str,
        subject: &Digest,
    ) -> Result<Vec<StoredManifest>, StorageError> {
        self.written.get().map_or(Ok(Vec::new()), |it| it.layout.referrers(repository, subject))
    }

    fn writable(&self) -> Option<&dyn WritableStorage> {
        Some(self)
    }
}

impl WritableStorage for ExportStorage {
    fn begin_blob(&self, digest: &Digest, size: u64) -> Result<NewBlob, StorageError> {
        match self.written.get() {
            Some(written) if !written.left_out.contains(digest) => {
                written.layout.begin_blob(digest, size)
            }
            _ => Ok(NewBlob::Present),
        }
    }

    fn put_manifest(&self, repository: &str, pushed: PushedManifest) -> Result<(), StorageError> {
        match self.written.get() {
            Some(written) => written.layout.put_manifest(repository, pushed),
            None => self.lock().add(repository, &pushed).map_err(StorageError::Failed),
        }
    }
}

impl MeasuredImages {
    /// The size of everything below `blobs/`, except for some blobs.
    pub fn bytes_without(&self, left_out: &BTreeSet<Digest>) -> u64 {
        let manifests = self.manifests.values().map(|manifest| manifest.bytes.len() as u64);
        let blobs = self.blobs.iter().filter(|(digest, _)| !left_out.contains(digest));
        manifests.chain(blobs.map(|(_, blob)| blob.size)).fold(0, u64::saturating_add)
    }

    fn add(&mut self, repository: &str, pushed: &PushedManifest) -> Result<(), Advice> {
        let StoredManifest { media_type, digest, bytes } = &pushed.manifest;
        let manifest = Manifest::parse(bytes.clone(), digest.clone(), Some(media_type))
            .map_err(|why| Advice::new(format!("{digest}: {why}")))?;
        if let ManifestName::Tag(tag) = &pushed.name {
            let name = format!("{repository}:{tag}");
            let other = self.names.insert(name.clone(), digest.clone());
            if let Some(other) = other.filter(|other| other != digest) {
                let message = format!("`{name}` would name two images, {other} and {digest}");
                return Err(Advice::new(message).with_hint(
                    "pin it to the same digest in all lists, or export the lists separately with `--member`",
                ));
            }
        }
        for blob in &manifest.blobs {
            let known = self
                .blobs
                .entry(blob.digest.clone())
                .or_insert_with(|| MeasuredBlob { size: blob.size, repositories: BTreeSet::new() });
            if known.size != blob.size {
                let (one, other) = (known.size, blob.size);
                let message =
                    format!("manifests declare {one} and {other} bytes for {}", blob.digest);
                return Err(
                    Advice::new(message).with_hint("one of the images is damaged at its source")
                );
            }
            known.repositories.insert(repository.to_owned());
        }
        self.manifests.insert(digest.clone(), manifest);
        Ok(())
    }
}

impl StoredBlob for Claimed {
    fn size(&self) -> u64 {
        0
    }

    fn read_at(&self, _: u64, _: &mut [u8]) -> Result<(), StorageError> {
        Err(StorageError::Failed(Advice::new("the blob is not in the layout")))
    }
}
