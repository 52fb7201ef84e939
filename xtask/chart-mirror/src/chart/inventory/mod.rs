//! `Inventory`: the images of the list and those of the chart as one set, and what of it can be mirrored.
//! Pure: it judges renderings that somebody else has made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::chart::{
    Found, ImageReference, Malformed, Rendered, UnreadableManifest, malformed_in, references_in,
};
use crate::list::{Destination, Image, ImageList, Place};
use oci::{Digest, Repository, Tag};

mod obstacle;

pub use obstacle::{Obstacle, ObstacleKind, Obstacles};

/// Every image of the list, of the chart, or of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// In the order of their references.
    pub entries: Vec<Entry>,
    /// What stands where an image belongs and is none.
    pub malformed: Vec<Malformed>,
    /// Where every image has to have a place of its own: the destinations of the list.
    destinations: Vec<Destination>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub source: Repository,
    /// `None` if the chart names none, and the list nothing that stands for it.
    pub tag: Option<Tag>,
    /// The pin of the list, else what the chart says.
    pub digest: Option<Digest>,
    pub listed: Option<Image>,
    /// Where the chart names it; empty if it does not.
    pub found: Vec<Found>,
}

/// What is off about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The chart names it, the list does not.
    Unlisted,
    /// The list has it, and no rendering names it.
    Unused,
}

impl Inventory {
    /// Puts the list and what the renderings name together.
    ///
    /// A source and a tag are one image. What the chart names without a tag, or as `latest`, is what
    /// the list has of that repository (of that digest, if it names one): somebody said there what is
    /// meant.
    ///
    /// # Errors
    /// When helm printed something that is not YAML.
    pub fn take(list: &ImageList, renderings: &[Rendered]) -> Result<Self, UnreadableManifest> {
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for image in list.images() {
            entries.insert(image.reference().to_string(), Entry::of_list(image));
        }
        let mut floating = Vec::new();
        let mut malformed = Vec::new();
        for rendered in renderings {
            for found in references_in(rendered)? {
                match fixed_tag(&found.reference) {
                    Some(tag) => {
                        let key = found.reference.repository.tagged(tag).to_string();
                        let new = || Entry::of_chart(&found.reference);
                        entries.entry(key).or_insert_with(new).found.push(found);
                    }
                    None => floating.push(found),
                }
            }
            malformed.extend(malformed_in(rendered)?);
        }
        for found in floating {
            settle(&mut entries, found);
        }
        let mut entries: Vec<_> = entries.into_values().collect();
        for entry in &mut entries {
            let pin = entry.listed.as_ref().and_then(|image| image.digest.clone());
            entry.digest = pin.or_else(|| entry.digests_of_chart().into_iter().next().cloned());
        }
        let destinations = list.destinations().values().cloned().collect();
        Ok(Self { entries, malformed, destinations })
    }

    /// The images that the chart names, as entries of a list: those that are listed first, as they
    /// are, then the new ones, which keep their paths. Each has a place of its own at the destination.
    ///
    /// # Errors
    /// Everything that stands in the way, at once.
    pub fn images_of_chart(&self, destination: &Destination) -> Result<Vec<Image>, Obstacles> {
        let images = self.entries.iter().filter(|entry| !entry.found.is_empty());
        let images = Images::of(images, std::slice::from_ref(destination));
        if images.obstacles.is_empty() {
            Ok(images.images)
        } else {
            Err(Obstacles(images.obstacles))
        }
    }

    /// The images that can be added to the list as they are, and why the others cannot. Unused ones
    /// do not count if they are to be removed.
    pub fn images_to_list(&self, unused: Unused) -> (Vec<Image>, Vec<Obstacle>) {
        let is_kept = |entry: &&Entry| unused == Unused::Keep || entry.mark() != Some(Mark::Unused);
        let mut images = Images::of(self.entries.iter().filter(is_kept), &self.destinations);
        images.images.retain(|image| image.place == Place::NOWHERE);
        (images.images, images.obstacles)
    }

    pub fn unused(&self) -> impl Iterator<Item = &Image> {
        let unused = self.entries.iter().filter(|entry| entry.mark() == Some(Mark::Unused));
        unused.filter_map(|entry| entry.listed.as_ref())
    }

    pub fn marked(&self, mark: Mark) -> usize {
        self.entries.iter().filter(|entry| entry.mark() == Some(mark)).count()
    }
}

/// What becomes of entries of the list that the chart does not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unused {
    Keep,
    Remove,
}

impl Entry {
    fn of_list(image: &Image) -> Self {
        Self {
            source: image.source.clone(),
            tag: Some(image.tag.clone()),
            digest: image.digest.clone(),
            listed: Some(image.clone()),
            found: Vec::new(),
        }
    }

    fn of_chart(reference: &ImageReference) -> Self {
        Self {
            source: reference.repository.clone(),
            tag: reference.tag.clone(),
            digest: reference.digest.clone(),
            listed: None,
            found: Vec::new(),
        }
    }

    /// Source and tag; what there is instead, if the chart names no version.
    pub fn reference(&self) -> String {
        match (&self.tag, &self.digest) {
            (Some(tag), Some(digest)) if tag.as_str() == FLOATING => {
                format!("{}@{digest}", self.source.tagged(tag))
            }
            (Some(tag), _) => self.source.tagged(tag).to_string(),
            (None, Some(digest)) => format!("{}@{digest}", self.source),
            (None, None) => self.source.to_string(),
        }
    }

    pub fn mark(&self) -> Option<Mark> {
        match (&self.listed, self.found.as_slice()) {
            (None, _) => Some(Mark::Unlisted),
            (Some(_), []) => Some(Mark::Unused),
            (Some(_), _) => None,
        }
    }

    /// The names of the renderings that need it, in their order.
    pub fn renderings(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for found in &self.found {
            if !names.contains(&found.place.rendering.as_str()) {
                names.push(&found.place.rendering);
            }
        }
        names
    }

    fn digests_of_chart(&self) -> BTreeSet<&Digest> {
        self.found.iter().filter_map(|found| found.reference.digest.as_ref()).collect()
    }

    /// The image to mirror, with the target of the default rule if it is not listed.
    fn image(&self) -> Result<Image, ObstacleKind> {
        let is_floating = |tag: &Tag| tag.as_str() == FLOATING;
        let tag = match (&self.tag, &self.digest) {
            (Some(tag), _) if !is_floating(tag) => tag.clone(),
            (_, Some(digest)) => return Err(ObstacleKind::OnlyDigest(digest.clone())),
            (Some(_), None) => return Err(ObstacleKind::Floating),
            (None, None) => return Err(ObstacleKind::NoTag),
        };
        let pin = self.listed.as_ref().and_then(|image| image.digest.as_ref());
        let mut digests = pin.into_iter().chain(self.digests_of_chart());
        if let Some(first) = digests.next()
            && let Some(second) = digests.find(|digest| *digest != first)
        {
            let (first, second) = (first.clone(), second.clone());
            return Err(match pin {
                Some(_) => ObstacleKind::OtherThanPinned { pin: first, named: second },
                None => ObstacleKind::TwoDigests(first, second),
            });
        }
        let digest = self.digest.clone();
        Ok(match &self.listed {
            Some(image) => Image { digest, ..image.clone() },
            None => Image {
                source: self.source.clone(),
                tag,
                digest,
                subsets: BTreeMap::new(),
                target: None,
                values: Vec::new(),
                place: Place::NOWHERE,
            },
        })
    }
}

const FLOATING: &str = "latest";

/// The tag of a reference, if it names a version.
fn fixed_tag(reference: &ImageReference) -> Option<&Tag> {
    reference.tag.as_ref().filter(|tag| tag.as_str() != FLOATING)
}

/// Gives a reference without a version to the entries that stand for it, or makes it an entry.
fn settle(entries: &mut BTreeMap<String, Entry>, found: Found) {
    let reference = &found.reference;
    let stands_for = |entry: &Entry| match &reference.digest {
        _ if entry.source != reference.repository => false,
        // The digest says which version: that of the list, or of another place in the chart.
        Some(digest) => {
            let pin = entry.listed.as_ref().and_then(|image| image.digest.as_ref());
            let is_fixed = entry.tag.as_ref().is_some_and(|tag| tag.as_str() != FLOATING);
            is_fixed
                && pin
                    .map_or_else(|| entry.digests_of_chart().contains(digest), |pin| pin == digest)
        }
        None => entry.listed.is_some(),
    };
    let mut is_settled = false;
    for entry in entries.values_mut().filter(|entry| stands_for(entry)) {
        entry.found.push(found.clone());
        is_settled = true;
    }
    if !is_settled {
        let new = || Entry::of_chart(&found.reference);
        entries.entry(found.reference.normalised()).or_insert_with(new).found.push(found);
    }
}

/// Images of a list in the making, no two with one target.
#[derive(Default)]
struct Images {
    images: Vec<Image>,
    obstacles: Vec<Obstacle>,
    /// By the number of the destination and the target there.
    targets: HashMap<(usize, String), String>,
}

impl Images {
    fn of<'a>(entries: impl Iterator<Item = &'a Entry>, destinations: &[Destination]) -> Self {
        let mut entries: Vec<_> = entries.collect();
        let place =
            |entry: &Entry| entry.listed.as_ref().map_or(Place::NOWHERE, |image| image.place);
        // Stable: the new ones stay in the order of their references.
        entries.sort_by_key(|entry| place(entry));
        let mut images = Self::default();
        entries.into_iter().for_each(|entry| images.push(entry, destinations));
        images
    }

    fn push(&mut self, entry: &Entry, destinations: &[Destination]) {
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
            Err(kind) => self.obstacles.push(Obstacle::new(entry, kind)),
        }
    }
}

/// Where an image would be at each destination; `None` where its path is too long, which the plan
/// tells. Without any destination it is its path that counts.
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
