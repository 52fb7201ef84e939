//! Pushes a manifest with everything it points to: children first, its name last.
//!
//! So a name at the destination never points to incomplete content, wherever a run is interrupted.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use tokio::task::JoinSet;

use super::blob::{self, NeededBlob};
use super::content_keys::ContentKey;
use super::image_copy::{ImageCopy, Once};
use super::limits::CHILDREN_AT_ONCE;
use super::options::ExistingContent;
use super::tracker::Ticket;
use oci::{Digest, Manifest, TooLarge, limits};
use registry::{Cause, Error, ErrorCode, ManifestName, Pushed, ReadBack, Side};

/// How often to wait for a registry that has all of the content but does not see it yet.
const PAUSES_TO_SEE: usize = 3;

/// Manifests that the destination's repository is known to hold with all of their content.
pub(super) type KnownManifests = HashSet<Digest>;

/// Where in the graph a manifest is, and what may be assumed there.
#[derive(Clone, Copy)]
pub(super) struct Level<'a> {
    pub(super) known: &'a KnownManifests,
    pub(super) existing: ExistingContent,
    /// The number of indexes above it.
    pub(super) depth: usize,
    /// Of the blobs of the manifest.
    pub(super) keys: &'a Arc<[ContentKey]>,
}

/// Pushes a manifest under a name, after everything that it points to.
pub(super) fn push<'a>(
    copy: &'a Arc<ImageCopy>,
    manifest: &'a Manifest,
    name: &'a ManifestName,
    level: Level<'a>,
) -> BoxFuture<'a, Result<Pushed, Error>> {
    Box::pin(async move {
        copy.record(|content| content.add(manifest));
        // An error of a child is final: what could be fixed was fixed there.
        push_children(copy, manifest, level).await?;
        match push_with_blobs(copy, manifest, name, level).await {
            Err(error)
                if level.existing == ExistingContent::Trusted && is_missing_content(&error) =>
            {
                // After an interrupted run, a garbage collection or behind a proxy cache, a manifest
                // may be there without its content. Try once more, and check everything.
                tracing::debug!("{error}; asking for all of its content");
                let known = &KnownManifests::default();
                let level = Level { known, existing: ExistingContent::Checked, ..level };
                push_children(copy, manifest, level).await?;
                push_with_blobs(copy, manifest, name, level).await
            }
            result => result,
        }
    })
}

/// Gets the blobs of a manifest into the repository, and then pushes it. Its children are already there.
async fn push_with_blobs(
    copy: &Arc<ImageCopy>,
    manifest: &Manifest,
    name: &ManifestName,
    level: Level<'_>,
) -> Result<Pushed, Error> {
    let tracker = &copy.run.tracker;
    let blobs = || manifest.blobs.iter().map(|blob| &blob.digest);
    // Taken only after the children were pushed: a ticket must not be held while a later one is used.
    let ticket = tracker.take_ticket(blobs(), copy.target());
    let pushed = async {
        ensure_blobs(copy, manifest, level, ticket).await?;
        match level.existing {
            ExistingContent::Trusted => copy.push_manifest(name, manifest, ReadBack::InDoubt).await,
            ExistingContent::Checked => push_until_accepted(copy, manifest, name).await,
        }
    };
    let pushed = pushed.await;
    match &pushed {
        Ok(_) => tracker.mark_committed(blobs(), copy.target()),
        Err(_) => tracker.abandon(ticket, blobs()),
    }
    pushed
}

/// Pushes a manifest whose content is at the destination. Some registries need a while before they
/// see content that they have accepted.
async fn push_until_accepted(
    copy: &ImageCopy,
    manifest: &Manifest,
    name: &ManifestName,
) -> Result<Pushed, Error> {
    let mut pauses = copy.destination.host.retry.pauses().take(PAUSES_TO_SEE);
    loop {
        // What is repaired here may have been stored damaged.
        let pushed = copy.push_manifest(name, manifest, ReadBack::Always).await;
        let error = match pushed {
            Err(error) if is_missing_content(&error) => error,
            result => return result,
        };
        let Some(pause) = pauses.next() else {
            return Err(contradiction(error, manifest, name));
        };
        tracing::debug!("{error}; all of its content is there, waiting {pause:?}");
        tokio::time::sleep(pause).await;
    }
}

/// The error of a destination that reported all content as present, and then as missing.
fn contradiction(mut error: Error, manifest: &Manifest, name: &ManifestName) -> Error {
    if *name != ManifestName::Digest(manifest.digest.clone()) {
        error.operation = format!("{} with {}", error.operation, manifest.digest);
    }
    if let Cause::Status(response) = &mut error.cause {
        response.remark("although it reported everything that the manifest points to as present");
    }
    error
}

async fn push_children(
    copy: &Arc<ImageCopy>,
    manifest: &Manifest,
    level: Level<'_>,
) -> Result<(), Error> {
    let level = Level { depth: level.depth + 1, ..level };
    if manifest.manifests.is_empty() {
        return Ok(());
    }
    let children = limits::check_depth(level.depth)
        .and_then(|()| copy.children(manifest, level.existing))
        .map_err(|why: TooLarge| {
            let operation = format!("get what manifest {} lists", manifest.digest.short());
            Error::new(copy.source.host.side, operation, Cause::Unsupported(why.to_string()))
        })?;
    let children: Vec<BoxFuture<'_, _>> = children
        .into_iter()
        .map(|(child, once)| Box::pin(push_child(copy, child, once, level)) as _)
        .collect();
    // All children are pushed before the first error is returned. The next run has less to do.
    let results: Vec<_> = stream::iter(children).buffer_unordered(CHILDREN_AT_ONCE).collect().await;
    results.into_iter().collect()
}

/// Copies a child once per image, however many indexes list it.
async fn push_child(
    copy: &Arc<ImageCopy>,
    child: Digest,
    once: Once,
    level: Level<'_>,
) -> Result<(), Error> {
    let name = ManifestName::Digest(child.clone());
    let pushed = once.get_or_try_init(|| async {
        // The stale index lists it, so its content should be there. Only the manifest itself is checked.
        if level.known.contains(&child) && copy.destination.resolve(&name).await?.is_some() {
            copy.record(|content| content.is_complete = false);
            return Ok(());
        }
        let manifest = copy.source.manifest(&name).await?;
        let keys = copy.keys.below(level.keys, &child);
        push(copy, &manifest, &name, Level { keys: &keys, ..level }).await.map(|_| ())
    });
    pushed.await.copied()
}

/// Handles each blob in its own task, so that one that waits does not hold up the others.
async fn ensure_blobs(
    copy: &Arc<ImageCopy>,
    manifest: &Manifest,
    level: Level<'_>,
    ticket: Ticket,
) -> Result<(), Error> {
    let existing = level.existing;
    // Counted once: in the first of up to two attempts.
    if existing == copy.run.options.existing {
        copy.count(|counters| counters.foreign_layers += manifest.foreign_layers as u64);
    }
    let mut tasks = JoinSet::new();
    let mut seen = HashSet::new();
    for blob in &manifest.blobs {
        // Old images repeat the empty layer several times.
        if seen.insert(&blob.digest) {
            let (copy, blob) = (Arc::clone(copy), blob.clone());
            let keys = Arc::clone(level.keys);
            tasks.spawn(async move {
                let blob = NeededBlob { descriptor: &blob, needed_by: &keys };
                blob::ensure(&copy, blob, existing, ticket).await
            });
        }
    }
    let mut result = Ok(());
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(ended) => result = result.and(ended),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    result
}

/// Whether the destination refused a manifest because of what it points to. Content that is missing
/// at the source does not count.
fn is_missing_content(error: &Error) -> bool {
    use ErrorCode::{BlobUnknown, ManifestBlobUnknown, ManifestUnknown};
    let codes = [ManifestBlobUnknown, BlobUnknown, ManifestUnknown];
    error.side == Side::Destination && codes.iter().any(|code| error.has_code(code))
}
