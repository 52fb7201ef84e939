//! `Suggestion`: the fewest values that move all images, compared with images.toml.

use std::collections::{BTreeMap, BTreeSet};

use super::chart_list::UnsupportedValue;
use super::list_entries::{MissingEntry, listed_image, missing_entries};
use super::reference_part::ReferencePart;
use super::result::{ProbeResult, ProbedPlace, ReferenceKey};
use crate::list::edit::{add_image_values, add_values};
use crate::list::{Image, ImageList, SetValue, ValuePath};
use oci::Reference;

/// What images.toml lacks, and which of its values move nothing or too much.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suggestion {
    /// For `[values]`: values that move several images, and other values in their lists.
    pub values: Vec<(ValuePath, SetValue)>,
    /// For `[image.values]`.
    pub image_values: BTreeMap<Reference, Vec<(ValuePath, SetValue)>>,
    /// Lists that images.toml would need as a whole but cannot express.
    pub unsupported: Vec<(ValuePath, Vec<UnsupportedValue>)>,
    /// Values of images.toml that move nothing.
    pub dead: Vec<ValuePath>,
    /// Values of one image that also move others: the path, and the other images.
    pub broad: Vec<(ValuePath, BTreeSet<String>)>,
    /// Images that only a repository value shared with other images moves, and that value. Setting it
    /// would give all of them one name.
    pub inseparable: BTreeSet<(String, ValuePath)>,
    /// Images that no value moves in some place, with the template of the chart. They may be unlisted.
    pub hard_coded: BTreeSet<(String, Option<String>)>,
    /// Images of the chart that images.toml does not list.
    pub unlisted: BTreeSet<String>,
}

impl Suggestion {
    /// Adds what the list lacks to its text.
    ///
    /// # Errors
    /// If the text cannot be edited, or would not be a valid list afterwards.
    pub fn added_to(&self, text: &str, list: &ImageList) -> anyhow::Result<String> {
        let mut text = text.to_owned();
        if !self.values.is_empty() {
            text = add_values(&text, &self.values)?;
        }
        for image in list.images() {
            if let Some(values) = self.image_values.get(&image.reference()) {
                text = add_image_values(&text, &image.source, &image.tag, values)?;
            }
        }
        ImageList::parse("images.toml", &text)?;
        Ok(text)
    }
}

/// Compares the result of probing with the list.
pub fn suggest(list: &ImageList, probed: &ProbeResult) -> Suggestion {
    let mut suggestion = Suggestion::default();
    check_present_values(list, probed, &mut suggestion);
    check_images(list, probed, &mut suggestion);

    let of_images = list.images().iter().flat_map(|image| &image.values);
    let present: BTreeSet<&ValuePath> =
        list.values().iter().chain(of_images).map(|(path, _)| path).collect();
    let mut open: Vec<(&Image, &ProbedPlace)> = probed
        .places
        .iter()
        .filter(|place| !place.moving_keys().any(|key| present.contains(&key.path)))
        .filter_map(|place| Some((listed_image(list, &place.image)?, place)))
        .collect();
    while let Some((key, owner)) = best_key(&open, probed) {
        open.retain(|(_, place)| !place.keys.contains(&key));
        let owner = owner.map(|image| image.reference());
        let value = SetValue::String(key.part.template().to_owned());
        suggestion.add(MissingEntry { owner, path: key.path, value });
    }

    // Lists come last: moving one image in a list takes entries for the whole list.
    let mut lists: BTreeSet<ValuePath> = present.iter().filter_map(|path| path.list()).collect();
    for (_, place) in open {
        let mut of_place = place.moving_keys().filter_map(|key| key.path.list()).peekable();
        if of_place.peek().is_none() {
            let key = place.moving_keys().map(|key| (place.image.clone(), key.path.clone()));
            suggestion.inseparable.extend(key.take(1));
        } else if !of_place.clone().any(|list| lists.contains(&list)) {
            lists.extend(of_place.next());
        }
    }
    for chart_list in probed.lists.iter().filter(|have| lists.contains(&have.path)) {
        match missing_entries(chart_list, list, probed, &present) {
            Ok(entries) => entries.into_iter().for_each(|entry| suggestion.add(entry)),
            Err(values) => suggestion.unsupported.push((chart_list.path.clone(), values)),
        }
    }
    suggestion
}

impl Suggestion {
    fn add(&mut self, entry: MissingEntry) {
        let values = match entry.owner {
            Some(image) => self.image_values.entry(image).or_default(),
            None => &mut self.values,
        };
        values.push((entry.path, entry.value));
    }
}

fn check_images(list: &ImageList, probed: &ProbeResult, suggestion: &mut Suggestion) {
    for place in &probed.places {
        if place.moving_keys().next().is_none() {
            let fixed = (place.image.clone(), place.place.template.clone());
            suggestion.hard_coded.insert(fixed);
        }
        if listed_image(list, &place.image).is_none() {
            suggestion.unlisted.insert(place.image.clone());
        }
    }
}

fn check_present_values(list: &ImageList, probed: &ProbeResult, suggestion: &mut Suggestion) {
    let moved_by = |matches: &dyn Fn(&ValuePath) -> bool| -> BTreeSet<String> {
        let is_moved = |place: &&ProbedPlace| place.keys.iter().any(|key| matches(&key.path));
        probed.places.iter().filter(is_moved).map(|place| place.image.clone()).collect()
    };
    // Some values are present only because their list has to be complete.
    let completes_list = |path: &ValuePath| {
        path.list().is_some_and(|list| {
            let mut chart_lists = probed.lists.iter().filter(|have| have.path == list);
            let is_leaf = chart_lists.any(|have| have.leaves.iter().any(|(leaf, _)| leaf == path));
            is_leaf && !moved_by(&|key| list.leads_to(key)).is_empty()
        })
    };
    let of_all = list.values().iter().map(|entry| (entry, None));
    let of_one = list
        .images()
        .iter()
        .flat_map(|image| image.values.iter().map(|entry| (entry, Some(image.reference()))));
    for ((path, value), owner) in of_all.chain(of_one) {
        let mut moved = moved_by(&|key| key == path);
        if moved.is_empty() {
            // Constants are not expected to move anything.
            if value.has_placeholders() && !completes_list(path) {
                suggestion.dead.push(path.clone());
            }
        } else if let Some(owner) = owner {
            moved.retain(|image| {
                listed_image(list, image).is_none_or(|image| image.reference() != owner)
            });
            if !moved.is_empty() {
                suggestion.broad.push((path.clone(), moved));
            }
        }
    }
}

/// The key that moves the most of the remaining images, and the image if it moves only one. A key for
/// just the registry is preferred: it leaves what the chart derives from the rest of the name.
fn best_key<'a>(
    open: &[(&'a Image, &ProbedPlace)],
    probed: &ProbeResult,
) -> Option<(ReferenceKey, Option<&'a Image>)> {
    let mut images: BTreeMap<&ReferenceKey, Vec<&'a Image>> = BTreeMap::new();
    for (image, place) in open {
        for key in place.moving_keys().filter(|key| key.path.list().is_none()) {
            images.entry(key).or_default().push(image);
        }
    }
    let moves_one = |key: &ReferenceKey| {
        let has_key = |place: &&ProbedPlace| place.keys.iter().any(|have| have.path == key.path);
        let mut moved = probed.places.iter().filter(has_key).map(|place| &place.image);
        let first = moved.next();
        moved.all(|image| Some(image) == first)
    };
    // A key that contains a path can belong to only one image.
    images.retain(|key, _| key.part == ReferencePart::Registry || moves_one(key));
    let best = images.into_iter().max_by_key(|(key, images)| {
        let distinct: BTreeSet<_> =
            images.iter().map(|image| (&image.source, &image.tag)).collect();
        let depth = key.path.keys().len();
        (
            distinct.len(),
            key.part == ReferencePart::Registry,
            images.len(),
            std::cmp::Reverse(depth),
        )
    });
    best.map(|(key, images)| (key.clone(), images.first().copied().filter(|_| moves_one(key))))
}

#[cfg(test)]
mod tests;
