//! From what moves images to what images.toml should say: the fewest values that move them all.

use oci::Reference;
use std::collections::{BTreeMap, BTreeSet};

use super::lists::{Entry, Obstacle};
use super::{Holds, MovingKey, Probed, ProbedPlace};
use crate::list::edit::{add_image_values, add_values};
use crate::list::{Image, ImageList, SetValue, ValuePath};

/// What images.toml lacks, and what it has in vain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suggestion {
    /// For `[values]`: what moves several images, and what is beside them in a list.
    pub values: Vec<(ValuePath, SetValue)>,
    /// For `[image.values]`, by `source:tag`.
    pub image_values: BTreeMap<Reference, Vec<(ValuePath, SetValue)>>,
    /// Lists that would have to be said as a whole, and why they cannot be.
    pub unwritable: Vec<(ValuePath, Vec<Obstacle>)>,
    /// Values of images.toml that move nothing.
    pub dead: Vec<ValuePath>,
    /// Values of one image that move others, too: the path, and the others.
    pub broad: Vec<(ValuePath, BTreeSet<String>)>,
    /// Images that move only with others, which would then have the same name, and the value that does it.
    pub tangled: BTreeSet<(String, ValuePath)>,
    /// Images, listed or not, that no value moves from some place, with the template of the chart.
    pub hard_coded: BTreeSet<(String, Option<String>)>,
    /// Images of the chart that images.toml does not list.
    pub unlisted: BTreeSet<String>,
}

impl Suggestion {
    /// The text of the list with what it lacks.
    ///
    /// # Errors
    /// When the text cannot be edited, or would no longer be a valid list: it is left alone then.
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
        ImageList::parse("images.toml", &text)
            .map_err(|problems| anyhow::Error::msg(problems.to_string()))?;
        Ok(text)
    }
}

/// Compares what was found with what the list says.
pub fn suggest(list: &ImageList, probed: &Probed) -> Suggestion {
    let mut suggestion = Suggestion::default();
    judge_what_is_said(list, probed, &mut suggestion);
    judge_images(list, probed, &mut suggestion);

    let of_images = list.images().iter().flat_map(|image| &image.values);
    let said: BTreeSet<&ValuePath> =
        list.values().iter().chain(of_images).map(|(path, _)| path).collect();
    let mut open: Vec<(&Image, &ProbedPlace)> = probed
        .places
        .iter()
        .filter(|place| !moving(place).any(|key| said.contains(&key.path)))
        .filter_map(|place| Some((listed(list, &place.image)?, place)))
        .collect();
    while let Some((key, owner)) = best_key(&open, probed) {
        open.retain(|(_, place)| !place.keys.contains(&key));
        let owner = owner.map(|image| image.reference());
        let value = SetValue::String(template(key.holds).to_owned());
        suggestion.add(Entry { owner, path: key.path, value });
    }

    // Lists come last: whoever moves one image in a list has to say the rest of it, too.
    let mut lists: BTreeSet<ValuePath> = said.iter().filter_map(|path| path.list()).collect();
    for (_, place) in open {
        let mut of_place = moving(place).filter_map(|key| key.path.list()).peekable();
        if of_place.peek().is_none() {
            let key = moving(place).map(|key| (place.image.clone(), key.path.clone()));
            suggestion.tangled.extend(key.take(1));
        } else if !of_place.clone().any(|list| lists.contains(&list)) {
            lists.extend(of_place.next());
        }
    }
    for chart_list in probed.lists.iter().filter(|have| lists.contains(&have.path)) {
        match chart_list.entries(list, probed, &said) {
            Ok(entries) => entries.into_iter().for_each(|entry| suggestion.add(entry)),
            Err(obstacles) => suggestion.unwritable.push((chart_list.path.clone(), obstacles)),
        }
    }
    suggestion
}

impl Suggestion {
    fn add(&mut self, entry: Entry) {
        let values = match entry.owner {
            Some(image) => self.image_values.entry(image).or_default(),
            None => &mut self.values,
        };
        values.push((entry.path, entry.value));
    }
}

fn judge_images(list: &ImageList, probed: &Probed, suggestion: &mut Suggestion) {
    for place in &probed.places {
        if moving(place).next().is_none() {
            let fixed = (place.image.clone(), place.place.template.clone());
            suggestion.hard_coded.insert(fixed);
        }
        if listed(list, &place.image).is_none() {
            suggestion.unlisted.insert(place.image.clone());
        }
    }
}

fn judge_what_is_said(list: &ImageList, probed: &Probed, suggestion: &mut Suggestion) {
    let moved_by = |is_meant: &dyn Fn(&ValuePath) -> bool| -> BTreeSet<String> {
        let of_it = |place: &&ProbedPlace| place.keys.iter().any(|key| is_meant(&key.path));
        probed.places.iter().filter(of_it).map(|place| place.image.clone()).collect()
    };
    // What is said of a list because the list is said: nothing moves by it alone.
    let belongs_to_its_list = |path: &ValuePath| {
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
            // What is the same everywhere is not there to move anything.
            if value.has_placeholders() && !belongs_to_its_list(path) {
                suggestion.dead.push(path.clone());
            }
        } else if let Some(owner) = owner {
            moved
                .retain(|image| listed(list, image).is_none_or(|image| image.reference() != owner));
            if !moved.is_empty() {
                suggestion.broad.push((path.clone(), moved));
            }
        }
    }
}

/// The key that moves the most places that are left, and the image that it belongs to if it moves no
/// other. A key that holds the registry alone is best: what the chart derives from the rest of a name
/// stays as it is.
fn best_key<'a>(
    open: &[(&'a Image, &ProbedPlace)],
    probed: &Probed,
) -> Option<(MovingKey, Option<&'a Image>)> {
    let mut images: BTreeMap<&MovingKey, Vec<&'a Image>> = BTreeMap::new();
    for (image, place) in open {
        for key in moving(place).filter(|key| key.path.list().is_none()) {
            images.entry(key).or_default().push(image);
        }
    }
    let moves_one = |key: &MovingKey| {
        let of_key = |place: &&ProbedPlace| place.keys.iter().any(|have| have.path == key.path);
        let mut moved = probed.places.iter().filter(of_key).map(|place| &place.image);
        let first = moved.next();
        moved.all(|image| Some(image) == first)
    };
    // A key that holds a path too can stand for one image only.
    images.retain(|key, _| key.holds == Holds::Registry || moves_one(key));
    let best = images.into_iter().max_by_key(|(key, images)| {
        let distinct: BTreeSet<_> =
            images.iter().map(|image| (&image.source, &image.tag)).collect();
        let depth = key.path.keys().len();
        (distinct.len(), key.holds == Holds::Registry, images.len(), std::cmp::Reverse(depth))
    });
    best.map(|(key, images)| (key.clone(), images.first().copied().filter(|_| moves_one(key))))
}

/// The image of the list that a reference of the chart means.
pub(super) fn listed<'a>(list: &'a ImageList, reference: &str) -> Option<&'a Image> {
    crate::values::listed(list, &reference.parse().ok()?)
}

/// The values that can make a reference point to another registry.
fn moving(place: &ProbedPlace) -> impl Iterator<Item = &MovingKey> + Clone {
    place.keys.iter().filter(|key| is_moving(key.holds))
}

pub(super) fn is_moving(holds: Holds) -> bool {
    matches!(holds, Holds::Registry | Holds::RegistryAndRepository | Holds::Reference)
}

pub(super) fn template(holds: Holds) -> &'static str {
    match holds {
        Holds::RegistryAndRepository => "{registry}/{repository}",
        Holds::Reference => "{registry}/{repository}:{tag}",
        Holds::Repository => "{repository}",
        Holds::Tag => "{tag}",
        Holds::Digest => "{digest}",
        Holds::Registry => "{registry}",
    }
}

#[cfg(test)]
mod tests;
