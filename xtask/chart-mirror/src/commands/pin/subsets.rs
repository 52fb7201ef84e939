//! The digests of some platforms: what destinations want of an index, recorded beside its own digest, so
//! that a run with nothing to do asks the source nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::commands::pin::result::{PinOutcome, PinnedImage};
use crate::copy::platforms::subsets;
use crate::list::{Image, ImageList};
use messages::printable::printable;
use oci::{Manifest, Platforms};
use registry::{Error, ManifestName, RemoteRepository};

/// The choices of platforms that the destinations of a list make, with their names.
pub(super) type Wanted = BTreeMap<Platforms, Vec<String>>;

pub(super) fn wanted(list: &ImageList) -> Wanted {
    let mut wanted = Wanted::new();
    for (name, destination) in list.destinations() {
        if let Some(platforms) = &destination.platforms {
            wanted.entry(platforms.clone()).or_default().push(format!("`{name}`"));
        }
    }
    wanted
}

/// Fills in what the list does not record, or not rightly, of what the tag names. An image that was not
/// fetched is, if something is missing.
pub(super) async fn add(
    source: &RemoteRepository,
    image: &Image,
    manifest: Option<Manifest>,
    wanted: &Wanted,
    found: &mut PinnedImage,
) -> Result<(), Error> {
    let is_changed = match found.outcome {
        PinOutcome::New(_) | PinOutcome::Moved { .. } => true,
        PinOutcome::Unchanged => false,
        PinOutcome::Missing | PinOutcome::Failed(_) => return Ok(()),
    };
    // What is recorded is looked at with the rest: of another digest it is stale, whoever wanted it.
    let all: BTreeSet<&Platforms> = wanted.keys().chain(image.subsets.keys()).collect();
    let is_recorded = wanted.keys().all(|platforms| image.subsets.contains_key(platforms));
    if all.is_empty() || (is_recorded && !is_changed) {
        return Ok(());
    }
    let pin = image.digest.as_ref().filter(|_| !is_changed);
    let manifest = match (manifest, pin) {
        // The parts have digests of the kind that the listed one has; what came may have another.
        (Some(manifest), Some(pin)) => Manifest { digest: pin.clone(), ..manifest },
        (Some(manifest), None) => manifest,
        (None, Some(pin)) => source.manifest(&ManifestName::Digest(pin.clone())).await?,
        (None, None) => return Ok(()),
    };
    let all = Vec::from_iter(all);
    for (platforms, part) in all.iter().zip(subsets(source, &manifest, &all).await?) {
        // It lacks a platform: that is about those who want it, and not about the pin.
        if let (Err(why), Some(names)) = (&part, wanted.get(*platforms)) {
            let verb = if names.len() == 1 { "wants" } else { "want" };
            let (names, why) = (names.join(", "), printable(&why.to_string()));
            found.warnings.push(format!("no digest for {platforms}, which {names} {verb}: {why}"));
        }
        let made = part.ok().map(|part| part.digest);
        if made.as_ref() != image.subsets.get(*platforms) {
            found.subsets.push(((*platforms).clone(), made));
        }
    }
    Ok(())
}
