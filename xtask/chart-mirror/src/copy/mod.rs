//! The copy engine. Many images are copied at once; the queues of the hosts order and limit the requests.
//!
//! `image` decides about one image and copies it, `graph` walks a manifest (children first, the tag
//! last), `blob` moves one blob, and `tracker` makes sure that each blob leaves the source once.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::{FutureExt as _, StreamExt as _, stream};

use crate::ecr::Repositories;
use crate::plan::Transfer;
use complete::BlobChecks;
use image_copy::ImageCopy;
use oci::{Digest, RepositoryPath};
use registry::{Cause, Error, Registries, Side};
use run::Run;
use tracker::{BlobTracker, Mountable};

pub use copied::{Amount, Copied, Counters};
pub(crate) use limits::{CHILDREN_AT_ONCE, IMAGES_AT_ONCE};
pub use options::{CopyOptions, ExistingContent, TagCheck, TagPolicy};
pub use progress::{Progress, Silent};
pub use signature_policy::SignaturePolicy;

mod attachments;
mod blob;
pub(crate) mod complete;
mod copied;
mod graph;
mod image;
mod image_copy;
mod limits;
mod options;
pub(crate) mod pins;
pub(crate) mod platforms;
mod progress;
mod run;
mod signature_policy;
pub(crate) mod signed;
mod tracker;

/// Copies images to one registry. Returns one result per image, in the same order. `present` are blobs that the
/// destination has, with a repository that has them.
///
/// # Errors
/// When the name of a registry does not make a URL; all other errors belong to an image.
pub(crate) async fn copy_all(
    registries: &Registries,
    transfers: &[Transfer],
    options: CopyOptions,
    present: &[(Digest, RepositoryPath)],
    signatures: Arc<SignaturePolicy>,
    repositories: Option<Arc<Repositories>>,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<Vec<Result<Copied, Error>>> {
    let mut ends = Vec::new();
    for transfer in transfers {
        let source = registries.repository(&transfer.source, Side::Source)?;
        let destination = registries.repository(&transfer.target, Side::Destination)?;
        if source.host.name == destination.host.name {
            destination.expect_mounts_from(&source.path);
        }
        ends.push((source, destination));
    }
    let needs_manifest = ends
        .first()
        .is_some_and(|(_, destination)| destination.host.capabilities.mount_needs_manifest());
    let mountable = if needs_manifest { Mountable::AfterManifest } else { Mountable::AfterUpload };
    progress.copying(transfers);
    let tracker = BlobTracker::new(mountable);
    for (digest, repository) in present {
        tracker.mark_committed(std::iter::once(digest), repository);
    }
    let run = Arc::new(Run {
        tracker,
        progress,
        options,
        checks: BlobChecks::default(),
        signatures,
        repositories,
    });
    let copies = ends.into_iter().zip(transfers).enumerate();
    let copies = copies.map(|(number, ((source, destination), transfer))| {
        let run = Arc::clone(&run);
        async move {
            let copy = ImageCopy::new(run, number, transfer.clone(), source, destination);
            (number, copy_one(Arc::new(copy)).await)
        }
    });
    let mut results: Vec<_> = stream::iter(copies).buffer_unordered(IMAGES_AT_ONCE).collect().await;
    results.sort_by_key(|(number, _)| *number);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// A panic fails this image alone; the others are still copied and reported.
async fn copy_one(copy: Arc<ImageCopy>) -> Result<Copied, Error> {
    copy.run.progress.image_started(copy.number, &copy.transfer);
    let copied = AssertUnwindSafe(image::copy(&copy)).catch_unwind().await;
    let result = copied.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        let cause = Cause::Internal(text);
        Err(Error::new(Side::Source, "copy the image", cause))
    });
    copy.run.progress.image_ended(copy.number, &copy.transfer, &result);
    result
}
