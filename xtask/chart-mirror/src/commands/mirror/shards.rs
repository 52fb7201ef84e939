//! Divides the images of a plan between machines: as even as possible in bytes, and images that have blobs in common
//! on one machine. Pure.

use std::collections::{BTreeMap, HashSet};

use super::planned::{PlannedPart, PlannedRun};
use oci::{Digest, Repository};

/// A machine may get this much more than an even part, in percent, to have images with common blobs together.
const UNEVEN: u64 = 10;

/// The images of one repository at the destination.
#[derive(Default)]
struct Group {
    /// Part and position of each image.
    images: Vec<(usize, usize)>,
    blobs: BTreeMap<Digest, u64>,
}

/// A machine, and what it has got so far.
#[derive(Default, Clone)]
struct Machine {
    bytes: u64,
    images: usize,
    blobs: HashSet<Digest>,
}

/// Gives each image that has to be copied a shard, from 1. The images of a repository are in one shard.
pub fn divide(plan: &mut PlannedRun, count: u32) {
    plan.shards = Some(count);
    let parts = &mut plan.parts;
    let groups = groups(parts);
    let mut distinct: BTreeMap<&Digest, u64> = BTreeMap::new();
    groups.iter().flat_map(|group| &group.blobs).for_each(|(digest, size)| {
        distinct.insert(digest, *size);
    });
    let even = distinct.values().sum::<u64>() / u64::from(count.max(1));
    let most = even + even * UNEVEN / 100;
    let mut machines = vec![Machine::default(); count as usize];
    for group in groups {
        let added = |machine: &Machine| -> u64 {
            let new = group.blobs.iter().filter(|(digest, _)| !machine.blobs.contains(*digest));
            new.map(|(_, size)| size).sum()
        };
        let least = machines.iter().map(|machine| machine.bytes).min().unwrap_or_default();
        let (number, machine) = machines
            .iter_mut()
            .enumerate()
            .min_by_key(|(_, machine)| {
                let added = added(machine);
                let is_too_much = machine.bytes > least && machine.bytes + added > most;
                (is_too_much, added, machine.bytes, machine.images)
            })
            .unwrap_or_else(|| unreachable!("there is at least one machine"));
        machine.bytes += added(machine);
        machine.images += group.images.len();
        machine.blobs.extend(group.blobs.into_keys());
        for (part, image) in group.images {
            parts[part].images[image].shard = Some(number as u32 + 1);
        }
    }
}

/// The largest groups first.
fn groups(parts: &[PlannedPart]) -> Vec<Group> {
    let mut groups: BTreeMap<Repository, Group> = BTreeMap::new();
    for (part, planned) in parts.iter().enumerate() {
        let images = planned.images.iter().enumerate();
        for (position, image) in images.filter(|(_, image)| image.is_copied()) {
            let group = groups.entry(image.target.repository().clone()).or_default();
            group.images.push((part, position));
            group.blobs.extend(image.blobs.iter().map(|blob| (blob.digest.clone(), blob.size)));
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.blobs.values().sum::<u64>()));
    groups
}
