//! One image of the list: look, decide, copy.

use super::graph::{self, Known};
use super::platforms::{self, Wanted};
use super::{Copied, Way, attachments, complete};
use crate::list::Attachments;
use crate::plan::{Decision, Transfer, decide};
use messages::Advice;
use oci::{Digest, Manifest};
use registry::{Cause, Error, ManifestName};

/// What a look at the source has shown.
enum Seen {
    /// What the tag names.
    Digest(Digest),
    /// What of it is wanted, which takes the whole index to know.
    Wanted(Wanted),
}

pub(super) async fn copy(way: &Way, transfer: &Transfer) -> Result<Copied, Error> {
    let name = ManifestName::Tag(transfer.tag.clone());
    let there = way.destination.resolve(&name).await?;
    let mut seen = None;
    let mut decision = decide(transfer.pin(), there.as_ref(), None);
    if decision == Decision::AskSource {
        let look = look(way, transfer, &name).await?;
        decision = decide(transfer.pin(), there.as_ref(), Some(look.digest()));
        seen = Some(look);
    }
    if decision == Decision::UpToDate
        && let (true, Some(there)) = (way.run.wishes.repair, &there)
        && !complete::missing(&way.destination, there, &way.run.asked).await?.is_empty()
    {
        decision = Decision::Copy;
    }
    let (digest, made_from) = match (decision, there) {
        (Decision::UpToDate, Some(there)) => {
            let source = match &seen {
                Some(Seen::Wanted(wanted)) => Some(&wanted.source),
                _ => transfer.digest.as_ref().filter(|_| transfer.platforms.is_some()),
            };
            let made_from = source.filter(|source| **source != there).cloned();
            (there, made_from)
        }
        (_, there) => {
            let fetch = async {
                match seen {
                    Some(Seen::Wanted(wanted)) => Ok(wanted),
                    Some(Seen::Digest(digest)) => fetch_wanted(way, transfer, Some(digest)).await,
                    None => fetch_wanted(way, transfer, None).await,
                }
            };
            // A repository with a tag is there.
            let wanted = match &there {
                Some(_) => fetch.await?,
                None => tokio::try_join!(fetch, way.ready())?.0,
            };
            let copied = if way.run.wishes.repair {
                graph::repair(way, &wanted.manifest, &name).await
            } else {
                let known = match there {
                    Some(stale) => known_through(way, &stale).await,
                    None => Known::default(),
                };
                graph::copy(way, &wanted.manifest, &name, &known).await
            };
            copied.map_err(|error| way.explain(error))?;
            let made_from = Some(wanted.source).filter(|source| *source != wanted.manifest.digest);
            (wanted.manifest.digest, made_from)
        }
    };
    if way.run.wishes.attachments != Attachments::Ignore {
        attachments::copy(way, &digest, made_from.is_some()).await?;
    }
    let copied = way.copied(digest, made_from, decision != Decision::UpToDate);
    Ok(Copied { changed: copied.changed || copied.attachments > 0, ..copied })
}

impl Seen {
    fn digest(&self) -> &Digest {
        match self {
            Self::Digest(digest) => digest,
            Self::Wanted(wanted) => &wanted.manifest.digest,
        }
    }
}

async fn look(way: &Way, transfer: &Transfer, name: &ManifestName) -> Result<Seen, Error> {
    match &transfer.platforms {
        None => source_digest(way, name).await.map(Seen::Digest),
        Some(_) => fetch_wanted(way, transfer, None).await.map(Seen::Wanted),
    }
}

/// The manifest to copy, with what it was made from.
async fn fetch_wanted(
    way: &Way,
    transfer: &Transfer,
    seen: Option<Digest>,
) -> Result<Wanted, Error> {
    let manifest = fetch(way, transfer, seen).await?;
    match &transfer.platforms {
        None => Ok(Wanted { source: manifest.digest.clone(), manifest }),
        Some(choice) => platforms::choose(&way.source, manifest, choice).await,
    }
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
    let tag = &transfer.tag;
    let advice = match now {
        Some(now) => {
            Advice::new(format!("the pinned {pin} is gone, and the tag `{tag}` names {now} now"))
                .with_hint("inspect it, then accept it with `cargo xtask pin --update`")
        }
        None => Advice::new(format!("the pinned {pin} is gone, and so is the tag `{tag}`")),
    };
    Err(Error { cause: Cause::Gone(Box::new(advice)), ..error })
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
