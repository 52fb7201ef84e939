//! Which blobs an export leaves out, because its destination has them.

use std::collections::{BTreeMap, BTreeSet};

use oci::RepositoryPath;

use super::options::ExportOptions;
use super::plan::ExportPlan;
use crate::bundle::difference::{self, CrossMounts, LeftOut, NeededBlob};
use crate::layouts::MeasuredImages;
use registry::known::kind::{Mounts, Profile};

/// Empty without the inventory of a destination.
pub(super) fn left_out(
    plan: &ExportPlan,
    options: &ExportOptions,
    measured: &MeasuredImages,
) -> Vec<LeftOut> {
    let Some(inventory) = &options.against else { return Vec::new() };
    let targets = targets(plan);
    let needed = measured.blobs.iter().filter_map(|(digest, blob)| {
        let mut repositories = BTreeSet::new();
        for repository in &blob.repositories {
            // What is no image, such as a chart, is not in inventories.
            repositories.extend(targets.get(repository.as_str())?.iter().cloned());
        }
        Some((digest.clone(), NeededBlob { size: blob.size, repositories }))
    });
    difference::left_out(&needed.collect(), inventory, mounts(plan))
}

/// By the path in the layout: the paths at the destination.
fn targets(plan: &ExportPlan) -> BTreeMap<&str, BTreeSet<RepositoryPath>> {
    let mut targets: BTreeMap<&str, BTreeSet<RepositoryPath>> = BTreeMap::new();
    for list in &plan.lists {
        let there = list.at_destination.iter().flat_map(|(_, transfers)| transfers);
        for (here, there) in list.mirror.transfers.iter().zip(there) {
            let paths = targets.entry(here.target.path().as_str()).or_default();
            paths.insert(there.target.path().clone());
        }
    }
    targets
}

fn mounts(plan: &ExportPlan) -> CrossMounts {
    let mut destinations = plan.lists.iter().filter_map(|list| {
        let (destination, _) = list.at_destination.as_ref()?;
        let registry = &destination.address.registry;
        Some(Profile::of_host(registry, list.list.registries().get(registry)))
    });
    match destinations.any(|profile| profile.mounts == Some(Mounts::No)) {
        true => CrossMounts::Impossible,
        false => CrossMounts::Expected,
    }
}
