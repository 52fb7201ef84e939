//! Checks that a registry has all of an image: fetches every manifest below a digest, and checks for
//! every blob. Only `mirror --repair` and `verify --deep` do this; other runs trust a tag.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::OnceCell;

use super::limits::CHILDREN_AT_ONCE;
use oci::{Descriptor, Digest, Manifest, limits};
use registry::{Cause, Error, ManifestName, RemoteRepository};

/// Concurrent blob checks of one manifest. The queue of the host limits them further.
const AT_ONCE: usize = 16;

/// Content that manifests point to and that the registry does not have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) manifests: Vec<Digest>,
    pub(crate) blobs: Vec<Digest>,
    /// Errors of manifests and blobs that are there but cannot be read.
    pub(crate) unreadable: Vec<String>,
}

/// The blobs that were checked in this run. Images share layers.
#[derive(Default)]
pub(crate) struct BlobChecks(Mutex<HashMap<BlobPlace, IsPresent>>);

/// A repository with its registry, and a digest.
type BlobPlace = (String, Digest);
/// Empty until the registry has answered.
type IsPresent = Arc<OnceCell<BlobState>>;

#[derive(Clone)]
enum BlobState {
    Present,
    Absent,
    /// The registry fails on it.
    Unreadable(String),
}

impl Missing {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, blob: Digest, state: BlobState) {
        match state {
            BlobState::Present => {}
            BlobState::Absent => self.blobs.push(blob),
            BlobState::Unreadable(why) => self.unreadable.push(why),
        }
    }
}

impl BlobChecks {
    /// Asks each registry for each blob at most once.
    async fn state(
        &self,
        repository: &RemoteRepository,
        blob: &Descriptor,
    ) -> Result<BlobState, Error> {
        let cell = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let name = format!("{}/{}", repository.host.name, repository.path);
            Arc::clone(all.entry((name, blob.digest.clone())).or_default())
        };
        let state = cell.get_or_try_init(|| async {
            match repository.has_blob(blob).await {
                Ok(true) => Ok(BlobState::Present),
                Ok(false) => Ok(BlobState::Absent),
                Err(error) if error.is_server_failure() => {
                    Ok(BlobState::Unreadable(error.to_string()))
                }
                Err(error) => Err(error),
            }
        });
        state.await.cloned()
    }
}

/// What the registry lacks of the image with the digest `top`.
///
/// # Errors
/// If a request to the registry fails.
pub(crate) async fn missing(
    repository: &RemoteRepository,
    top: &Digest,
    checks: &BlobChecks,
) -> Result<Missing, Error> {
    let mut missing = Missing::default();
    let mut seen: HashSet<Digest> = HashSet::from([top.clone()]);
    let mut pending = vec![top.clone()];
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < CHILDREN_AT_ONCE
            && let Some(digest) = pending.pop()
        {
            running.push(look(repository, digest, checks));
        }
        let Some(looked) = running.next().await else { break };
        let children = match looked? {
            Looked::AtManifest { children, blobs } => {
                blobs.into_iter().for_each(|(digest, state)| missing.add(digest, state));
                children
            }
            Looked::Absent(digest) => {
                missing.manifests.push(digest);
                continue;
            }
            Looked::Unreadable(why) => {
                missing.unreadable.push(why);
                continue;
            }
        };
        let new: Vec<Digest> =
            children.into_iter().filter(|digest| seen.insert(digest.clone())).collect();
        if let Err(why) = limits::check_count(seen.len() - 1) {
            missing.unreadable.push(format!("{why}; not all were checked"));
            break;
        }
        pending.extend(new);
    }
    missing.manifests.sort();
    missing.blobs.sort();
    missing.blobs.dedup();
    missing.unreadable.sort();
    missing.unreadable.dedup();
    Ok(missing)
}

/// What the registry returned for one manifest.
enum Looked {
    AtManifest {
        children: Vec<Digest>,
        blobs: Vec<(Digest, BlobState)>,
    },
    Absent(Digest),
    /// It fails on the manifest, or returns something else.
    Unreadable(String),
}

async fn look(
    repository: &RemoteRepository,
    digest: Digest,
    checks: &BlobChecks,
) -> Result<Looked, Error> {
    let name = ManifestName::Digest(digest.clone());
    let manifest = match repository.manifest_if_present(&name).await {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return Ok(Looked::Absent(digest)),
        Err(error) if is_about_content(&error) => {
            return Ok(Looked::Unreadable(error.to_string()));
        }
        Err(error) => return Err(error),
    };
    let blobs = blob_states(repository, &manifest, checks).await?;
    let children = manifest.manifests.into_iter().map(|child| child.digest).collect();
    Ok(Looked::AtManifest { children, blobs })
}

async fn blob_states(
    repository: &RemoteRepository,
    manifest: &Manifest,
    checks: &BlobChecks,
) -> Result<Vec<(Digest, BlobState)>, Error> {
    let mut seen = HashSet::new();
    let blobs = manifest.blobs.iter().filter(|blob| seen.insert(&blob.digest));
    let blobs: Vec<Descriptor> = blobs.cloned().collect();
    let check = async |blob: Descriptor| -> Result<(Digest, BlobState), Error> {
        let state = checks.state(repository, &blob).await?;
        Ok((blob.digest, state))
    };
    stream::iter(blobs).map(check).buffer_unordered(AT_ONCE).try_collect().await
}

/// Whether the registry answered with content that cannot be used, or fails on this content alone.
fn is_about_content(error: &Error) -> bool {
    matches!(error.cause, Cause::Integrity(_) | Cause::Protocol(_) | Cause::Unsupported(_))
        || error.is_server_failure()
}
