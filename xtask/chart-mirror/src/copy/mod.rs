//! The copy engine. Many images are copied at once; the queues of the hosts order and limit the requests.
//!
//! `image` decides about one image and copies it, `graph` walks a manifest (children first, the tag
//! last), `blob` moves one blob, `tracker` makes sure that each blob is sent to a destination once, and
//! `shared_reads` that it leaves the source once for all destinations.

use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::Semaphore;

use crate::ecr::Repositories;
use crate::plan::Transfer;
use complete::BlobChecks;
use content_keys::ContentKeys;
use image_copy::ImageCopy;
use limits::FEWEST_IMAGES_AT_ONCE;
use messages::Advice;
use oci::{Digest, Registry, RepositoryPath};
use registry::{Cause, Error, Registries, Side};
use run::Run;
use shared_reads::SharedReads;
use tracker::{BlobTracker, Mountable};

pub use content::{ContentRecord, ImageContent};
pub use copied::{Amount, Copied, Counters, PlannedBlob};
pub(crate) use limits::{CHILDREN_AT_ONCE, IMAGES_AT_ONCE};
pub use options::{CopyOptions, Effects, ExistingContent, TagCheck, TagPolicy};
pub use progress::{Progress, Silent};
pub use shared_reads::SourceReads;
pub use signature_policy::SignaturePolicy;

mod attachments;
mod blob;
pub(crate) mod complete;
mod content;
mod content_keys;
mod copied;
mod gatherings;
mod graph;
mod image;
mod image_copy;
mod limits;
mod options;
pub(crate) mod pins;
pub(crate) mod platforms;
mod progress;
mod run;
mod shared_reads;
mod signature_policy;
pub(crate) mod signed;
mod tracker;

/// The copies of a run: what they share, whichever list and destination they belong to.
pub(crate) struct Copies<'a> {
    registries: &'a Registries,
    destinations: HashMap<Registry, AtDestination>,
    reads: Arc<SharedReads>,
    checks: Arc<BlobChecks>,
}

/// What the copies to one registry share.
struct AtDestination {
    tracker: Arc<BlobTracker>,
    /// The images that may be in progress.
    places: Semaphore,
}

/// The images of one list that are copied to one destination.
pub(crate) struct Batch<'t> {
    pub(crate) transfers: &'t [Transfer],
    pub(crate) options: CopyOptions,
    /// Blobs that the destination has, each with a repository that has it.
    pub(crate) present: &'t [(Digest, RepositoryPath)],
    pub(crate) signatures: Arc<SignaturePolicy>,
    pub(crate) repositories: Option<Arc<Repositories>>,
    pub(crate) progress: Arc<dyn Progress>,
}

impl<'a> Copies<'a> {
    /// Prepares the copies of some batches. Each of them is started with [`Copies::run`], all of them at the same
    /// time: their destinations wait for each other to share what is read.
    ///
    /// # Errors
    /// When the name of a registry does not make a URL; all other errors belong to an image.
    pub(crate) fn new(registries: &'a Registries, batches: &[Batch<'_>]) -> Result<Self, Advice> {
        let transfers = || batches.iter().flat_map(|batch| batch.transfers);
        let hosts: BTreeSet<&Registry> =
            transfers().map(|transfer| transfer.target.registry()).collect();
        let reads = SharedReads::new(hosts.iter().copied().cloned());
        let places = (IMAGES_AT_ONCE / hosts.len().max(1)).max(FEWEST_IMAGES_AT_ONCE);
        let mut destinations = HashMap::new();
        for transfer in transfers() {
            // All are announced before the first request.
            registries.repository(&transfer.source, Side::Source)?;
            let destination = registries.repository(&transfer.target, Side::Destination)?;
            destinations.entry(transfer.target.registry().clone()).or_insert_with(|| {
                let needs_manifest = destination.host.capabilities.mount_needs_manifest();
                let mountable =
                    if needs_manifest { Mountable::AfterManifest } else { Mountable::AfterUpload };
                let tracker = Arc::new(BlobTracker::new(mountable));
                AtDestination { tracker, places: Semaphore::new(places) }
            });
        }
        for batch in batches {
            for transfer in batch.transfers {
                let keys = ContentKeys::new(transfer, &batch.options);
                reads.expect(transfer.target.registry(), &keys.at_first());
            }
        }
        Ok(Self { registries, destinations, reads, checks: Arc::default() })
    }

    /// Copies the images of a batch. Returns one result per image, in the same order.
    ///
    /// # Errors
    /// As [`Copies::new`].
    pub(crate) async fn run(&self, batch: Batch<'_>) -> Result<Vec<Result<Copied, Error>>, Advice> {
        let Some(at) = self.at(&batch) else { return Ok(Vec::new()) };
        let mut ends = Vec::new();
        for transfer in batch.transfers {
            let source = self.registries.repository(&transfer.source, Side::Source)?;
            let destination = self.registries.repository(&transfer.target, Side::Destination)?;
            if source.host.name == destination.host.name {
                destination.expect_mounts_from(&source.path);
            }
            ends.push((source, destination));
        }
        let sources: HashMap<_, _> =
            ends.iter().map(|(source, _)| (&source.host.name, &source.host)).collect();
        for source in sources.into_values() {
            // A connection takes as long as the first response of the destination.
            source.expect_requests(1).await;
        }
        for (digest, repository) in batch.present {
            at.tracker.mark_committed(std::iter::once(digest), repository);
        }
        let run = Arc::new(Run {
            tracker: Arc::clone(&at.tracker),
            reads: Arc::clone(&self.reads),
            progress: batch.progress,
            options: batch.options,
            checks: Arc::clone(&self.checks),
            signatures: batch.signatures,
            repositories: batch.repositories,
        });
        let copies = ends.into_iter().zip(batch.transfers).enumerate();
        let copies = copies.map(|(number, ((source, destination), transfer))| {
            let run = Arc::clone(&run);
            async move {
                // Never closed.
                let _place = at.places.acquire().await;
                let copy = ImageCopy::new(run, number, transfer.clone(), source, destination);
                (number, copy_one(Arc::new(copy)).await)
            }
        });
        let mut results: Vec<_> =
            stream::iter(copies).buffer_unordered(IMAGES_AT_ONCE).collect().await;
        results.sort_by_key(|(number, _)| *number);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }

    /// What was read from the sources so far; `None` if there is only one destination.
    pub(crate) fn source_reads(&self) -> Option<SourceReads> {
        self.reads.has_several_destinations().then(|| self.reads.source_reads())
    }

    /// All images of a batch have the same destination.
    fn at(&self, batch: &Batch<'_>) -> Option<&AtDestination> {
        self.destinations.get(batch.transfers.first()?.target.registry())
    }
}

/// A panic fails this image alone; the others are still copied and reported.
async fn copy_one(copy: Arc<ImageCopy>) -> Result<Copied, Error> {
    copy.run.progress.image_started(copy.number, &copy.transfer);
    // Boxed, because it is large and moved several times.
    let copied = AssertUnwindSafe(Box::pin(image::copy(&copy))).catch_unwind().await;
    let result = copied.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        let cause = Cause::Internal(text);
        Err(Error::new(Side::Source, "copy the image", cause))
    });
    copy.run.reads.image_ended(&copy.destination.host.name, &copy.expected());
    copy.run.progress.image_ended(copy.number, &copy.transfer, &result);
    result
}
