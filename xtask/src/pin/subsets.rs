//! The digests of some platforms: what destinations want of an index, recorded beside its own digest, so
//! that a run with nothing to do asks the source nothing.

use std::collections::BTreeSet;

use crate::copy::platforms::choose;
use crate::list::{Image, ImageList};
use crate::oci::{Manifest, Platforms};
use crate::plan::Choice;
use crate::registry::{Cause, Error, ManifestName, RemoteRepository};
use crate::report::pin::{Outcome, PinnedImage};

/// The choices of platforms that the destinations of a list make.
pub(super) fn wanted(list: &ImageList) -> BTreeSet<Platforms> {
    list.destinations.values().filter_map(|destination| destination.platforms.clone()).collect()
}

/// Fills in the digests that the list does not record for what the tag names. An image that was not
/// fetched is, if there is something to record.
pub(super) async fn add(
    source: &RemoteRepository,
    image: &Image,
    manifest: Option<Manifest>,
    wanted: &BTreeSet<Platforms>,
    found: &mut PinnedImage,
) -> Result<(), Error> {
    let is_changed = match found.outcome {
        Outcome::New(_) | Outcome::Moved { .. } => true,
        Outcome::Unchanged => false,
        Outcome::Missing | Outcome::Failed(_) => return Ok(()),
    };
    // What is recorded of another digest is stale, whoever wanted it.
    let recorded = image.subsets.keys().filter(|_| is_changed);
    let all: BTreeSet<&Platforms> = wanted.iter().chain(recorded).collect();
    let is_open = |platforms: &&Platforms| is_changed || !image.subsets.contains_key(platforms);
    let open: Vec<&Platforms> = all.into_iter().filter(is_open).collect();
    if open.is_empty() {
        return Ok(());
    }
    let manifest = match (manifest, &image.digest) {
        (Some(manifest), _) => manifest,
        (None, Some(pin)) => source.manifest(&ManifestName::Digest(pin.clone())).await?,
        (None, None) => return Ok(()),
    };
    for platforms in open {
        let choice = Choice { platforms: platforms.clone(), recorded: None };
        match choose(source, manifest.clone(), &choice).await {
            Ok(chosen) => found.subsets.push((platforms.clone(), chosen.manifest.digest)),
            // It lacks a platform: that is about those who want it, and not about the pin.
            Err(Error { cause: Cause::Unsupported(why), .. }) => {
                found.warnings.push(format!("no digest for {platforms}: {why}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
