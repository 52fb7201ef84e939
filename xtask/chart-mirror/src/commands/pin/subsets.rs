//! The digests of subsets: what an index becomes for destinations that select platforms. The list
//! records them beside the digest of the index, so that a run with nothing to do sends the source no
//! requests.

use std::collections::{BTreeMap, BTreeSet};

use super::result::{PinOutcome, PinnedImage};
use crate::copy::platforms;
use crate::list::{Image, ImageList};
use messages::printable::printable;
use oci::{Manifest, Platforms};
use registry::{Error, ManifestName, RemoteRepository};

/// The platforms that destinations of a list select, with the names of these destinations.
pub(super) type Selections = BTreeMap<Platforms, Vec<String>>;

pub(super) fn selections(list: &ImageList) -> Selections {
    let mut selections = Selections::new();
    for (name, destination) in list.destinations() {
        if let Some(platforms) = &destination.platforms {
            selections.entry(platforms.clone()).or_default().push(format!("`{name}`"));
        }
    }
    selections
}

/// Adds the subsets that the list does not record, or records with another digest or for another index.
/// `manifest` is what
/// the tag names, if it was fetched already; otherwise it is fetched if a subset is not recorded.
pub(super) async fn add(
    source: &RemoteRepository,
    image: &Image,
    manifest: Option<Manifest>,
    selections: &Selections,
    resolved: &mut PinnedImage,
) -> Result<(), Error> {
    let is_changed = match resolved.outcome {
        PinOutcome::New | PinOutcome::Moved { .. } => true,
        PinOutcome::Unchanged => false,
        PinOutcome::Missing | PinOutcome::Failed { .. } => return Ok(()),
    };
    // Recorded subsets that no destination selects are updated as well: a new digest makes them stale.
    let all: BTreeSet<&Platforms> = selections.keys().chain(image.subsets.keys()).collect();
    let is_recorded = selections.keys().all(|platforms| image.subsets.contains_key(platforms));
    if all.is_empty() || (is_recorded && !is_changed && !image.has_stale_subsets()) {
        return Ok(());
    }
    let pin = image.digest.as_ref().filter(|_| !is_changed);
    let manifest = match (manifest, pin) {
        // Subsets use the digest algorithm of the pin, which may not be that of the fetched manifest.
        (Some(manifest), Some(pin)) => Manifest { digest: pin.clone(), ..manifest },
        (Some(manifest), None) => manifest,
        (None, Some(pin)) => source.manifest(&ManifestName::Digest(pin.clone())).await?,
        (None, None) => return Ok(()),
    };
    let all = Vec::from_iter(all);
    let subsets = platforms::subsets(source, &manifest, &all).await?;
    for (platforms, subset) in all.into_iter().zip(subsets) {
        // A missing platform matters to the destinations that select it. The pin is fine.
        if let (Err(why), Some(names)) = (&subset, selections.get(platforms)) {
            let (names, why) = (names.join(", "), printable(&why.to_string()));
            let warning = format!("no digest for {platforms}, selected by {names}: {why}");
            resolved.warnings.push(warning);
        }
        let digest = subset.ok().map(|subset| subset.digest);
        let is_current = image.subsets_index.as_ref() == Some(&manifest.digest);
        if !is_current || digest.as_ref() != image.subsets.get(platforms) {
            resolved.subsets.push((platforms.clone(), digest));
        }
    }
    Ok(())
}
