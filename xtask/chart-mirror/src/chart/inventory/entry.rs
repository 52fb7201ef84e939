//! `InventoryEntry`: one image of the list, of the chart, or of both.

use std::collections::{BTreeMap, BTreeSet};

use super::counterpart::Counterpart;
use super::obstacle::{Obstacle, ObstacleKind};
use crate::chart::found::{Evidence, FoundImage};
use crate::chart::image_reference::{ImageReference, is_version};
use crate::list::{Image, Place};
use oci::{Digest, Repository, Tag};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryEntry {
    pub source: Repository,
    /// `None` if the chart names no tag and no entry of the list stands for the image.
    pub tag: Option<Tag>,
    /// The pin of the list, otherwise the digest in the chart.
    pub digest: Option<Digest>,
    pub listed: Option<Image>,
    /// Where the chart names the image; empty if it does not.
    pub found: Vec<FoundImage>,
    /// Set if another tag of the same source belongs to the image, or may do so.
    pub counterpart: Option<Counterpart>,
}

/// How the list and the chart disagree about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mismatch {
    /// The chart names the image, but the list does not contain it.
    Unlisted,
    /// The list contains the image, but no rendering names it.
    Unused,
    /// The chart names the image, and the list contains another tag of it.
    Update,
    /// The list contains the image, and the chart names another tag of it.
    Outdated,
}

impl InventoryEntry {
    pub(super) fn of_list(image: &Image) -> Self {
        Self {
            source: image.source.clone(),
            tag: Some(image.tag.clone()),
            digest: image.digest.clone(),
            listed: Some(image.clone()),
            found: Vec::new(),
            counterpart: None,
        }
    }

    pub(super) fn of_chart(reference: &ImageReference) -> Self {
        Self {
            source: reference.repository.clone(),
            tag: reference.tag.clone(),
            digest: reference.digest.clone(),
            listed: None,
            found: Vec::new(),
            counterpart: None,
        }
    }

    /// Source and tag; source and digest if the tag does not name a version.
    pub fn reference(&self) -> String {
        match (&self.tag, &self.digest) {
            (Some(tag), Some(digest)) if !is_version(tag) => {
                format!("{}@{digest}", self.source.tagged(tag))
            }
            (Some(tag), _) => self.source.tagged(tag).to_string(),
            (None, Some(digest)) => format!("{}@{digest}", self.source),
            (None, None) => self.source.to_string(),
        }
    }

    pub fn mismatch(&self) -> Option<Mismatch> {
        match &self.counterpart {
            Some(Counterpart::Updates(_)) => return Some(Mismatch::Update),
            Some(Counterpart::UpdatedTo(_)) => return Some(Mismatch::Outdated),
            Some(Counterpart::Unclear(_)) | None => {}
        }
        match (&self.listed, self.found.as_slice()) {
            (None, _) => Some(Mismatch::Unlisted),
            (Some(image), []) if image.keep.is_none() => Some(Mismatch::Unused),
            (Some(_), _) => None,
        }
    }

    /// The names of the renderings that use the image, in their order.
    pub fn renderings(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for found in &self.found {
            if !names.contains(&found.place.rendering.as_str()) {
                names.push(&found.place.rendering);
            }
        }
        names
    }

    /// What the chart calls it.
    pub(super) fn repository(&self) -> &Repository {
        self.listed.as_ref().map_or(&self.source, |image| image.chart_source())
    }

    /// Whether a reference without a version stands for this image.
    pub(super) fn stands_for(&self, found: &FoundImage) -> bool {
        let reference = &found.reference;
        if *self.repository() != reference.repository {
            return false;
        }
        match (&reference.digest, self.pin()) {
            (None, _) if self.listed.is_some() => true,
            // An operator knows a repository, and takes the version from elsewhere.
            (None, _) => {
                let is_operand = found.evidence != Evidence::Container && reference.tag.is_none();
                is_operand && self.tag.as_ref().is_some_and(is_version)
            }
            // The digest names the version: the pin of the list, or another place in the chart.
            (Some(_), _) if !self.tag.as_ref().is_some_and(is_version) => false,
            (Some(digest), Some(pin)) => pin == digest,
            (Some(digest), None) => self.digests_in_chart().contains(digest),
        }
    }

    /// Whether the chart names the image with its version.
    pub(super) fn is_named(&self) -> bool {
        let has_version = |found: &FoundImage| found.reference.tag.as_ref().is_some_and(is_version);
        self.found.iter().any(has_version)
    }

    /// Sets the digest once all references are known.
    pub(super) fn settle_digest(&mut self) {
        let digest = self.pin().or_else(|| self.digests_in_chart().into_iter().next());
        self.digest = digest.cloned();
    }

    fn pin(&self) -> Option<&Digest> {
        self.listed.as_ref()?.digest.as_ref()
    }

    /// Not those of an image that another one replaces.
    fn digests_in_chart(&self) -> BTreeSet<&Digest> {
        if self.listed.as_ref().is_some_and(|image| image.replaces.is_some()) {
            return BTreeSet::new();
        }
        self.found.iter().filter_map(|found| found.reference.digest.as_ref()).collect()
    }

    /// The image to mirror. An unlisted one keeps its path, unless it updates an entry of the list.
    pub(super) fn image(&self) -> Result<Image, ObstacleKind> {
        let tag = match (&self.tag, &self.digest) {
            (Some(tag), _) if is_version(tag) => tag.clone(),
            (_, Some(digest)) => return Err(ObstacleKind::OnlyDigest(digest.clone())),
            (Some(_), None) => return Err(ObstacleKind::MovingTag),
            (None, None) => {
                // The kubelet takes `latest`. A program may have the version from elsewhere.
                let is_text = |found: &FoundImage| found.evidence.is_text();
                return Err(match self.found.iter().all(is_text) {
                    true => ObstacleKind::NoVersion,
                    false => ObstacleKind::NoTag,
                });
            }
        };
        let mut digests = self.pin().into_iter().chain(self.digests_in_chart());
        if let Some(first) = digests.next()
            && let Some(second) = digests.find(|digest| *digest != first)
        {
            let (first, second) = (first.clone(), second.clone());
            return Err(match self.pin() {
                Some(_) => ObstacleKind::OtherThanPinned { pin: first, named: second },
                None => ObstacleKind::TwoDigests(first, second),
            });
        }
        let digest = self.digest.clone();
        Ok(match (&self.listed, &self.counterpart) {
            (Some(image), _) => Image { digest, ..image.clone() },
            (None, Some(Counterpart::Updates(image))) => {
                // The digest in the chart is one of the image that the entry replaces.
                let digest = digest.filter(|_| image.replaces.is_none());
                Image { tag, digest, subsets: BTreeMap::new(), ..Image::clone(image) }
            }
            (None, _) => Image {
                source: self.source.clone(),
                tag,
                digest,
                subsets: BTreeMap::new(),
                subsets_index: None,
                target: None,
                values: Vec::new(),
                replaces: None,
                keep: None,
                place: Place::NOWHERE,
            },
        })
    }

    /// The obstacle, with the place in the chart that causes it.
    pub(super) fn obstacle(&self, kind: ObstacleKind) -> Obstacle {
        let found = match &kind {
            ObstacleKind::TwoDigests(_, digest)
            | ObstacleKind::OtherThanPinned { named: digest, .. } => {
                self.found.iter().find(|found| found.reference.digest.as_ref() == Some(digest))
            }
            _ => self.found.first(),
        };
        Obstacle {
            reference: self.reference(),
            source: Some(self.source.clone()),
            place: found.map(|found| found.place.clone()),
            kind,
        }
    }
}
