//! The copy engine: one image after the other would be slow, so all of them at once.
//!
//! `image` decides and copies one image; `platforms` takes some platforms of it; `graph` walks a
//! manifest, children first and the tag last; `blob` brings one blob by the cheapest way; `board` knows
//! which repository has or brings which blob; `attachments` finds signatures and referrers, `complete`
//! what an image lacks. Requests are ordered and limited by the queues of the hosts, not here.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use crate::ecr::Repositories;
use crate::list::Attachments;
use crate::plan::Transfer;
use board::Board;
use complete::Asked;
use oci::{Digest, RepositoryPath};
use registry::{Cause, Error, Registries, RemoteRepository, Side};

mod attachments;
mod blob;
mod board;
pub(crate) mod complete;
mod graph;
mod image;
pub(crate) mod platforms;

/// What a run does beyond copying what is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Copy signatures, attestations and referrers, too.
    pub attachments: Attachments,
    /// Do not believe a tag: ask for everything below it.
    pub repair: bool,
}

/// Told what happens while it happens. Called from many tasks.
pub trait Observer: Send + Sync {
    /// So many more bytes will be sent.
    fn expects(&self, bytes: u64);
    /// So many bytes were sent.
    fn sent(&self, bytes: u64);
    /// An image has ended.
    fn ended(&self, transfer: &Transfer, result: &Result<Copied, Error>);
}

/// What became of one image.
#[derive(Debug, Clone)]
pub struct Copied {
    /// What the tag at the destination names now.
    pub digest: Digest,
    /// What the source has instead, where the index was made anew with some of its platforms.
    pub made_from: Option<Digest>,
    /// `false`: the destination had it all.
    pub changed: bool,
    pub moved: Amount,
    pub mounted: Amount,
    pub present: Amount,
    /// Signatures, attestations, referrers that were copied beside the image.
    pub attachments: u64,
    /// What the registry did not take of them.
    pub refused: Vec<Error>,
    /// Layers that no registry holds, left where they are.
    pub foreign_layers: u64,
}

/// Blobs and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Amount {
    pub blobs: u64,
    pub bytes: u64,
}

/// What all tasks of a run share.
pub(crate) struct Run {
    board: Board,
    observer: Arc<dyn Observer>,
    wishes: Wishes,
    asked: Asked,
    repositories: Option<Arc<Repositories>>,
}

/// One image's way: its two ends, and what was counted on it.
#[derive(Clone)]
pub(crate) struct Way {
    run: Arc<Run>,
    source: RemoteRepository,
    destination: RemoteRepository,
    tally: Arc<Tally>,
    manifests: Arc<graph::Manifests>,
}

#[derive(Default)]
struct Tally {
    moved: Counter,
    mounted: Counter,
    present: Counter,
    attachments: AtomicU64,
    refused: Mutex<Vec<Error>>,
    foreign_layers: AtomicU64,
}

#[derive(Default)]
struct Counter {
    blobs: AtomicU64,
    bytes: AtomicU64,
}

/// Copies images, all at once; one result for each, in their order. All go to one registry.
///
/// # Errors
/// When a registry's name makes no address; whatever else goes wrong belongs to one image.
pub(crate) async fn copy_all(
    registries: &Registries,
    transfers: &[Transfer],
    wishes: Wishes,
    repositories: Option<Arc<Repositories>>,
    observer: Arc<dyn Observer>,
) -> anyhow::Result<Vec<Result<Copied, Error>>> {
    let mut ends = Vec::new();
    for transfer in transfers {
        let source = registries.repository(&transfer.source, Side::Source)?;
        let destination = registries.repository(&transfer.target, Side::Destination)?;
        ends.push((source, destination));
    }
    let mount_needs_manifest = ends
        .first()
        .is_some_and(|(_, destination)| destination.host.capabilities.mount_needs_manifest());
    let board = Board::new(mount_needs_manifest);
    let run = Arc::new(Run { board, observer, wishes, asked: Asked::default(), repositories });

    let mut tasks = JoinSet::new();
    let mut numbers = HashMap::new();
    for (number, ((source, destination), transfer)) in ends.into_iter().zip(transfers).enumerate() {
        let way = Way {
            run: Arc::clone(&run),
            source,
            destination,
            tally: Arc::default(),
            manifests: Arc::default(),
        };
        let transfer = transfer.clone();
        let task = tasks.spawn(async move {
            let result = image::copy(&way, &transfer).await;
            way.run.observer.ended(&transfer, &result);
            result
        });
        numbers.insert(task.id(), number);
    }
    let mut results = BTreeMap::new();
    while let Some(joined) = tasks.join_next_with_id().await {
        let (id, result) = match joined {
            Ok(ended) => ended,
            // A bug that one image triggers must not hide the results of the others.
            Err(panic) => {
                let cause = Cause::Internal(panic.to_string());
                (panic.id(), Err(Error::new(Side::Source, "copy the image", cause)))
            }
        };
        results.insert(numbers.get(&id).copied(), result);
    }
    Ok(results.into_values().collect())
}

impl Way {
    /// Waits until the repository at the destination can be pushed to.
    async fn ready(&self) -> Result<(), Error> {
        match &self.run.repositories {
            Some(repositories) => repositories.ready(self.target()).await,
            None => Ok(()),
        }
    }

    /// The error of a push, with what is known of the repository.
    fn explain(&self, error: Error) -> Error {
        match &self.run.repositories {
            Some(repositories) => repositories.explain(self.target(), error),
            None => error,
        }
    }

    fn target(&self) -> &RepositoryPath {
        &self.destination.path
    }

    fn copied(&self, digest: Digest, made_from: Option<Digest>, changed: bool) -> Copied {
        Copied {
            digest,
            made_from,
            changed,
            moved: self.tally.moved.read(),
            mounted: self.tally.mounted.read(),
            present: self.tally.present.read(),
            attachments: self.tally.attachments.load(Ordering::Relaxed),
            refused: self.tally.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            foreign_layers: self.tally.foreign_layers.load(Ordering::Relaxed),
        }
    }
}

impl Counter {
    fn add(&self, bytes: u64) {
        self.blobs.fetch_add(1, Ordering::Relaxed);
        // Sizes are what others say: a sum of them may be more than there are numbers.
        let add = |sum: u64| Some(sum.saturating_add(bytes));
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    fn read(&self) -> Amount {
        Amount {
            blobs: self.blobs.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.blobs = self.blobs.saturating_add(other.blobs);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}
