//! One image of the list: look, decide, copy.

use super::graph::{self, Known};
use super::{Copied, Way, attachments, complete};
use crate::oci::{Digest, Manifest};
use crate::plan::{Decision, Transfer, decide};
use crate::registry::{Cause, Error, ManifestName};

pub(super) async fn copy(way: &Way, transfer: &Transfer) -> Result<Copied, Error> {
    let name = ManifestName::Tag(transfer.tag.clone());
    let pin = transfer.digest.as_ref();
    let there = way.destination.resolve(&name).await?;
    let mut here = None;
    let mut decision = decide(pin, there.as_ref(), None);
    if decision == Decision::AskSource {
        here = Some(source_digest(way, &name).await?);
        decision = decide(pin, there.as_ref(), here.as_ref());
    }
    if decision == Decision::UpToDate
        && let (true, Some(there)) = (way.run.wishes.repair, &there)
        && !complete::missing(&way.destination, there, &way.run.asked).await?.is_empty()
    {
        decision = Decision::Copy;
    }
    let digest = match (decision, there) {
        (Decision::UpToDate, Some(there)) => there,
        (_, _) if way.run.wishes.repair => {
            let manifest = fetch(way, transfer, here).await?;
            graph::repair(way, &manifest, &name).await?;
            manifest.digest
        }
        (_, there) => {
            let manifest = fetch(way, transfer, here).await?;
            let known = match there {
                Some(stale) => known_through(way, &stale).await,
                None => Known::default(),
            };
            graph::copy(way, &manifest, &name, &known).await?;
            manifest.digest
        }
    };
    if way.run.wishes.attachments {
        attachments::copy(way, &digest).await?;
    }
    let copied = way.copied(digest, decision != Decision::UpToDate);
    Ok(Copied { changed: copied.changed || copied.attachments > 0, ..copied })
}

async fn source_digest(way: &Way, name: &ManifestName) -> Result<Digest, Error> {
    match way.source.resolve(name).await? {
        Some(digest) => Ok(digest),
        // The GET says what the server says to it; a HEAD has no body.
        None => way.source.manifest(name).await.map(|manifest| manifest.digest),
    }
}

/// The manifest to copy: by digest where one is known, so that a tag that moves meanwhile changes nothing.
async fn fetch(way: &Way, transfer: &Transfer, seen: Option<Digest>) -> Result<Manifest, Error> {
    let name = match transfer.digest.clone().or(seen) {
        Some(digest) => ManifestName::Digest(digest),
        None => ManifestName::Tag(transfer.tag.clone()),
    };
    let error = match way.source.manifest(&name).await {
        Ok(manifest) => return Ok(manifest),
        Err(error) => error,
    };
    let (Some(pin), Some(404)) = (&transfer.digest, error.status()) else { return Err(error) };
    // Was the tag moved, or the image deleted? The reader needs to know which.
    let now = way.source.resolve(&ManifestName::Tag(transfer.tag.clone())).await.ok().flatten();
    let why = match now {
        Some(now) => format!(
            "the pinned {pin} is gone, and the tag `{}` names {now} now: check what changed, then pin that",
            transfer.tag
        ),
        None => format!("the pinned {pin} is gone, and so is the tag `{}`", transfer.tag),
    };
    Err(Error { cause: Cause::Unsupported(why), ..error })
}

/// What the destination holds already, told by the image that its tag names now: one request, where
/// asking for each blob would take as many as there are. Only a help: if it fails, nothing is known.
async fn known_through(way: &Way, stale: &Digest) -> Known {
    let mut known = Known::default();
    let Ok(manifest) = way.destination.manifest(&ManifestName::Digest(stale.clone())).await else {
        return known;
    };
    way.run.board.committed(manifest.blobs.iter().map(|blob| &blob.digest), way.target());
    known.0.extend(manifest.manifests.into_iter().map(|child| child.digest));
    known
}
