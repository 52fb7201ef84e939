//! `BundleStorage`: a bundle in the place of its sources. What it does not have is explained.

use std::collections::BTreeSet;
use std::sync::Arc;

use layout::Layout;
use messages::Advice;
use oci::Digest;
use registry::ManifestName;
use registry_server::manifest::StoredManifest;
use registry_server::{LayoutStorage, Storage, StorageError, StoredBlob};

/// A bundle, or some of its parts.
pub struct BundleStorage {
    layout: Arc<Layout>,
    images: LayoutStorage,
    left_out: BTreeSet<Digest>,
}

impl BundleStorage {
    /// `left_out` are the blobs that the destination has to have.
    pub fn new(layout: Arc<Layout>, left_out: BTreeSet<Digest>) -> Self {
        Self { images: LayoutStorage::new(Arc::clone(&layout)), layout, left_out }
    }

    /// Why a blob that a manifest needs is not there.
    fn explain(&self, digest: &Digest) -> Option<Advice> {
        if let Some(parts) = missing_parts_of(&self.layout, digest) {
            let advice =
                Advice::new(format!("it is in {parts} of the bundle, not in what was named"));
            let pieces = self.layout.part_plan().and_then(|plan| plan.blobs().get(digest));
            let numbers = pieces.map(|blob| blob.pieces.iter().map(|(part, _)| *part).collect());
            return Some(advice.with_hint(match numbers {
                Some(numbers) if pieces.is_some_and(|blob| blob.pieces.len() > 1) => {
                    format!("the blob is cut: name {} in one command", words_for(&numbers))
                }
                _ => "import that part as well, alone or together with this one".to_owned(),
            }));
        }
        self.left_out.contains(digest).then(|| {
            Advice::new("the bundle leaves it out, because the destination had it").with_hint(
                "the registry did not mount it from the repository that has it: write the bundle again, \
                 without `--against` or with a new inventory",
            )
        })
    }
}

/// `part 2`, or `parts 2 and 3`: where a blob is that the open parts do not have.
pub fn missing_parts_of(layout: &Layout, digest: &Digest) -> Option<String> {
    let blob = layout.part_plan()?.blobs().get(digest)?;
    let missing = layout.missing_parts();
    let parts = blob.pieces.iter().map(|(part, _)| *part);
    let absent: BTreeSet<u32> = parts.filter(|part| missing.contains(part)).collect();
    (!absent.is_empty()).then(|| words_for(&absent))
}

fn words_for(parts: &BTreeSet<u32>) -> String {
    let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
    match parts.as_slice() {
        [parts @ .., last] if !parts.is_empty() => {
            format!("parts {} and {last}", parts.join(", "))
        }
        parts => format!("part {}", parts.concat()),
    }
}

impl Storage for BundleStorage {
    fn manifest(
        &self,
        repository: &str,
        name: &ManifestName,
    ) -> Result<Option<StoredManifest>, StorageError> {
        self.images.manifest(repository, name)
    }

    fn blob(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> Result<Option<Box<dyn StoredBlob>>, StorageError> {
        match (self.images.blob(repository, digest)?, self.explain(digest)) {
            (None, Some(why)) => Err(StorageError::Failed(why)),
            (found, _) => Ok(found),
        }
    }

    fn tags(&self, repository: &str) -> Option<Vec<String>> {
        self.images.tags(repository)
    }

    fn referrers(
        &self,
        repository: &str,
        subject: &Digest,
    ) -> Result<Vec<StoredManifest>, StorageError> {
        self.images.referrers(repository, subject)
    }
}
