//! `Targets`: where the listed images are at the destinations of a list.

use super::result::{ProbeResult, ProbedPlace};
use crate::chart::Evidence;
use crate::list::{Destination, Image, ImageList};
use crate::values::ListedImages;
use oci::Tag;

/// The destination of a list that has none: with a path, because that shows more mistakes.
const ANY: &str = "registry.invalid/mirror";

pub(super) struct Targets<'a> {
    pub(super) list: &'a ImageList,
    listed: ListedImages<'a>,
    /// Destinations at which images have different paths or digests.
    pub(super) destinations: Vec<Destination>,
}

impl<'a> Targets<'a> {
    pub(super) fn of(list: &'a ImageList) -> Self {
        let mut destinations: Vec<Destination> = Vec::new();
        for destination in list.destinations().values() {
            let is_same = |have: &Destination| {
                let has_prefix = |it: &Destination| it.pull_address().prefix.is_some();
                let mut images = list.images().iter();
                has_prefix(have) == has_prefix(destination)
                    && images.all(|image| {
                        path(have, image) == path(destination, image)
                            && have.digest(image) == destination.digest(image)
                    })
            };
            if !destinations.iter().any(is_same) {
                destinations.push(destination.clone());
            }
        }
        if destinations.is_empty() {
            destinations.extend(ANY.parse::<Destination>());
        }
        Self { list, listed: ListedImages::of(list), destinations }
    }

    /// With the references of the chart, which tell what `latest` stands for.
    pub(super) fn naming(mut self, probed: &ProbeResult) -> Self {
        self.listed = self.listed.naming(probed.places.iter().map(|place| &place.reference));
        self
    }

    /// The path of an image, if it is the same at every destination.
    pub(super) fn path(&self, image: &Image) -> Option<String> {
        let mut paths = self.destinations.iter().map(|destination| path(destination, image));
        let first = paths.next()??;
        paths.all(|path| path.as_ref() == Some(&first)).then_some(first)
    }

    /// Whether two images have the same path at every destination.
    pub(super) fn have_one_path(&self, one: &Image, other: &Image) -> bool {
        let mut destinations = self.destinations.iter();
        destinations.all(|destination| path(destination, one) == path(destination, other))
    }

    /// The entry that stands for a place. Where an operator adds the version to a repository, any entry of
    /// it.
    pub(super) fn image_at(&self, place: &ProbedPlace) -> Option<&'a Image> {
        let reference = &place.reference;
        let is_operand = reference.tag.is_none()
            && reference.digest.is_none()
            && place.evidence != Some(Evidence::Container);
        match self.entries_at(place)[..] {
            [only] => Some(only),
            [first, ..] if is_operand => Some(first),
            _ => None,
        }
    }

    fn entries_at(&self, place: &ProbedPlace) -> Vec<&'a Image> {
        self.listed.at_place(&place.reference, place.evidence)
    }

    /// The tags that the list has of the repository at a place.
    pub(super) fn tags_at(&self, place: &ProbedPlace) -> Vec<&'a Tag> {
        self.listed.tags(&place.reference.repository)
    }
}

fn path(destination: &Destination, image: &Image) -> Option<String> {
    let path = destination.path(&image.source, image.target.as_ref());
    path.ok().map(|path| path.to_string())
}
