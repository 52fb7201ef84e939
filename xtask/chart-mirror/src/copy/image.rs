//! Copies one image: looks at the destination, decides, and copies what is missing.

use std::sync::Arc;

use super::copied::Copied;
use super::graph::{self, KnownManifests, Level};
use super::image_copy::ImageCopy;
use super::options::ExistingContent;
use super::platforms::{self, Selected};
use super::{attachments, complete, pins, signed};
use crate::list::Attachments;
use crate::plan::{Decision, decide};
use oci::{Digest, Manifest};
use registry::{Error, ManifestName};

/// Nearly every image has at least a config and a layer.
const FEWEST_BLOBS: usize = 2;

/// What is known about the source when the decision is made.
enum SourceState {
    /// It was not asked.
    Unknown,
    /// The digest that the tag names.
    Tag(Digest),
    /// The manifest to copy. For only some platforms, it is made from the whole index.
    Manifest(Box<Selected>),
}

pub(super) async fn copy(copy: &Arc<ImageCopy>) -> Result<Copied, Error> {
    let (transfer, options) = (&copy.transfer, copy.run.options);
    let name = ManifestName::Tag(transfer.tag.clone());
    let present = match copy.destination.resolve(&name).await {
        // A repair pushes what the registry fails on.
        Err(error) if options.existing == ExistingContent::Checked && error.is_server_failure() => {
            None
        }
        result => result?,
    };
    let mut source = SourceState::Unknown;
    let mut decision = decide(transfer.pin(), present.as_ref(), None);
    if decision == Decision::AskSource {
        source = ask_source(copy, &name).await?;
        decision = decide(transfer.pin(), present.as_ref(), source.digest());
    }
    let up_to_date = match present.as_ref().filter(|_| decision == Decision::UpToDate) {
        Some(digest) if is_complete(copy, digest).await? => Some(digest.clone()),
        _ => None,
    };
    let changed = up_to_date.is_none();
    if let Some(digest) = &up_to_date
        && options.existing == ExistingContent::Checked
        && transfer.platforms.is_none()
        && let Some(signature) = signed::check(copy, digest).await?
    {
        // The image may have been copied before the policy required its signature.
        attachments::copy_signature(copy, digest, &signature).await?;
    }
    let (digest, made_from) = match up_to_date {
        Some(digest) => {
            let whole = match &source {
                SourceState::Manifest(selected) => Some(&selected.source),
                _ => transfer.digest.as_ref().filter(|_| transfer.platforms.is_some()),
            };
            let made_from = whole.filter(|whole| **whole != digest).cloned();
            (digest, made_from)
        }
        None => push(copy, &name, source, present.as_ref()).await?,
    };
    if options.attachments != Attachments::Ignore {
        attachments::copy(copy, &digest, made_from.as_ref()).await?;
    }
    let counters = copy.counters();
    let content = copy.take_content().filter(|_| changed);
    let changed = changed || counters.attachments > 0;
    Ok(Copied { digest, before: present, made_from, changed, counters, content })
}

/// Copies the image. Returns the digest that the tag names now, and the one it was made from.
async fn push(
    copy: &Arc<ImageCopy>,
    name: &ManifestName,
    source: SourceState,
    present: Option<&Digest>,
) -> Result<(Digest, Option<Digest>), Error> {
    if !copy.is_only_planned() {
        copy.source.host.expect_requests(FEWEST_BLOBS).await;
    }
    copy.destination.host.expect_requests(FEWEST_BLOBS).await;
    let fetch = async {
        match source {
            SourceState::Manifest(selected) => Ok(*selected),
            SourceState::Tag(digest) => fetch_selected(copy, Some(digest)).await,
            SourceState::Unknown => fetch_selected(copy, None).await,
        }
    };
    let fetch = async {
        let selected = fetch.await?;
        let signature = signed::check(copy, &selected.source).await?;
        Ok((selected, signature))
    };
    let existing = copy.run.options.existing;
    let ((selected, signature), known) = match present {
        // A repository with a tag exists.
        Some(stale) if existing == ExistingContent::Trusted => {
            let (fetched, known) = tokio::join!(fetch, known_through(copy, stale));
            (fetched?, known)
        }
        Some(_) => (fetch.await?, KnownManifests::default()),
        // No repository is created for an image that may be refused.
        None if copy.needs_signature() => {
            let fetched = fetch.await?;
            copy.repository_ready().await?;
            (fetched, KnownManifests::default())
        }
        None => (tokio::try_join!(fetch, copy.repository_ready())?.0, KnownManifests::default()),
    };
    if let Some(signature) = signature.filter(|_| selected.source == selected.manifest.digest) {
        // Before the image: if this run is interrupted, the next one would find the image and look no further.
        attachments::copy_signature(copy, &selected.source, &signature).await?;
    }
    let keys = copy.keys.of_image();
    let top = Level { known: &known, existing, depth: 0, keys: &keys };
    let pushed = graph::push(copy, &selected.manifest, name, top).await;
    pushed.map_err(|error| copy.explain(error))?;
    let digest = selected.manifest.digest;
    let made_from = Some(selected.source).filter(|source| *source != digest);
    Ok((digest, made_from))
}

/// Whether the destination has everything that the tag points to, as far as this run checks it.
async fn is_complete(copy: &ImageCopy, digest: &Digest) -> Result<bool, Error> {
    Ok(copy.run.options.existing == ExistingContent::Trusted
        || complete::missing(&copy.destination, digest, &copy.run.checks).await?.is_empty())
}

impl SourceState {
    fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Unknown => None,
            Self::Tag(digest) => Some(digest),
            Self::Manifest(selected) => Some(&selected.manifest.digest),
        }
    }
}

async fn ask_source(copy: &ImageCopy, name: &ManifestName) -> Result<SourceState, Error> {
    if copy.transfer.platforms.is_some() {
        return fetch_selected(copy, None)
            .await
            .map(|selected| SourceState::Manifest(Box::new(selected)));
    }
    copy.source.require(name).await.map(SourceState::Tag)
}

/// The manifest to copy, and the one it was made from. `resolved` is what the tag names.
async fn fetch_selected(copy: &ImageCopy, resolved: Option<Digest>) -> Result<Selected, Error> {
    let manifest = fetch(copy, resolved).await?;
    match &copy.transfer.platforms {
        None => Ok(Selected { source: manifest.digest.clone(), manifest }),
        Some(platforms) => {
            let selected = platforms::select(&copy.source, manifest, platforms).await?;
            if !selected.manifest.manifests.is_empty() {
                copy.needs_only(&selected.manifest.manifests);
            }
            Ok(selected)
        }
    }
}

/// A pinned image by its tag, with the pin. Any other by digest if one is known, so that a tag that moves
/// in the meantime changes nothing.
async fn fetch(copy: &ImageCopy, resolved: Option<Digest>) -> Result<Manifest, Error> {
    match (&copy.transfer.digest, resolved) {
        (Some(pin), _) => pins::fetch(copy, pin).await,
        (None, Some(digest)) => copy.source.manifest(&ManifestName::Digest(digest)).await,
        (None, None) => copy.source.manifest(&ManifestName::Tag(copy.transfer.tag.clone())).await,
    }
}

/// What the destination already has, according to the image that its tag names now. This is one
/// request; asking for each blob would take many. An error only means that nothing is known.
async fn known_through(copy: &ImageCopy, stale: &Digest) -> KnownManifests {
    let mut known = KnownManifests::default();
    let name = ManifestName::Digest(stale.clone());
    if let Ok(manifest) = copy.destination.manifest(&name).await {
        let blobs = manifest.blobs.iter().map(|blob| &blob.digest);
        copy.run.tracker.mark_committed(blobs, copy.target());
        known.extend(manifest.manifests.into_iter().map(|child| child.digest));
    }
    known
}
