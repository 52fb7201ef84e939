//! `LayoutStorage`: serves an image layout. A repository is named by the full name of its source,
//! `docker.io/library/busybox`, and has the tags of the entries with such names. Manifests and blobs are found
//! by digest below any repository.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use layout::{ContentReader, Layout};
use messages::Advice;
use oci::{Digest, Manifest};
use registry::ManifestName;

use crate::image_names::ImageNames;
use crate::manifest::{LARGEST_STORED, StoredManifest};
use crate::storage::{Storage, StorageError, StoredBlob};

/// A layout that is open for reading.
pub struct LayoutStorage {
    layout: Arc<Layout>,
    names: ImageNames,
    /// The media types of the manifests in the index.
    media_types: HashMap<Digest, String>,
    /// By subject. Filled by the first request for one.
    referrers: OnceLock<Result<Referrers, StorageError>>,
}

type Referrers = BTreeMap<Digest, Vec<StoredManifest>>;

impl LayoutStorage {
    pub fn new(layout: Arc<Layout>) -> Self {
        let mut names = ImageNames::default();
        let mut media_types = HashMap::new();
        for entry in layout.entries() {
            let descriptor = &entry.descriptor;
            media_types.insert(descriptor.digest.clone(), descriptor.media_type.clone());
            if let Some(name) = entry.name() {
                names.add(name, &descriptor.digest);
            }
        }
        Self { layout, names, media_types, referrers: OnceLock::new() }
    }

    fn by_digest(&self, digest: &Digest) -> Result<Option<StoredManifest>, StorageError> {
        // A layer may be too large, and is no manifest.
        if self.layout.size_of(digest).is_none_or(|size| size > LARGEST_STORED) {
            return Ok(None);
        }
        let Some(bytes) = self.layout.blob(digest, LARGEST_STORED)? else { return Ok(None) };
        let media_type = self.media_types.get(digest).map(String::as_str);
        let manifest = Manifest::parse(bytes.into(), digest.clone(), media_type);
        Ok(manifest.ok().map(StoredManifest::from))
    }

    fn find_referrers(&self) -> Result<Referrers, StorageError> {
        let mut referrers = Referrers::new();
        for entry in self.layout.entries() {
            let Some(manifest) = self.by_digest(&entry.descriptor.digest)? else { continue };
            if let Some(subject) = manifest.subject() {
                let known = referrers.entry(subject).or_default();
                // An image may have several names.
                if !known.contains(&manifest) {
                    known.push(manifest);
                }
            }
        }
        Ok(referrers)
    }
}

impl Storage for LayoutStorage {
    fn manifest(
        &self,
        repository: &str,
        name: &ManifestName,
    ) -> Result<Option<StoredManifest>, StorageError> {
        match name {
            ManifestName::Digest(digest) => self.by_digest(digest),
            ManifestName::Tag(tag) => match self.names.digest(repository, tag.as_str()) {
                Some(digest) => self.by_digest(digest),
                None => Ok(None),
            },
        }
    }

    fn blob(&self, _: &str, digest: &Digest) -> Result<Option<Box<dyn StoredBlob>>, StorageError> {
        Ok(self.layout.reader(digest)?.map(|reader| Box::new(reader) as _))
    }

    fn tags(&self, repository: &str) -> Option<Vec<String>> {
        self.names.tags(repository)
    }

    fn referrers(&self, _: &str, subject: &Digest) -> Result<Vec<StoredManifest>, StorageError> {
        let all = self.referrers.get_or_init(|| self.find_referrers()).as_ref();
        Ok(all.map_err(Clone::clone)?.get(subject).cloned().unwrap_or_default())
    }
}

impl StoredBlob for ContentReader {
    fn size(&self) -> u64 {
        Self::size(self)
    }

    fn read_at(&self, position: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        let read = Self::read_at(self, position, buffer)?;
        if read < buffer.len() {
            let why = "a blob of the layout is shorter than its size";
            return Err(StorageError::Failed(Advice::new(why)));
        }
        Ok(())
    }
}
