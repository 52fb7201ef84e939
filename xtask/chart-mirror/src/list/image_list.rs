//! `ImageList`: the valid content of images.toml. It comes from `ImageList::parse` and changes only
//! through methods that keep it valid.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::{
    Chart, Destination, Image, ImagePin, Place, Placeholder, Policy, ValuePath, ValueTemplate,
    Workspace,
};
use messages::Advice;
use oci::{Reference, Registry};
use registry::known::settings::RegistrySettings;

/// The content of `images.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageList {
    pub(super) images: Vec<Image>,
    pub(super) values: Vec<(ValuePath, ValueTemplate)>,
    pub(super) registries: BTreeMap<Registry, RegistrySettings>,
    pub(super) destinations: BTreeMap<String, Destination>,
    pub(super) chart: Option<Chart>,
    pub(super) policy: Policy,
    pub(super) value_places: BTreeMap<ValuePath, Place>,
    pub(super) workspace: Option<Workspace>,
}

/// Why images cannot form a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidImages {
    #[error("a list needs at least one image")]
    Empty,
    #[error("`{0}` is listed twice")]
    Duplicate(Reference),
    #[error("two entries stand for `{0}` of the chart")]
    SameInChart(Reference),
    /// The image has subsets, or a value with `{digest}`, but no digest.
    #[error("`{0}` has subsets or a value with `{{digest}}`, but no `digest`")]
    Unpinned(Reference),
    #[error("{0}")]
    Target(Advice),
}

impl ImageList {
    /// In the order of the file. Empty only in a draft, and in a workspace without images of its own. No two
    /// have the same source and tag, stand for the same
    /// image of the chart, or have the same target and tag at one of the destinations.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// Helm values that relocate many images at once, in the order of the file. Their only placeholder
    /// is `{registry}`.
    pub fn values(&self) -> &[(ValuePath, ValueTemplate)] {
        &self.values
    }

    pub fn registries(&self) -> &BTreeMap<Registry, RegistrySettings> {
        &self.registries
    }

    /// By name.
    pub fn destinations(&self) -> &BTreeMap<String, Destination> {
        &self.destinations
    }

    pub fn chart(&self) -> Option<&Chart> {
        self.chart.as_ref()
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The first place where a Helm value is set, for the whole list or for one image.
    pub fn place_of_value(&self, path: &ValuePath) -> Option<Place> {
        self.value_places.get(path).copied()
    }

    /// This list with other images.
    ///
    /// # Errors
    /// If there are no images, or they are not valid together.
    pub fn with_images(self, images: Vec<Image>) -> Result<Self, InvalidImages> {
        if images.is_empty() {
            return Err(InvalidImages::Empty);
        }
        let (mut at_source, mut in_chart) = (HashSet::new(), HashSet::new());
        for image in &images {
            check_digest(image)?;
            if !at_source.insert(image.reference()) {
                return Err(InvalidImages::Duplicate(image.reference()));
            }
            let named = image.chart_source().tagged(image.chart_tag());
            if !in_chart.insert(named.clone()) {
                return Err(InvalidImages::SameInChart(named));
            }
        }
        for destination in self.destinations.values() {
            destination.paths(&images).map_err(InvalidImages::Target)?;
        }
        Ok(Self { images, ..self })
    }

    /// This list with more values for all images.
    #[must_use]
    pub fn with_more_values(mut self, more: Vec<(ValuePath, ValueTemplate)>) -> Self {
        self.values.extend(more);
        self
    }

    /// This list with only this destination, or with none if it is not listed. New images then need not
    /// fit the other destinations.
    #[must_use]
    pub fn only_for(mut self, destination: &Destination) -> Self {
        self.destinations.retain(|_, listed| listed == destination);
        self
    }

    /// This list without destinations, settings of registries, and policy.
    #[must_use]
    pub fn without_settings(self) -> Self {
        Self {
            registries: BTreeMap::new(),
            destinations: BTreeMap::new(),
            policy: Policy::default(),
            ..self
        }
    }

    /// This list without the places of its entries, so that texts with the same meaning compare equal.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        for image in &mut self.images {
            image.place = Place::NOWHERE;
        }
        if let Some(chart) = &mut self.chart {
            let ignore = chart.ignore.iter_mut().map(|rule| &mut rule.defined_at);
            let places = chart.places.iter_mut().map(|rule| &mut rule.defined_at);
            ignore.chain(places).for_each(|place| *place = Place::NOWHERE);
        }
        for rule in &mut self.policy.signatures {
            rule.defined_at = Place::NOWHERE;
        }
        self.value_places.clear();
        self
    }

    /// This list without the keys that it requires signatures of.
    #[must_use]
    pub fn without_signatures(mut self) -> Self {
        self.policy.signatures.clear();
        self
    }

    /// This list with the relative names of files resolved against a folder.
    #[must_use]
    pub fn with_files_below(mut self, folder: &Path) -> Self {
        for settings in self.registries.values_mut() {
            *settings = std::mem::take(settings).with_files_below(folder);
        }
        for destination in self.destinations.values_mut() {
            destination.ecr = std::mem::take(&mut destination.ecr).with_files_below(folder);
        }
        self.policy = std::mem::take(&mut self.policy).with_files_below(folder);
        self
    }

    /// Records new digests for an image.
    ///
    /// # Errors
    /// If the image gets subsets, but has no digest.
    ///
    /// # Panics
    /// If there is no image at the position.
    pub fn pin(&mut self, pin: &ImagePin) -> Result<(), InvalidImages> {
        let mut image = self.images[pin.position].clone();
        image.digest = pin.digest.clone().or(image.digest);
        for (platforms, digest) in pin.subsets.iter().cloned() {
            match digest {
                Some(digest) => image.subsets.insert(platforms, digest),
                None => image.subsets.remove(&platforms),
            };
        }
        image.subsets_index = pin.subsets_index.clone().or(image.subsets_index);
        check_digest(&image)?;
        self.images[pin.position] = image;
        Ok(())
    }

    /// For tests of code that must not depend on the checks of the parser.
    #[cfg(test)]
    pub(crate) fn with_unchecked_chart(self, chart: Chart) -> Self {
        Self { chart: Some(chart), ..self }
    }
}

fn check_digest(image: &Image) -> Result<(), InvalidImages> {
    let needs_digest = !image.subsets.is_empty()
        || image.values.iter().any(|(_, value)| value.uses(Placeholder::Digest));
    if needs_digest && image.digest.is_none() {
        return Err(InvalidImages::Unpinned(image.reference()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::Replaced;
    use oci::Digest;

    const LIST: &str = "[destinations.d]\nregistry = 'r.io'\n\
                        [[image]]\nsource = 'q.io/a'\ntag = '1'\n\
                        [[image]]\nsource = 'q.io/b'\ntag = '1'\n";

    fn list() -> ImageList {
        ImageList::parse("images.toml", LIST).unwrap()
    }

    #[test]
    fn images_that_are_not_valid_together_are_refused() {
        let error = |change: fn(&mut Vec<Image>)| {
            let mut images = list().images;
            change(&mut images);
            list().with_images(images).unwrap_err().to_string()
        };
        let empty = error(Vec::clear);
        assert!(empty.contains("at least one"), "{empty}");
        let duplicate = error(|images| images.push(images[0].clone()));
        assert!(duplicate.contains("`q.io/a:1` is listed twice"), "{duplicate}");
        let named = error(|images| {
            let (source, tag) = (images[0].source.clone(), None);
            images[1].replaces = Some(Replaced { source, tag, reason: "moved".to_owned() });
        });
        assert!(named.contains("two entries stand for `q.io/a:1`"), "{named}");
        let target = error(|images| images[0].target = Some("b".parse().unwrap()));
        assert!(target.contains("have the same target `r.io/b:1`"), "{target}");
        let unpinned = error(|images| {
            images[1].subsets.insert("linux/amd64".parse().unwrap(), Digest::of(b"x"));
        });
        assert!(unpinned.contains("`q.io/b:1` has subsets"), "{unpinned}");
        assert_eq!(list().with_images(list().images).unwrap(), list());
    }

    #[test]
    fn images_need_to_fit_only_the_destinations_that_are_kept() {
        let mut images = list().images;
        images[0].target = Some("b".parse().unwrap());
        let elsewhere: Destination = "other.io".parse().unwrap();
        let only = list().only_for(&elsewhere);
        assert!(only.destinations.is_empty());
        assert!(only.with_images(images).is_ok());
        let listed = list().destinations["d"].clone();
        assert_eq!(list().only_for(&listed), list());
    }

    #[test]
    fn subsets_are_recorded_only_for_a_pinned_image() {
        let digest = Digest::of(b"x");
        let subset = ("linux/amd64".parse().unwrap(), Some(digest.clone()));
        let pin =
            ImagePin { position: 1, digest: None, subsets: vec![subset], subsets_index: None };
        let mut pinned = list();
        assert!(matches!(pinned.pin(&pin), Err(InvalidImages::Unpinned(_))));
        assert_eq!(pinned, list(), "nothing has changed");
        pinned.pin(&ImagePin { digest: Some(digest.clone()), ..pin }).unwrap();
        assert_eq!(pinned.images[1].digest, Some(digest));
        assert_eq!(pinned.images[1].subsets.len(), 1);
    }
}
