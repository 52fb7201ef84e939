//! Copies a manifest with everything it points to: children first, the name last.
//!
//! So a name at the destination never points to something incomplete, wherever a run is cut off.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::Way;
use super::blob::{self, Trust};
use super::board::Turn;
use oci::{Descriptor, Digest, Manifest};
use registry::{Cause, Error, ErrorCode, ManifestName, Pushed, Side};

/// An index in an index in an index is somebody's mistake, or attack.
const DEEPEST: usize = 8;

/// Manifests of one index that are in memory at a time.
const CHILDREN_AT_ONCE: usize = 8;
/// Before a registry that has all of the content, and does not find it, is believed.
const PAUSES_TO_SEE: usize = 3;
/// More manifests than any image has platforms.
const MOST_MANIFESTS: usize = 1000;

/// The manifests of one image, each with the one copy of it that is made.
#[derive(Default)]
pub(super) struct Manifests(Mutex<HashMap<(Digest, Trust), Once>>);

type Once = Arc<OnceCell<()>>;

impl Manifests {
    /// The place of a manifest; `None` if there are too many.
    fn of(&self, digest: &Digest, trust: Trust) -> Option<Once> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (digest.clone(), trust);
        if all.len() >= MOST_MANIFESTS && !all.contains_key(&key) {
            return None;
        }
        Some(Arc::clone(all.entry(key).or_default()))
    }
}

/// Manifests of this repository that the destination is known to hold whole.
#[derive(Default)]
pub(super) struct Known(pub(super) HashSet<Digest>);

/// Copies a manifest under a name. `true` if the destination keeps track of its subject.
pub(super) async fn copy(
    way: &Way,
    manifest: &Manifest,
    name: &ManifestName,
    known: &Known,
) -> Result<bool, Error> {
    copy_below(way, manifest, name, known, Trust::Believe, 0).await
}

/// Copies a manifest under a name, and believes nothing of the destination: all of its content is asked for.
pub(super) async fn repair(
    way: &Way,
    manifest: &Manifest,
    name: &ManifestName,
) -> Result<bool, Error> {
    copy_below(way, manifest, name, &Known::default(), Trust::Ask, 0).await
}

fn copy_below<'a>(
    way: &'a Way,
    manifest: &'a Manifest,
    name: &'a ManifestName,
    known: &'a Known,
    trust: Trust,
    depth: usize,
) -> BoxFuture<'a, Result<bool, Error>> {
    Box::pin(async move {
        // What is wrong with a child was said of the child, and mended there if it could be.
        bring_children(way, manifest, known, trust, depth).await?;
        match push_whole(way, manifest, name, trust).await {
            Err(error) if trust == Trust::Believe && misses_content(&error) => {
                // An interrupted run, a proxy cache or a garbage collection: what was believed to be
                // there is not. Once more, this time asking for everything.
                tracing::debug!("{error}; asking for all of its content");
                bring_children(way, manifest, &Known::default(), Trust::Ask, depth).await?;
                push_whole(way, manifest, name, Trust::Ask).await
            }
            result => result,
        }
    })
}

/// Brings the blobs that a manifest points to, and then the manifest. Its children are there.
async fn push_whole(
    way: &Way,
    manifest: &Manifest,
    name: &ManifestName,
    trust: Trust,
) -> Result<bool, Error> {
    let board = &way.run.board;
    let blobs = || manifest.blobs.iter().map(|blob| &blob.digest);
    // Not before the children have theirs: nobody's turn may last until that of a later one is over.
    let turn = board.take_turn(blobs(), way.target());
    let pushed = async {
        bring_blobs(way, manifest, trust, turn).await?;
        match trust {
            Trust::Believe => way.destination.push_manifest(name, manifest).await,
            Trust::Ask => push_until_seen(way, manifest, name).await,
        }
    };
    match pushed.await {
        Ok(pushed) => {
            board.committed(blobs(), way.target());
            Ok(pushed.subject_is_tracked)
        }
        Err(error) => {
            board.abandoned(turn);
            Err(error)
        }
    }
}

/// Pushes a manifest of which everything was asked for, and is there by the word of the destination. If that
/// takes a while to know of it itself, it is given some.
async fn push_until_seen(
    way: &Way,
    manifest: &Manifest,
    name: &ManifestName,
) -> Result<Pushed, Error> {
    let mut pauses = way.destination.host.retry.pauses().take(PAUSES_TO_SEE);
    loop {
        let error = match way.destination.push_manifest(name, manifest).await {
            Err(error) if misses_content(&error) => error,
            result => return result,
        };
        let Some(pause) = pauses.next() else {
            return Err(contradicted(error, manifest, name));
        };
        tracing::debug!("{error}; all of its content is there, waiting {pause:?}");
        tokio::time::sleep(pause).await;
    }
}

/// The error of a destination that says it has everything, and then that it has not.
fn contradicted(mut error: Error, manifest: &Manifest, name: &ManifestName) -> Error {
    if *name != ManifestName::Digest(manifest.digest.clone()) {
        error.operation = format!("{} with {}", error.operation, manifest.digest);
    }
    if let Cause::Status(response) = &mut error.cause {
        response.append("(although it reported that it has everything the manifest refers to)");
    }
    error
}

async fn bring_children(
    way: &Way,
    manifest: &Manifest,
    known: &Known,
    trust: Trust,
    depth: usize,
) -> Result<(), Error> {
    let mut seen = HashSet::new();
    let mut children: Vec<BoxFuture<'_, Result<(), Error>>> = Vec::new();
    for child in &manifest.manifests {
        if seen.insert(&child.digest) {
            children.push(Box::pin(ensure_child(way, child, known, trust, depth + 1)));
        }
    }
    // Everything is brought before the first failure is told: what one run has done the next need not.
    let ended: Vec<_> = stream::iter(children).buffer_unordered(CHILDREN_AT_ONCE).collect().await;
    ended.into_iter().collect()
}

/// Copies a child once per image, however many indexes list it.
async fn ensure_child(
    way: &Way,
    child: &Descriptor,
    known: &Known,
    trust: Trust,
    depth: usize,
) -> Result<(), Error> {
    let name = ManifestName::Digest(child.digest.clone());
    let refuse = |why: String| {
        let operation = format!("get manifest {name}");
        Err(Error::new(way.source.host.side, operation, Cause::Unsupported(why)))
    };
    if depth > DEEPEST {
        return refuse(format!("indexes are nested more than {DEEPEST} deep"));
    }
    let Some(once) = way.manifests.of(&child.digest, trust) else {
        return refuse(format!("the image has more than {MOST_MANIFESTS} manifests"));
    };
    let copied = once.get_or_try_init(|| async {
        // What the stale index lists should be there whole; that it is there is asked, not believed.
        if known.0.contains(&child.digest) && way.destination.resolve(&name).await?.is_some() {
            return Ok(());
        }
        let manifest = way.source.manifest(&name).await?;
        copy_below(way, &manifest, &name, known, trust, depth).await.map(|_| ())
    });
    copied.await.copied()
}

/// Brings the blobs, each in a task of its own: one that waits keeps no other from going on.
async fn bring_blobs(
    way: &Way,
    manifest: &Manifest,
    trust: Trust,
    turn: Turn,
) -> Result<(), Error> {
    // Counted at the first try, whichever that is.
    if trust == Trust::Believe || way.run.wishes.repair {
        way.tally.foreign_layers.fetch_add(manifest.foreign_layers as u64, Ordering::Relaxed);
    }
    let mut tasks = JoinSet::new();
    let mut seen = HashSet::new();
    for blob in &manifest.blobs {
        // Old images repeat the empty layer several times.
        if seen.insert(&blob.digest) {
            let (way, blob) = (way.clone(), blob.clone());
            tasks.spawn(async move { blob::ensure(&way, &blob, trust, turn).await });
        }
    }
    let mut result = Ok(());
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(Ok(())) => {}
            Ok(Err(error)) => result = result.and(Err(error)),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    result
}

/// Whether the destination refused a manifest for what it points to. What a source does not have is no such
/// thing.
fn misses_content(error: &Error) -> bool {
    use ErrorCode::{BlobUnknown, ManifestBlobUnknown, ManifestUnknown};
    let codes = [ManifestBlobUnknown, BlobUnknown, ManifestUnknown];
    error.side == Side::Destination && codes.iter().any(|code| error.has_code(code))
}
