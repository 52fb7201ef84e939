//! Divides the images of a plan between machines: as even as possible in bytes and requests, and images that have
//! blobs in common on one machine. Pure.

use std::collections::{BTreeMap, HashSet};

use super::planned::{PlannedPart, PlannedRun};
use oci::{Digest, Repository};

/// A machine may get this much more than an even part, in percent, to have images with common blobs together.
const UNEVEN: u64 = 10;
/// What a request weighs, in bytes. In the time of a round trip of 50 ms, with some dozens of requests at once, 50 MB/s
/// transfer about as much for each.
const REQUEST: u64 = 64 << 10;
/// The requests for a blob that is read and sent, for one that is mounted, and for a manifest.
const SENT: u64 = 3;
const MOUNTED: u64 = 1;
const MANIFEST: u64 = 2;

/// The images of one repository at the destination.
#[derive(Default)]
struct Group {
    /// Part and position of each image.
    images: Vec<(usize, usize)>,
    manifests: u64,
    /// Each with its size.
    blobs: BTreeMap<Digest, u64>,
}

/// A machine, and what it has got so far.
#[derive(Default, Clone)]
struct Machine {
    weight: u64,
    images: usize,
    blobs: HashSet<Digest>,
}

/// Gives each image that has to be copied a shard, from 1. The images of a repository are in one shard.
pub fn divide(plan: &mut PlannedRun, count: u32) {
    plan.shards = Some(count);
    let parts = &mut plan.parts;
    let groups = groups(parts);
    // A single machine would send each blob once.
    let mut all = Machine::default();
    groups.iter().for_each(|group| all.add(group));
    let even = all.weight / u64::from(count.max(1));
    let most = even + even * UNEVEN / 100;
    let mut machines = vec![Machine::default(); count as usize];
    for group in groups {
        let least = machines.iter().map(|machine| machine.weight).min().unwrap_or_default();
        let (number, machine) = machines
            .iter_mut()
            .enumerate()
            .min_by_key(|(_, machine)| {
                let added = machine.would_add(&group);
                let is_too_much = machine.weight > least && machine.weight + added > most;
                (is_too_much, added, machine.weight, machine.images)
            })
            .unwrap_or_else(|| unreachable!("there is at least one machine"));
        machine.add(&group);
        for (part, image) in group.images {
            parts[part].images[image].shard = Some(number as u32 + 1);
        }
    }
}

impl Machine {
    /// What a group weighs on this machine.
    fn would_add(&self, group: &Group) -> u64 {
        let blobs = group.blobs.iter().map(|(digest, size)| match self.blobs.contains(digest) {
            true => MOUNTED * REQUEST,
            false => size + SENT * REQUEST,
        });
        group.manifests * MANIFEST * REQUEST + blobs.sum::<u64>()
    }

    fn add(&mut self, group: &Group) {
        self.weight += self.would_add(group);
        self.images += group.images.len();
        self.blobs.extend(group.blobs.keys().cloned());
    }
}

/// The heaviest groups first.
fn groups(parts: &[PlannedPart]) -> Vec<Group> {
    let mut groups: BTreeMap<Repository, Group> = BTreeMap::new();
    for (part, planned) in parts.iter().enumerate() {
        let images = planned.images.iter().enumerate();
        for (position, image) in images.filter(|(_, image)| image.is_copied()) {
            let group = groups.entry(image.target.repository().clone()).or_default();
            group.images.push((part, position));
            group.manifests += image.manifests;
            group.blobs.extend(image.blobs.iter().map(|blob| (blob.digest.clone(), blob.size)));
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_cached_key(|group| std::cmp::Reverse(Machine::default().would_add(group)));
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::mirror::planned::{Action, PlannedImage, PlannedOptions};
    use crate::copy::{Amount, PlannedBlob};

    fn image(name: &str, blobs: &[(&str, u64)]) -> PlannedImage {
        let blob = |(content, size): &(&str, u64)| PlannedBlob {
            digest: Digest::of(content.as_bytes()),
            size: *size,
        };
        PlannedImage {
            source: format!("registry.example.com/acme/{name}:1").parse().unwrap(),
            target: format!("mirror.example.com/acme/{name}:1").parse().unwrap(),
            action: Action::Create,
            now: None,
            then: None,
            made_from: None,
            moved: Amount::default(),
            mounted: Amount::default(),
            skipped: Amount::default(),
            manifests: 1,
            attachments: 0,
            blobs: blobs.iter().map(blob).collect(),
            complete: true,
            platforms: Default::default(),
            shard: None,
            error: None,
        }
    }

    /// For each shard, its images, bytes and the requests for blobs.
    fn divided(images: Vec<PlannedImage>, count: u32) -> Vec<(usize, u64, u64)> {
        let part = PlannedPart {
            list: "images.toml".to_owned(),
            requested_destination: None,
            destination: "mirror".to_owned(),
            options: PlannedOptions::default(),
            images,
            chart: None,
            repositories: Vec::new(),
            error: None,
        };
        let mut plan = PlannedRun::new(vec![part]);
        divide(&mut plan, count);
        let shards = (1..=count).map(|shard| {
            let mut seen = HashSet::new();
            let (mut images, mut bytes, mut requests) = (0, 0, 0);
            for image in plan.parts[0].images.iter().filter(|image| image.shard == Some(shard)) {
                images += 1;
                for blob in &image.blobs {
                    let is_new = seen.insert(&blob.digest);
                    bytes += if is_new { blob.size } else { 0 };
                    requests += if is_new { SENT } else { MOUNTED };
                }
            }
            (images, bytes, requests)
        });
        shards.collect()
    }

    #[test]
    fn many_small_images_are_divided_by_their_requests() {
        let mut images = vec![image("large", &[("large", 2 << 20)])];
        for number in 0..399 {
            let own = ["a", "b", "c"].map(|layer| format!("{layer}{number}"));
            let [a, b, c] = own.each_ref().map(String::as_str);
            images.push(image(&format!("i{number}"), &[("base", 900), (a, 900), (b, 90), (c, 9)]));
        }
        let shards = divided(images, 4);
        assert_eq!(shards.iter().map(|(images, ..)| images).sum::<usize>(), 400);
        let requests: Vec<u64> = shards.iter().map(|(.., requests)| *requests).collect();
        let (all, most) = (requests.iter().sum::<u64>(), requests.iter().max().unwrap());
        assert!(most * 4 * 100 <= all * 115, "{shards:?}");
    }

    #[test]
    fn large_images_with_common_layers_are_on_one_machine() {
        let mut images = Vec::new();
        for number in 0..4 {
            let base = format!("base {number}");
            for layer in 0..4 {
                let own = format!("{number} {layer}");
                let name = format!("i{layer}-{number}");
                images.push(image(&name, &[(&base, 400 << 20), (&own, 10 << 20)]));
            }
        }
        // Each base is read once.
        let shards = divided(images, 4);
        assert!(shards.iter().all(|(_, bytes, _)| *bytes == 440 << 20), "{shards:?}");
    }
}
