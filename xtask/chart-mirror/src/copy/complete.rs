//! Whether all of an image is at a registry: every manifest below its tag is fetched, every blob asked
//! for. For `mirror --repair` and `verify --deep`; any other run believes a tag.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt as _, stream};
use tokio::sync::OnceCell;

use oci::{Descriptor, Digest, Manifest};
use registry::{Cause, Error, ManifestName, RemoteRepository};

/// Blobs of one manifest that are asked for at a time; the queue of the host limits them further.
const AT_ONCE: usize = 16;
/// More manifests than any image has platforms: a registry cannot keep us busy for ever.
const MOST_MANIFESTS: usize = 1000;

/// Content that a manifest points to and that is not there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) manifests: Vec<Digest>,
    pub(crate) blobs: Vec<Digest>,
    /// Manifests that are there and cannot be read, with the reason.
    pub(crate) unreadable: Vec<String>,
}

impl Missing {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was asked in this run: images share their layers.
#[derive(Default)]
pub(crate) struct Asked(Mutex<HashMap<BlobPlace, Answer>>);

/// A repository with its registry, and a digest.
type BlobPlace = (String, Digest);
/// Whether the blob is there, once somebody knows.
type Answer = Arc<OnceCell<bool>>;

impl Asked {
    async fn has_blob(
        &self,
        repository: &RemoteRepository,
        blob: &Descriptor,
    ) -> Result<bool, Error> {
        let cell = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let name = format!("{}/{}", repository.host.name, repository.path);
            Arc::clone(all.entry((name, blob.digest.clone())).or_default())
        };
        cell.get_or_try_init(|| repository.has_blob(blob)).await.copied()
    }
}

/// What is missing of the image that a digest names.
///
/// # Errors
/// When the registry cannot be asked.
pub(crate) async fn missing(
    repository: &RemoteRepository,
    top: &Digest,
    asked: &Asked,
) -> Result<Missing, Error> {
    let mut missing = Missing::default();
    let mut seen: HashSet<Digest> = HashSet::from([top.clone()]);
    let mut open = vec![top.clone()];
    while let Some(digest) = open.pop() {
        let manifest = match fetch(repository, &digest).await {
            Ok(Some(manifest)) => manifest,
            Ok(None) => {
                missing.manifests.push(digest);
                continue;
            }
            Err(error) if is_about_content(&error) => {
                missing.unreadable.push(error.to_string());
                continue;
            }
            Err(error) => return Err(error),
        };
        missing.blobs.extend(missing_blobs(repository, &manifest, asked).await?);
        for child in manifest.manifests {
            if !seen.insert(child.digest.clone()) {
                continue;
            }
            if seen.len() > MOST_MANIFESTS {
                let why = format!(
                    "there are more than {MOST_MANIFESTS} manifests: not all were asked for"
                );
                missing.unreadable.push(why);
                open.clear();
                break;
            }
            open.push(child.digest);
        }
    }
    missing.manifests.sort();
    missing.blobs.sort();
    missing.blobs.dedup();
    Ok(missing)
}

async fn fetch(repository: &RemoteRepository, digest: &Digest) -> Result<Option<Manifest>, Error> {
    repository.manifest_if_present(&ManifestName::Digest(digest.clone())).await
}

async fn missing_blobs(
    repository: &RemoteRepository,
    manifest: &Manifest,
    asked: &Asked,
) -> Result<Vec<Digest>, Error> {
    let mut seen = HashSet::new();
    let blobs = manifest.blobs.iter().filter(|blob| seen.insert(&blob.digest));
    let blobs: Vec<Descriptor> = blobs.cloned().collect();
    let ask = async |blob: Descriptor| -> Result<Option<Digest>, Error> {
        let is_there = asked.has_blob(repository, &blob).await?;
        Ok((!is_there).then_some(blob.digest))
    };
    let answers: Vec<_> = stream::iter(blobs).map(ask).buffer_unordered(AT_ONCE).collect().await;
    let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(answers.into_iter().flatten().collect())
}

/// The registry answered, and what it has there is of no use.
fn is_about_content(error: &Error) -> bool {
    matches!(error.cause, Cause::Integrity(_) | Cause::Protocol(_) | Cause::Unsupported(_))
}
