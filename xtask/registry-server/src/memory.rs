//! A storage in memory, for tests of the handlers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use messages::Advice;
use oci::Digest;
use registry::ManifestName;

use crate::manifest::{PushedManifest, StoredManifest};
use crate::storage::{BlobSink, NewBlob, Storage, StorageError, StoredBlob, WritableStorage};

/// One repository, `a`. A blob is there whatever the repository.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) manifests: Mutex<BTreeMap<String, StoredManifest>>,
    pub(crate) blobs: Arc<Mutex<BTreeMap<Digest, Bytes>>>,
    pub(crate) is_read_only: bool,
    pub(crate) is_broken: bool,
}

struct MemorySink {
    blobs: Arc<Mutex<BTreeMap<Digest, Bytes>>>,
    digest: Digest,
    received: Vec<u8>,
}

impl Memory {
    fn check(&self) -> Result<(), StorageError> {
        let advice = Advice::new("the disk is broken").with_hint("replace it");
        if self.is_broken { Err(StorageError::Failed(advice)) } else { Ok(()) }
    }
}

impl Storage for Memory {
    fn manifest(
        &self,
        repository: &str,
        name: &ManifestName,
    ) -> Result<Option<StoredManifest>, StorageError> {
        self.check()?;
        let manifests = self.manifests.lock().unwrap();
        Ok(match name {
            ManifestName::Tag(tag) => manifests.get(&format!("{repository}:{tag}")),
            ManifestName::Digest(digest) => manifests.values().find(|it| it.digest == *digest),
        }
        .cloned())
    }

    fn blob(&self, _: &str, digest: &Digest) -> Result<Option<Box<dyn StoredBlob>>, StorageError> {
        let blob = self.blobs.lock().unwrap().get(digest).cloned();
        Ok(blob.map(|bytes| Box::new(bytes) as _))
    }

    fn tags(&self, repository: &str) -> Option<Vec<String>> {
        let manifests = self.manifests.lock().unwrap();
        let names = manifests.keys().filter_map(|name| name.strip_prefix(repository));
        let tags: Vec<_> =
            names.filter_map(|rest| rest.strip_prefix(':')).map(str::to_owned).collect();
        (!tags.is_empty()).then_some(tags)
    }

    fn referrers(&self, _: &str, subject: &Digest) -> Result<Vec<StoredManifest>, StorageError> {
        let manifests = self.manifests.lock().unwrap();
        Ok(manifests
            .values()
            .filter(|it| it.subject().as_ref() == Some(subject))
            .cloned()
            .collect())
    }

    fn writable(&self) -> Option<&dyn WritableStorage> {
        (!self.is_read_only).then_some(self)
    }
}

impl WritableStorage for Memory {
    fn begin_blob(&self, digest: &Digest, _: u64) -> Result<NewBlob, StorageError> {
        self.check()?;
        if self.blobs.lock().unwrap().contains_key(digest) {
            return Ok(NewBlob::Present);
        }
        let (blobs, received) = (Arc::clone(&self.blobs), Vec::new());
        Ok(NewBlob::Sink(Box::new(MemorySink { blobs, digest: digest.clone(), received })))
    }

    fn put_manifest(&self, repository: &str, pushed: PushedManifest) -> Result<(), StorageError> {
        let name = match &pushed.name {
            ManifestName::Tag(tag) => format!("{repository}:{tag}"),
            ManifestName::Digest(digest) => format!("{repository}@{digest}"),
        };
        self.manifests.lock().unwrap().insert(name, pushed.manifest);
        Ok(())
    }
}

impl BlobSink for MemorySink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.received.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), StorageError> {
        if self.digest.of_same_kind(&self.received) != self.digest {
            return Err(StorageError::WrongContent(Advice::new("the content is another")));
        }
        self.blobs.lock().unwrap().insert(self.digest, self.received.into());
        Ok(())
    }
}

impl StoredBlob for Bytes {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        let start = position as usize;
        buffer.copy_from_slice(&self[start..start + buffer.len()]);
        Ok(())
    }
}
