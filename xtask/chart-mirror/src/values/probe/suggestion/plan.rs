//! `Plan`: the fewest values that move all places, by a greedy choice.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::way::{Scope, Setting, Way, Ways};
use crate::list::{Image, ImageList, Key, ValuePath};
use crate::values::probe::result::ProbeResult;
use crate::values::probe::targets::Targets;
use crate::values::probe::values_document::GLOBAL;
use oci::{Reference, RepositoryPath};

/// What a proof has shown about earlier plans.
#[derive(Debug, Clone, Default)]
pub(in crate::values::probe) struct Experience {
    /// Places that are right without further values, by their position.
    pub(in crate::values::probe) right: HashSet<usize>,
    /// Places and the values that did not move them to their target.
    pub(in crate::values::probe) failed: HashSet<(usize, Vec<ValuePath>)>,
    /// Values that the chart refuses, or that break other places.
    pub(in crate::values::probe) harmful: BTreeSet<ValuePath>,
}

impl Experience {
    pub(in crate::values::probe) fn has_failed(&self, place: usize) -> bool {
        self.failed.iter().any(|(failed, _)| *failed == place)
    }
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) settings: BTreeSet<Setting>,
    /// The targets that images need.
    pub(super) targets: BTreeMap<Reference, RepositoryPath>,
    /// The values that should move each place.
    pub(super) used: HashMap<usize, Vec<ValuePath>>,
    /// Listed places without a way that is left.
    pub(super) open: Vec<usize>,
}

struct OpenPlace<'a> {
    position: usize,
    image: &'a Image,
    ways: Vec<Way>,
}

/// A choice of the main value, and the places that it moves.
#[derive(Default)]
struct Choice<'p> {
    ways: BTreeMap<usize, &'p Way>,
    images: BTreeSet<String>,
}

pub(super) fn plan(targets: &Targets<'_>, probed: &ProbeResult, experience: &Experience) -> Plan {
    let ways = Ways::new(targets, probed);
    let present = present(targets.list);
    let is_usable = |setting: &Setting| {
        !experience.harmful.contains(&setting.path)
            && !probed.also_changed.contains_key(&setting.path)
            && present.get(&setting.path).is_none_or(|texts| texts.contains(&setting.text))
    };
    let mut open: Vec<OpenPlace<'_>> = Vec::new();
    for (position, place) in probed.places.iter().enumerate() {
        let Some(image) = targets.image_at(place) else { continue };
        if experience.right.contains(&position) {
            continue;
        }
        let mut of_place = ways.of(place, image);
        of_place.retain(|way| {
            [&way.main].into_iter().chain(&way.others).all(is_usable)
                && !experience.failed.contains(&(position, way.paths()))
        });
        open.push(OpenPlace { position, image, ways: of_place });
    }
    let mut plan = Plan::default();
    while let Some(choice) = best(&open, &plan) {
        for (&position, way) in &choice {
            plan.used.insert(position, way.paths());
            plan.settings.insert(way.main.clone());
            plan.settings.extend(way.others.iter().cloned());
            if let Some(target) = &way.target
                && let Some(place) = open.iter().find(|place| place.position == position)
            {
                plan.targets.insert(place.image.reference(), target.clone());
            }
        }
        let chosen: HashSet<usize> = choice.keys().copied().collect();
        open.retain(|place| !chosen.contains(&place.position));
    }
    plan.open = open.iter().map(|place| place.position).collect();
    plan.settings.retain(|setting| !present.contains_key(&setting.path));
    plan
}

/// The value that moves the most images for each entry that images.toml needs, with the way in which it
/// moves each place. Values that the chart reserves for itself come last.
fn best(open: &[OpenPlace<'_>], plan: &Plan) -> Option<BTreeMap<usize, Way>> {
    let mut choices: BTreeMap<&Setting, Choice<'_>> = BTreeMap::new();
    for place in open {
        for way in &place.ways {
            let choice = choices.entry(&way.main).or_default();
            choice.ways.entry(place.position).or_insert(way);
            choice.images.insert(place.image.reference().to_string());
        }
    }
    let score = |(main, choice): &(&Setting, Choice<'_>)| {
        let needed: BTreeSet<&Setting> =
            choice.ways.values().flat_map(|way| way.others.iter()).chain([*main]).collect();
        let needed = needed.iter().filter(|setting| !plan.settings.contains(*setting)).count();
        let targets: BTreeSet<_> =
            choice.ways.values().filter_map(|way| way.target.as_ref()).collect();
        // Images per entry, in thousandths.
        let images = choice.images.len() * 1000 / (needed + targets.len()).max(1);
        let is_registry = choice.ways.values().all(|way| way.is_registry);
        let is_internal = main.path.keys().iter().any(is_internal);
        let is_global = main.path.keys().first() == Some(&Key::Name(GLOBAL.to_owned()));
        let length = main.path.keys().len();
        (!is_internal, images, is_registry, choice.ways.len(), is_global, Reverse(length))
    };
    let (_, choice) = choices.into_iter().max_by_key(score)?;
    Some(choice.ways.into_iter().map(|(position, way)| (position, way.clone())).collect())
}

/// Whether a chart reserves a key for itself: `_internal_defaults`.
fn is_internal(key: &Key) -> bool {
    matches!(key, Key::Name(name) if name.starts_with('_'))
}

/// The values in images.toml, as it has them.
fn present(list: &ImageList) -> BTreeMap<ValuePath, BTreeSet<String>> {
    let mut present: BTreeMap<ValuePath, BTreeSet<String>> = BTreeMap::new();
    let of_images = list.images().iter().flat_map(|image| &image.values);
    for (path, value) in list.values().iter().chain(of_images) {
        present.entry(path.clone()).or_default().insert(value.unrendered().to_string());
    }
    present
}

impl Scope {
    pub(super) fn images(&self) -> Vec<Option<Reference>> {
        match self {
            Self::List => vec![None],
            Self::Images(images) => images.iter().cloned().map(Some).collect(),
        }
    }
}
