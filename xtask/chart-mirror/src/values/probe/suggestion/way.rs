//! `Way`: how a place can be moved: one value, or the value of its registry with one for its path.

use std::collections::{BTreeMap, BTreeSet};

use crate::chart::Evidence;
use crate::list::{Image, ValuePath};
use crate::values::probe::contribution::{Contribution, Section, Start};
use crate::values::probe::result::{ProbeResult, ProbedPlace, ReferenceKey};
use crate::values::probe::setting::{Notation, is_for_one_image, setting};
use crate::values::probe::targets::Targets;
use oci::{Reference, RepositoryPath};

/// A value for images.toml.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::values::probe) struct Setting {
    pub(in crate::values::probe) path: ValuePath,
    pub(in crate::values::probe) text: String,
    pub(in crate::values::probe) scope: Scope,
}

/// Where images.toml has a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::values::probe) enum Scope {
    /// In `[values]`.
    List,
    /// In `[image.values]` of each of these.
    Images(BTreeSet<Reference>),
}

/// The values that move a place together, the main one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) main: Setting,
    pub(super) others: Vec<Setting>,
    /// Whether the main value is just the registry. It leaves what the chart derives from the rest.
    pub(super) is_registry: bool,
    /// The target that the image needs, because the chart leaves no choice of its path.
    pub(super) target: Option<RepositoryPath>,
}

/// Which images each value touches.
pub(super) struct Ways<'a> {
    targets: &'a Targets<'a>,
    /// For each value, the places that it contributes to, one for each image.
    touched: BTreeMap<&'a ValuePath, BTreeMap<String, &'a ProbedPlace>>,
}

impl<'a> Ways<'a> {
    pub(super) fn new(targets: &'a Targets<'a>, probed: &'a ProbeResult) -> Self {
        let mut touched: BTreeMap<&ValuePath, BTreeMap<String, &ProbedPlace>> = BTreeMap::new();
        for place in &probed.places {
            for key in &place.keys {
                touched.entry(&key.path).or_default().entry(place.image()).or_insert(place);
            }
        }
        Self { targets, touched }
    }

    /// The ways to move a place to the target of its image, each as long as it is necessary.
    pub(super) fn of(&self, place: &ProbedPlace, image: &Image) -> Vec<Way> {
        let mut ways = Vec::new();
        for key in place.moving_keys().filter(|key| key.path.list().is_none()) {
            let tag = self.tag(&key.contribution, place, image);
            let contribution = match &tag {
                None if self.must_hold_tag(key, place) => {
                    Contribution { last: Section::Tag, ..key.contribution.clone() }
                }
                _ => key.contribution.clone(),
            };
            let Some(main) = self.setting(key, &contribution, place, image) else { continue };
            let is_registry = contribution.is_registry();
            let has_other_path = is_registry
                && self.targets.path(image).as_deref() != Some(place.reference.path.as_str());
            let others = tag.into_iter().chain(self.digest(place, image)).collect();
            let alone = Way { main, others, is_registry, target: None };
            // The path may also come out wrong because the chart derives it from the registry.
            let with_path = is_registry.then(|| self.path(place, image)).flatten().map(|path| {
                let others = [path].into_iter().chain(alone.others.clone()).collect();
                Way { others, ..alone.clone() }
            });
            match with_path {
                Some(with_path) if has_other_path => ways.push(with_path),
                Some(with_path) => ways.extend([alone, with_path]),
                None if has_other_path => ways.extend(with_target(alone, place, image)),
                None => ways.push(alone),
            }
        }
        ways
    }

    /// A value for the tag, if the list has another one than the chart and the main value does not hold it.
    fn tag(&self, main: &Contribution, place: &ProbedPlace, image: &Image) -> Option<Setting> {
        if main.last >= Section::Tag || place.reference.tag.as_ref() == Some(&image.tag) {
            return None;
        }
        let is_tag = |key: &&ReferenceKey| {
            key.contribution.first == Section::Tag && key.path.list().is_none()
        };
        let mut keys = place.keys.iter().filter(is_tag);
        keys.find_map(|key| self.setting(key, &key.contribution, place, image))
    }

    /// Whether a value that ends references without a version has to hold the tag: nothing else does. An
    /// operator adds the version itself.
    fn must_hold_tag(&self, key: &ReferenceKey, place: &ProbedPlace) -> bool {
        let is_bare = |place: &&ProbedPlace| {
            place.reference.tag.is_none() && place.reference.digest.is_none()
        };
        key.contribution.last == Section::Path
            && key.contribution.after.is_empty()
            && place.evidence == Some(Evidence::Container)
            && self.touched.get(&key.path).is_some_and(|places| places.values().all(is_bare))
    }

    /// A value for the path alone.
    fn path(&self, place: &ProbedPlace, image: &Image) -> Option<Setting> {
        let mut keys =
            place.keys.iter().filter(|key| key.contribution.is_path() && key.path.list().is_none());
        keys.find_map(|key| {
            let closed = Contribution { start: Start::Closed, ..key.contribution.clone() };
            self.setting(key, &closed, place, image)
        })
    }

    /// A value for the digest, if a destination has only some platforms of the image.
    fn digest(&self, place: &ProbedPlace, image: &Image) -> Vec<Setting> {
        let Some(digest) = &place.reference.digest else { return Vec::new() };
        let mut destinations = self.targets.destinations.iter();
        if destinations.all(|destination| destination.digest(image) == Some(digest)) {
            return Vec::new();
        }
        let mut keys = place.keys.iter().filter(|key| key.contribution.first == Section::Digest);
        let found = keys.find_map(|key| self.setting(key, &key.contribution, place, image));
        found.into_iter().collect()
    }

    /// What images.toml needs so that a value gives a place its part of the target.
    pub(super) fn setting(
        &self,
        key: &ReferenceKey,
        contribution: &Contribution,
        place: &ProbedPlace,
        image: &Image,
    ) -> Option<Setting> {
        let text_for = |place: &ProbedPlace, image: &Image, notation: Notation| {
            setting(contribution, &place.reference, image, self.targets, notation)
        };
        let path = key.path.clone();
        let text = text_for(place, image, Notation::Placeholders)?;
        let touched = self.touched.get(&key.path)?;
        let one = |image: &Image| Scope::Images([image.reference()].into());
        if touched.len() == 1 {
            return Some(Setting { path, text, scope: one(image) });
        }
        if !is_for_one_image(&text) {
            return Some(Setting { path, text, scope: Scope::List });
        }
        // Several images can have one value only if it is the same for all of them.
        // A place without a version names the same repository.
        let image_at = |place: &'a ProbedPlace| {
            let is_same = place.reference.repository == image.source;
            self.targets.image_at(place).or(is_same.then_some(image))
        };
        let others = touched.values().map(|place| Some((*place, image_at(place)?)));
        let others = others.collect::<Option<Vec<_>>>()?;
        let literal = text_for(place, image, Notation::Literals);
        let agree = others.iter().all(|(place, other)| {
            text_for(place, other, Notation::Literals) == literal
                && (literal.is_some() || self.targets.have_one_path(image, other))
        });
        if !agree {
            return None;
        }
        let images = || others.iter().map(|(_, other)| other.reference()).collect();
        Some(match literal {
            Some(text) => Setting { path, text, scope: Scope::List },
            None => Setting { path, text, scope: Scope::Images(images()) },
        })
    }
}

/// With the path that the chart has at the place as the target of the image.
fn with_target(way: Way, place: &ProbedPlace, image: &Image) -> Option<Way> {
    let target = place.reference.path.parse().ok().filter(|_| image.target.is_none());
    Some(Way { target: Some(target?), ..way })
}

impl Way {
    pub(super) fn paths(&self) -> Vec<ValuePath> {
        [&self.main].into_iter().chain(&self.others).map(|setting| setting.path.clone()).collect()
    }
}
