//! `WritableLayout`: a layout that is written or extended by pushes. Manifests are blobs; their names are kept
//! until the end, and then go into the index.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use layout::{
    BlobWriter, IfComplete, Layout, LayoutEntry, LayoutLocation, LayoutWriter, Strictness,
};
use messages::Advice;
use oci::{Descriptor, Digest, Manifest};
use registry::ManifestName;

use crate::image_names::ImageNames;
use crate::layout_storage::LayoutStorage;
use crate::manifest::{LARGEST_STORED, PushedManifest, StoredManifest};
use crate::storage::{BlobSink, NewBlob, Storage, StorageError, StoredBlob, WritableStorage};

/// A layout that is open for writing.
pub struct WritableLayout {
    writer: LayoutWriter,
    /// The complete layout that is extended.
    base: Option<LayoutStorage>,
    pushed: Mutex<PushedImages>,
}

/// What was pushed in this run.
#[derive(Default)]
struct PushedImages {
    manifests: BTreeMap<Digest, Descriptor>,
    /// By subject.
    referrers: BTreeMap<Digest, BTreeSet<Digest>>,
    names: ImageNames,
    /// By name.
    entries: BTreeMap<String, LayoutEntry>,
    /// The manifests that pushed indexes list: they need no entry.
    children: BTreeSet<Digest>,
}

impl WritableLayout {
    /// Creates a layout, continues an interrupted one, or extends a complete directory. What an interrupted run
    /// left is hashed by several threads.
    ///
    /// # Errors
    /// If something else has the name, another run writes it, or it cannot be written.
    pub fn open(location: &LayoutLocation, threads: NonZeroUsize) -> Result<Self, Advice> {
        Self::new(LayoutWriter::open(location, IfComplete::Extend, threads, &|_| {})?)
    }

    /// A layout that is open for writing already.
    ///
    /// # Errors
    /// If it extends a complete layout that cannot be read.
    pub fn new(writer: LayoutWriter) -> Result<Self, Advice> {
        let base = match writer.entries() {
            [] => None,
            _ => {
                let layout = Layout::open(writer.location(), Strictness::Foreign)?;
                Some(LayoutStorage::new(Arc::new(layout)))
            }
        };
        Ok(Self { writer, base, pushed: Mutex::default() })
    }

    /// For files beside the images.
    pub fn writer(&self) -> &LayoutWriter {
        &self.writer
    }

    /// The entries of the index, if nothing more is pushed.
    pub fn entries(&self) -> Vec<LayoutEntry> {
        self.pushed().entries_with(self.writer.entries())
    }

    /// Writes the index, and gives the layout its name. A layout to which nothing was pushed stays as it is.
    ///
    /// # Errors
    /// If something cannot be written. The unfinished layout stays, and can be continued.
    pub fn finish(&self) -> Result<(), Advice> {
        let entries = {
            let pushed = self.pushed();
            if pushed.manifests.is_empty() && self.base.is_some() {
                return Ok(());
            }
            pushed.entries_with(self.writer.entries())
        };
        Ok(self.writer.finish(&entries)?)
    }

    /// A manifest that was pushed, that the complete layout has, or that an interrupted run left.
    fn by_digest(&self, digest: &Digest) -> Result<Option<StoredManifest>, StorageError> {
        // A layer may be too large, and is no manifest.
        if self.writer.size_of(digest).is_none_or(|size| size > LARGEST_STORED) {
            return Ok(None);
        }
        let Some(bytes) = self.writer.read_manifest(digest)? else { return Ok(None) };
        let pushed = self.pushed();
        let media_type = pushed.manifests.get(digest).map(|manifest| manifest.media_type.as_str());
        let manifest = Manifest::parse(bytes.into(), digest.clone(), media_type);
        Ok(manifest.ok().map(StoredManifest::from))
    }

    fn pushed(&self) -> MutexGuard<'_, PushedImages> {
        self.pushed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PushedImages {
    fn add(&mut self, repository: &str, pushed: &PushedManifest) {
        let StoredManifest { media_type, digest, bytes } = &pushed.manifest;
        let parsed = Manifest::parse(bytes.clone(), digest.clone(), Some(media_type));
        let children = parsed.map(|manifest| manifest.manifests).unwrap_or_default();
        self.children.extend(children.into_iter().map(|child| child.digest));
        if let Some(subject) = pushed.manifest.subject() {
            self.referrers.entry(subject).or_default().insert(digest.clone());
        }
        let (media_type, size) = (media_type.clone(), bytes.len() as u64);
        let descriptor = Descriptor { media_type, digest: digest.clone(), size, platform: None };
        if let ManifestName::Tag(tag) = &pushed.name {
            let name = format!("{repository}:{tag}");
            self.names.add(&name, digest);
            let entry = LayoutEntry::new(descriptor.clone(), Some(&name));
            self.entries.insert(name, entry);
        }
        self.manifests.insert(digest.clone(), descriptor);
    }

    /// The entries of a layout after it was extended: names that were pushed replace others.
    fn entries_with(&self, base: &[LayoutEntry]) -> Vec<LayoutEntry> {
        let is_replaced = |entry: &&LayoutEntry| match entry.name() {
            Some(name) => self.entries.contains_key(name),
            None => false,
        };
        let mut entries: Vec<LayoutEntry> =
            base.iter().filter(|entry| !is_replaced(entry)).cloned().collect();
        entries.extend(self.entries.values().cloned());
        let named: BTreeSet<Digest> =
            entries.iter().map(|entry| entry.descriptor.digest.clone()).collect();
        let others = self.manifests.values().filter(|manifest| {
            !named.contains(&manifest.digest) && !self.children.contains(&manifest.digest)
        });
        entries.extend(others.map(|manifest| LayoutEntry::new(manifest.clone(), None)));
        entries
    }
}

impl Storage for WritableLayout {
    fn manifest(
        &self,
        repository: &str,
        name: &ManifestName,
    ) -> Result<Option<StoredManifest>, StorageError> {
        let digest = match name {
            ManifestName::Digest(digest) => Some(digest.clone()),
            ManifestName::Tag(tag) => self.pushed().names.digest(repository, tag.as_str()).cloned(),
        };
        match (digest, &self.base) {
            (Some(digest), _) => self.by_digest(&digest),
            (None, Some(base)) => base.manifest(repository, name),
            (None, None) => Ok(None),
        }
    }

    fn blob(&self, _: &str, digest: &Digest) -> Result<Option<Box<dyn StoredBlob>>, StorageError> {
        Ok(self.writer.reader(digest)?.map(|reader| Box::new(reader) as _))
    }

    fn tags(&self, repository: &str) -> Option<Vec<String>> {
        let pushed = self.pushed().names.tags(repository);
        let base = self.base.as_ref().and_then(|base| base.tags(repository));
        if pushed.is_none() && base.is_none() {
            return None;
        }
        let tags: BTreeSet<String> = pushed.into_iter().chain(base).flatten().collect();
        Some(tags.into_iter().collect())
    }

    fn referrers(
        &self,
        repository: &str,
        subject: &Digest,
    ) -> Result<Vec<StoredManifest>, StorageError> {
        let mut found = match &self.base {
            Some(base) => base.referrers(repository, subject)?,
            None => Vec::new(),
        };
        let pushed = self.pushed().referrers.get(subject).cloned().unwrap_or_default();
        for digest in pushed {
            if found.iter().all(|known| known.digest != digest) {
                found.extend(self.by_digest(&digest)?);
            }
        }
        Ok(found)
    }

    fn writable(&self) -> Option<&dyn WritableStorage> {
        Some(self)
    }
}

impl WritableStorage for WritableLayout {
    fn begin_blob(&self, digest: &Digest, size: u64) -> Result<NewBlob, StorageError> {
        Ok(match self.writer.begin_blob(digest, size)? {
            None => NewBlob::Present,
            Some(blob) => NewBlob::Sink(Box::new(blob)),
        })
    }

    fn put_manifest(&self, repository: &str, pushed: PushedManifest) -> Result<(), StorageError> {
        let StoredManifest { digest, bytes, .. } = &pushed.manifest;
        self.writer.put_blob(digest, bytes)?;
        self.pushed().add(repository, &pushed);
        Ok(())
    }
}

impl BlobSink for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        Ok(Self::write(self, bytes)?)
    }

    fn finish(self: Box<Self>) -> Result<(), StorageError> {
        Ok(Self::finish(*self)?)
    }
}

#[cfg(test)]
mod tests;
