//! `Inventory`: merges the images of the list and of the chart, and decides which can be mirrored; pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::choice::ChartOrigin;
use super::discovery::{Discovery, discover};
use super::found::{Evidence, FoundImage, IgnoredText, MalformedReference, Mention};
use super::image_reference::is_version;
use super::manifests::UnreadableManifest;
use super::renderer::Rendered;
use crate::list::{Destination, Image, ImageList, Place};
use oci::Repository;

mod counterpart;
mod entry;
mod obstacle;
mod rules;
mod updates;

pub use counterpart::{Counterpart, Unclear};
pub use entry::{InventoryEntry, Mismatch};
pub use obstacle::{FOR_TESTS, Obstacle, ObstacleKind, Obstacles, correct};
pub use rules::{RuleKind, UnusedRule};

/// Every image of the list, of the chart, or of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// In the order of their references.
    pub entries: Vec<InventoryEntry>,
    /// Texts that should be references and are not.
    pub malformed: Vec<MalformedReference>,
    /// Texts that mention an image or a registry.
    pub mentions: Vec<Mention>,
    /// What the rules of the list exclude.
    pub ignored: Vec<IgnoredText>,
    /// Rules of the list that match nothing in the chart.
    pub unused_rules: Vec<UnusedRule>,
    /// The destinations of the list. No two images may have one target there.
    destinations: Vec<Destination>,
}

/// How the list has to change to contain the images of the chart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListChanges {
    pub added: Vec<Image>,
    /// The entries whose tags change, as they are and as they will be.
    pub updated: Vec<(Image, Image)>,
    pub removed: Vec<Image>,
    /// Images that the list lacks and that cannot be added.
    pub obstacles: Vec<Obstacle>,
}

/// What happens to entries of the list that the chart does not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusedEntries {
    Keep,
    Remove,
}

impl Inventory {
    /// Merges the list with the images that the renderings name.
    ///
    /// A source and a tag are one image. A reference without a tag, or with `latest`, is the listed
    /// image of that repository (and of that digest, if the reference has one).
    ///
    /// # Errors
    /// If the output of helm is not valid YAML.
    pub fn take(list: &ImageList, renderings: &[Rendered]) -> Result<Self, UnreadableManifest> {
        let mut entries: BTreeMap<String, InventoryEntry> = BTreeMap::new();
        for image in list.images() {
            let named = image.chart_source().tagged(image.chart_tag());
            entries.insert(named.to_string(), InventoryEntry::of_list(image));
        }
        let mut without_version = Vec::new();
        let mut all = Discovery::default();
        for rendered in renderings {
            let mut discovery = discover(rendered, list.chart(), &BTreeSet::new())?;
            discovery.demote_copies_of(list);
            for found in std::mem::take(&mut discovery.images) {
                match found.reference.tag.as_ref().filter(|tag| is_version(tag)) {
                    Some(tag) => {
                        let key = found.reference.repository.tagged(tag).to_string();
                        let new = || InventoryEntry::of_chart(&found.reference);
                        entries.entry(key).or_insert_with(new).found.push(found);
                    }
                    None => without_version.push(found),
                }
            }
            all.add(discovery);
        }
        let mut by_repository: HashMap<Repository, Vec<String>> = HashMap::new();
        for (key, entry) in &entries {
            by_repository.entry(entry.repository().clone()).or_default().push(key.clone());
        }
        for found in without_version {
            let keys = by_repository.entry(found.reference.repository.clone()).or_default();
            let mut is_listed = false;
            for key in keys.iter() {
                // `latest` is not the version that the chart names elsewhere.
                let stands = |entry: &&mut InventoryEntry| {
                    entry.stands_for(&found) && !(is_latest(&found) && entry.is_named())
                };
                if let Some(entry) = entries.get_mut(key).filter(stands) {
                    entry.found.push(found.clone());
                    is_listed = true;
                }
            }
            if !is_listed {
                let key = found.reference.normalised();
                if !entries.contains_key(&key) {
                    keys.push(key.clone());
                }
                let new = || InventoryEntry::of_chart(&found.reference);
                entries.entry(key).or_insert_with(new).found.push(found);
            }
        }
        let mut entries: Vec<_> = entries.into_values().collect();
        entries.iter_mut().for_each(InventoryEntry::settle_digest);
        updates::mark(&mut entries);
        let unused_rules = rules::unused(list, &all, &entries);
        let destinations = list.destinations().values().cloned().collect();
        let Discovery { malformed, mentions, ignored, .. } = all;
        Ok(Self { entries, malformed, mentions, ignored, unused_rules, destinations })
    }

    /// The images that the chart needs, as entries of a list: first the listed ones, then the new ones,
    /// which keep their paths. No two have one target at the destination. Entries with `keep` belong to
    /// the chart of the list, which does not name them.
    ///
    /// # Errors
    /// With all obstacles at once.
    pub fn images_of_chart(
        &self,
        destination: &Destination,
        origin: ChartOrigin,
    ) -> Result<Vec<Image>, Obstacles> {
        let is_kept = |entry: &InventoryEntry| {
            origin == ChartOrigin::Listed
                && entry.listed.as_ref().is_some_and(|image| image.keep.is_some())
        };
        let is_used = |entry: &&InventoryEntry| !entry.found.is_empty() || is_kept(entry);
        let destinations = std::slice::from_ref(destination);
        let mut images = Images::of(self.entries.iter().filter(is_used), destinations);
        // What `mirror` copies there for the list must not be overwritten by images of the same chart.
        let is_other = |entry: &&InventoryEntry| {
            entry.listed.is_some() && !is_used(entry) && origin == ChartOrigin::Listed
        };
        let by_reference: HashMap<String, &InventoryEntry> =
            self.entries.iter().rev().map(|entry| (entry.reference(), entry)).collect();
        for entry in self.entries.iter().filter(is_other) {
            images.obstacles.extend(images.overwritten(entry, &by_reference, destinations));
        }
        images.obstacles.extend(self.unclear_targets());
        images.obstacles.extend(self.malformed());
        if images.obstacles.is_empty() {
            Ok(images.images)
        } else {
            Err(Obstacles(images.obstacles))
        }
    }

    /// Images that may belong to one of several entries of the list, which go or come from elsewhere than others.
    fn unclear_targets(&self) -> impl Iterator<Item = Obstacle> {
        let listed = self.entries.iter().filter_map(|entry| entry.listed.as_ref());
        let with_own_place: HashSet<&Repository> = listed
            .filter(|image| image.target.is_some() || image.replaces.is_some())
            .map(Image::chart_source)
            .collect();
        self.entries.iter().filter_map(move |entry| match &entry.counterpart {
            Some(Counterpart::Unclear(unclear))
                if entry.listed.is_none() && with_own_place.contains(&entry.source) =>
            {
                Some(entry.obstacle(ObstacleKind::Unclear(unclear.clone())))
            }
            _ => None,
        })
    }

    /// How the list has to change. Of several tags that may belong together, none is changed.
    pub fn changes(&self, unused: UnusedEntries) -> ListChanges {
        let is_removed = |entry: &InventoryEntry| {
            unused == UnusedEntries::Remove
                && entry.mismatch() == Some(Mismatch::Unused)
                && entry.counterpart.is_none()
        };
        let is_unclear = |entry: &InventoryEntry| {
            entry.listed.is_none() && matches!(entry.counterpart, Some(Counterpart::Unclear(_)))
        };
        let stays = |entry: &&InventoryEntry| {
            let is_outdated = entry.mismatch() == Some(Mismatch::Outdated);
            !is_removed(entry) && !is_outdated && !is_unclear(entry)
        };
        let images = Images::of(self.entries.iter().filter(stays), &self.destinations);
        let mut changes = ListChanges { obstacles: images.obstacles, ..ListChanges::default() };
        let updated = self.entries.iter().filter_map(|entry| match &entry.counterpart {
            Some(Counterpart::Updates(listed)) => Some((listed.place, listed)),
            _ => None,
        });
        let updated: BTreeMap<Place, _> = updated.collect();
        for image in images.images {
            match updated.get(&image.place) {
                Some(listed) => changes.updated.push((Image::clone(listed), image)),
                None if image.place == Place::NOWHERE => changes.added.push(image),
                None => {}
            }
        }
        for entry in &self.entries {
            if let Some(Counterpart::Unclear(unclear)) = &entry.counterpart
                && entry.listed.is_none()
            {
                changes.obstacles.push(entry.obstacle(ObstacleKind::Unclear(unclear.clone())));
            }
        }
        changes.obstacles.extend(self.malformed());
        let removed = self.entries.iter().filter(|entry| is_removed(entry));
        changes.removed = removed.filter_map(|entry| entry.listed.clone()).collect();
        changes
    }

    fn malformed(&self) -> impl Iterator<Item = Obstacle> {
        let by_text = self.malformed.iter().rev().map(|malformed| (&malformed.written, malformed));
        by_text.collect::<BTreeMap<_, _>>().into_values().map(Obstacle::malformed)
    }

    pub fn count(&self, mismatch: Mismatch) -> usize {
        self.with(mismatch).count()
    }

    fn with(&self, mismatch: Mismatch) -> impl Iterator<Item = &InventoryEntry> {
        self.entries.iter().filter(move |entry| entry.mismatch() == Some(mismatch))
    }
}

/// Whether a place runs the image with the tag `latest`.
fn is_latest(found: &FoundImage) -> bool {
    let has_tag = found.reference.tag.is_some();
    found.reference.digest.is_none() && (has_tag || found.evidence == Evidence::Container)
}

/// Images for a list, no two with one target.
#[derive(Default)]
struct Images {
    images: Vec<Image>,
    obstacles: Vec<Obstacle>,
    /// The reference that has a target, by the number of the destination and the target.
    targets: HashMap<(usize, String), String>,
}

impl Images {
    fn of<'a>(
        entries: impl Iterator<Item = &'a InventoryEntry>,
        destinations: &[Destination],
    ) -> Self {
        let mut entries: Vec<_> = entries.collect();
        let place = |entry: &InventoryEntry| match (&entry.listed, &entry.counterpart) {
            (Some(image), _) => image.place,
            (None, Some(Counterpart::Updates(image))) => image.place,
            (None, _) => Place::NOWHERE,
        };
        // The sort is stable: new images stay in the order of their references.
        entries.sort_by_key(|entry| place(entry));
        let mut images = Self::default();
        entries.into_iter().for_each(|entry| images.push(entry, destinations));
        images
    }

    fn push(&mut self, entry: &InventoryEntry, destinations: &[Destination]) {
        let result = entry.image().and_then(|image| {
            for (number, target) in targets(&image, destinations).into_iter().enumerate() {
                let Some(target) = target else { continue };
                let place = (number, target.clone());
                if let Some(other) = self.targets.insert(place, entry.reference()) {
                    return Err(ObstacleKind::SameTarget { target, other });
                }
            }
            Ok(image)
        });
        match result {
            Ok(image) => self.images.push(image),
            Err(kind) => self.obstacles.push(entry.obstacle(kind)),
        }
    }
}

impl Images {
    /// The obstacle of an image that has the target of another entry of the list.
    fn overwritten(
        &self,
        listed: &InventoryEntry,
        by_reference: &HashMap<String, &InventoryEntry>,
        destinations: &[Destination],
    ) -> Option<Obstacle> {
        let image = listed.image().ok()?;
        let mut targets = targets(&image, destinations).into_iter().enumerate();
        let (target, reference) = targets.find_map(|(number, target)| {
            let target = target?;
            let reference = self.targets.get(&(number, target.clone()))?;
            Some((target, reference))
        })?;
        let entry = by_reference.get(reference)?;
        Some(entry.obstacle(ObstacleKind::SameTarget { target, other: listed.reference() }))
    }
}

/// The target of an image at each destination; `None` if the path is too long, which the plan reports.
/// Without a destination, the path and tag.
fn targets(image: &Image, destinations: &[Destination]) -> Vec<Option<String>> {
    if destinations.is_empty() {
        return vec![Some(format!("{}:{}", image.path(), image.tag))];
    }
    let target = |destination: &Destination| {
        let path = destination.path(&image.source, image.target.as_ref()).ok()?;
        Some(destination.repository(&path).tagged(&image.tag).to_string())
    };
    destinations.iter().map(target).collect()
}

#[cfg(test)]
mod tests;
