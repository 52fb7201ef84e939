//! `Suggestion`: the fewest values that move all images, compared with images.toml.

mod of_renderings;
mod plan;
mod present;
mod unlisted;
mod way;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::chart_list::UnsupportedValue;
use super::list_entries::{MissingEntry, missing_entries};
use super::result::{Outcome, ProbeResult, ProbedPlace, Switch};
use super::targets::Targets;
use crate::list::edit::{ImageAddition, NewValue, add_to_images, add_values};
use crate::list::{Image, ImageList, InvalidTemplate, SetValue, ValuePath, ValueTemplate};
use oci::{Reference, RepositoryPath};
pub(super) use plan::Experience;
use plan::plan;
pub(super) use unlisted::unlisted;
pub use unlisted::{Unlisted, UnlistedReason};

/// What images.toml lacks, and which of its values move nothing or too much.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suggestion {
    /// For `[values]`: switches that the chart requires.
    pub switches: Vec<Switch>,
    /// For `[values]`: values that move several images, and other values in their lists.
    pub values: Vec<(ValuePath, SetValue)>,
    /// For `[image.values]`.
    pub image_values: BTreeMap<Reference, Vec<(ValuePath, SetValue)>>,
    /// For `target` of an image: the path that the chart asks for, whatever the values are.
    pub targets: BTreeMap<Reference, RepositoryPath>,
    /// Lists that images.toml would need as a whole but cannot express.
    pub unsupported: Vec<(ValuePath, Vec<UnsupportedValue>)>,
    /// Values of images.toml that move nothing.
    pub dead: Vec<ValuePath>,
    /// Values of one image that also move others: the path, and the other images.
    pub broad: Vec<(ValuePath, BTreeSet<String>)>,
    /// Images that only a value shared with other images moves, and that value. Setting it would give all
    /// of them one name.
    pub inseparable: BTreeSet<(String, ValuePath)>,
    /// Images of the chart that no single entry of images.toml stands for.
    pub unlisted: BTreeMap<String, Unlisted>,
    /// Listed images that would not be pulled from their targets.
    pub unsettled: Vec<Unsettled>,
}

/// A place that the values do not move to the target of its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsettled {
    /// The position of the place in the result.
    pub place: usize,
    pub image: String,
    pub problem: String,
}

/// A suggestion, with the values that should move each place.
pub(super) struct Proposal {
    pub(super) suggestion: Suggestion,
    pub(super) used: HashMap<usize, Vec<ValuePath>>,
    /// Places that no way is left for.
    pub(super) given_up: Vec<usize>,
}

impl Suggestion {
    /// Adds what the list lacks to its text.
    ///
    /// # Errors
    /// If the text cannot be edited, or would not be a valid list afterwards.
    pub fn added_to(&self, text: &str, list: &ImageList) -> anyhow::Result<String> {
        let mut text = text.to_owned();
        let switches = self.switches.iter().map(|switch| NewValue {
            comment: Some(format!("The chart requires it: {}", switch.words)),
            ..switch.entry().into()
        });
        let values = self.values.iter().cloned().map(NewValue::from);
        let values: Vec<NewValue> = switches.chain(values).collect();
        if !values.is_empty() {
            text = add_values(&text, &values)?;
        }
        let addition = |image| self.addition_to(image);
        let images: Vec<_> = list.images().iter().filter_map(addition).collect();
        if !images.is_empty() {
            text = add_to_images(&text, &images)?;
        }
        list.parse_member("images.toml", &text)?;
        Ok(text)
    }

    /// What the entry of an image lacks, if it lacks something.
    fn addition_to<'a>(&'a self, image: &'a Image) -> Option<ImageAddition<'a>> {
        let reference = image.reference();
        let target = self.targets.get(&reference);
        let values = self.image_values.get(&reference);
        let Image { source, tag, .. } = image;
        let is_complete = target.is_none() && values.is_none();
        let values = values.map_or(&[][..], Vec::as_slice);
        (!is_complete).then_some(ImageAddition { source, tag, target, values })
    }

    /// The list with what it lacks.
    ///
    /// # Errors
    /// If a value is not a template.
    pub(super) fn applied_to(&self, list: &ImageList) -> Result<ImageList, InvalidTemplate> {
        let template = |value: &SetValue| match value {
            SetValue::String(text) => text.parse().map(ValueTemplate::String),
            SetValue::Boolean(boolean) => Ok(ValueTemplate::Boolean(*boolean)),
            SetValue::Integer(integer) => Ok(ValueTemplate::Integer(*integer)),
            SetValue::Json(json) => Ok(ValueTemplate::Json(json.clone())),
        };
        let templates = |values: &[(ValuePath, SetValue)]| {
            let pairs = values.iter().map(|(path, value)| Ok((path.clone(), template(value)?)));
            pairs.collect::<Result<Vec<_>, _>>()
        };
        let switches: Vec<_> = self.switches.iter().map(Switch::entry).collect();
        let mut more = templates(&switches)?;
        more.extend(templates(&self.values)?);
        let mut images: Vec<Image> = list.images().to_vec();
        for image in &mut images {
            if let Some(values) = self.image_values.get(&image.reference()) {
                image.values.extend(templates(values)?);
            }
            if let Some(target) = self.targets.get(&image.reference()) {
                image.target = Some(target.clone());
            }
        }
        let list = list.clone().with_more_values(more);
        // Values make no image invalid; two images with one target are what the proof finds wrong.
        Ok(list.clone().with_images(images).unwrap_or(list))
    }

    /// Whether images.toml lacks nothing.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
            && self.image_values.is_empty()
            && self.switches.is_empty()
            && self.targets.is_empty()
    }

    /// Whether every image that the chart names is pulled from its target with these values.
    pub fn moves_everything(&self, probed: &ProbeResult) -> bool {
        let is_movable = |place: &ProbedPlace| {
            matches!(place.outcome, Outcome::Movable | Outcome::MovableWithSwitch)
        };
        self.unsettled.is_empty()
            && self.unlisted.is_empty()
            && probed.malformed.is_empty()
            && probed.places.iter().all(is_movable)
    }

    fn add(&mut self, entry: MissingEntry) {
        let values = match entry.owner {
            Some(image) => self.image_values.entry(image).or_default(),
            None => &mut self.values,
        };
        values.push((entry.path, entry.value));
    }
}

impl Switch {
    fn entry(&self) -> (ValuePath, SetValue) {
        (self.path.clone(), SetValue::Boolean(self.value))
    }
}

/// Compares the result of probing with the list.
pub fn suggest(list: &ImageList, probed: &ProbeResult) -> Suggestion {
    let targets = Targets::of(list).naming(probed);
    let mut suggestion = propose(&targets, probed, &with_present_keys(list, probed)).suggestion;
    suggestion.check_present_values(list, probed);
    suggestion.unlisted = unlisted(&targets, probed);
    suggestion
}

/// Takes places for right if a value of the list moves them.
fn with_present_keys(list: &ImageList, probed: &ProbeResult) -> Experience {
    let of_images = list.images().iter().flat_map(|image| &image.values);
    let present: BTreeSet<&ValuePath> =
        list.values().iter().chain(of_images).map(|(path, _)| path).collect();
    let is_moved = |position: &usize| {
        probed.places[*position].moving_keys().any(|key| present.contains(&key.path))
    };
    let right = (0..probed.places.len()).filter(is_moved).collect();
    Experience { right, ..Experience::default() }
}

/// The values that move the places which are not right, considering what a proof has shown.
pub(super) fn propose(
    targets: &Targets<'_>,
    probed: &ProbeResult,
    experience: &Experience,
) -> Proposal {
    let list = targets.list;
    let mut suggestion = Suggestion::default();
    let mut plan = plan(targets, probed, experience);
    suggestion.targets = std::mem::take(&mut plan.targets);
    for setting in &plan.settings {
        for owner in setting.scope.images() {
            let value = SetValue::String(setting.text.clone());
            suggestion.add(MissingEntry { owner, path: setting.path.clone(), value });
        }
    }
    // Lists come last: moving one image in a list takes entries for the whole list.
    let of_images = list.images().iter().flat_map(|image| &image.values);
    let present: BTreeSet<&ValuePath> =
        list.values().iter().chain(of_images).map(|(path, _)| path).collect();
    let mut lists: BTreeSet<ValuePath> = present.iter().filter_map(|path| path.list()).collect();
    let mut given_up = Vec::new();
    for position in std::mem::take(&mut plan.open) {
        let place = &probed.places[position];
        let of_list = place.moving_keys().find(|key| key.path.list().is_some());
        let moving = of_list.or_else(|| place.moving_keys().next());
        match moving.map(|key| (key.path.clone(), key.path.list())) {
            Some((path, Some(list))) => {
                let used = vec![path];
                if !experience.failed.contains(&(position, used.clone())) {
                    let lists_of_place = place.moving_keys().filter_map(|key| key.path.list());
                    if !lists_of_place.clone().any(|list| lists.contains(&list)) {
                        lists.insert(list);
                    }
                    plan.used.insert(position, used);
                } else {
                    given_up.push(position);
                }
            }
            // A value for the registry alone leaves the path, which the proof shows.
            Some((path, None))
                if !experience.has_failed(position)
                    && place.key(&path).is_some_and(|key| !key.contribution.is_registry()) =>
            {
                suggestion.inseparable.insert((place.image(), path));
            }
            _ => given_up.push(position),
        }
    }
    for chart_list in probed.lists.iter().filter(|have| lists.contains(&have.path)) {
        match missing_entries(chart_list, targets, probed, &present) {
            Ok(entries) => entries.into_iter().for_each(|entry| suggestion.add(entry)),
            Err(values) => suggestion.unsupported.push((chart_list.path.clone(), values)),
        }
    }
    Proposal { suggestion, used: plan.used, given_up }
}

#[cfg(test)]
mod tests;
