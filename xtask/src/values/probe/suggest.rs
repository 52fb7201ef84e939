//! From what moves images to what images.toml should say: the fewest values that move them all.

use std::collections::{BTreeMap, BTreeSet};

use super::{Holds, MovingKey, Probed, ProbedPlace};
use crate::list::ImageList;
use crate::list::edit_values::{add_image_values, add_values};

/// What images.toml lacks, and what it has in vain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suggestion {
    /// For `[values]`: paths that move several images, each with its template.
    pub values: Vec<(String, String)>,
    /// For `[image.values]`, by `source:tag`.
    pub image_values: BTreeMap<String, Vec<(String, String)>>,
    /// Values of images.toml that move nothing.
    pub dead: Vec<String>,
    /// Values of one image that move others, too: the path, and the others.
    pub broad: Vec<(String, BTreeSet<String>)>,
    /// Images that no value moves from some place, with the template of the chart.
    pub hard_coded: Vec<(String, Option<String>)>,
}

impl Suggestion {
    /// The text of the list with what it lacks.
    ///
    /// # Errors
    /// When the text cannot be edited, or would no longer be a valid list: it is left alone then.
    pub fn added_to(&self, text: &str, list: &ImageList) -> anyhow::Result<String> {
        let mut text = text.to_owned();
        if !self.values.is_empty() {
            text = add_values(&text, &self.values).map_err(anyhow::Error::msg)?;
        }
        for image in &list.images {
            if let Some(values) = self.image_values.get(&image.source.tagged(&image.tag)) {
                text = add_image_values(&text, &image.source, &image.tag, values)
                    .map_err(anyhow::Error::msg)?;
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
    let listed: BTreeSet<String> =
        list.images.iter().map(|image| image.source.tagged(&image.tag)).collect();
    let mut said: BTreeSet<&str> = list.values.iter().map(|(path, _)| path.as_str()).collect();
    judge_what_is_said(list, probed, &mut suggestion);
    for image in &list.images {
        said.extend(image.values.iter().map(|(path, _)| path.as_str()));
    }

    let mut open: Vec<&ProbedPlace> =
        probed.places.iter().filter(|place| listed.contains(&place.image)).collect();
    open.retain(|place| {
        !place.keys.iter().any(|key| said.contains(key.path.as_str()) && moves(key))
    });
    let movable = |place: &&ProbedPlace| place.keys.iter().any(moves);
    let (mut open, stuck): (Vec<_>, Vec<_>) = open.into_iter().partition(movable);
    let stuck: BTreeSet<_> = stuck
        .into_iter()
        .map(|place| (place.image.clone(), place.place.template.clone()))
        .collect();
    suggestion.hard_coded = stuck.into_iter().collect();

    while let Some((key, images)) = best_key(&open) {
        open.retain(|place| !place.keys.contains(&key));
        match images.first() {
            Some(image) if images.len() == 1 => {
                let values = suggestion.image_values.entry(image.clone()).or_default();
                values.push((key.path, template(key.holds).to_owned()));
            }
            _ => suggestion.values.push((key.path, template(key.holds).to_owned())),
        }
    }
    suggestion
}

fn judge_what_is_said(list: &ImageList, probed: &Probed, suggestion: &mut Suggestion) {
    let moved_by = |path: &str| -> BTreeSet<String> {
        let of_it = |place: &&ProbedPlace| place.keys.iter().any(|key| key.path == path);
        probed.places.iter().filter(of_it).map(|place| place.image.clone()).collect()
    };
    let of_all = list.values.iter().map(|(path, _)| (path, None));
    let of_one = list.images.iter().flat_map(|image| {
        image.values.iter().map(|(path, _)| (path, Some(image.source.tagged(&image.tag))))
    });
    for (path, owner) in of_all.chain(of_one) {
        let mut moved = moved_by(path);
        if moved.is_empty() {
            suggestion.dead.push(path.clone());
        } else if let Some(owner) = owner {
            moved.remove(&owner);
            if !moved.is_empty() {
                suggestion.broad.push((path.clone(), moved));
            }
        }
    }
}

/// The key that moves the most places that are left, and the images there. A key that holds the
/// registry alone is best: what the chart derives from the rest of a name stays as it is.
fn best_key(open: &[&ProbedPlace]) -> Option<(MovingKey, Vec<String>)> {
    let mut images: BTreeMap<&MovingKey, (usize, BTreeSet<&str>)> = BTreeMap::new();
    for place in open {
        for key in place.keys.iter().filter(|key| moves(key)) {
            let entry = images.entry(key).or_default();
            entry.0 += 1;
            entry.1.insert(&place.image);
        }
    }
    // A key that holds a path too can stand for one image only.
    images.retain(|key, (_, images)| key.holds == Holds::Registry || images.len() == 1);
    let best = images.into_iter().max_by_key(|(key, (places, images))| {
        let depth = key.path.matches('.').count();
        (images.len(), key.holds == Holds::Registry, *places, std::cmp::Reverse(depth))
    });
    best.map(|(key, (_, images))| (key.clone(), images.into_iter().map(str::to_owned).collect()))
}

/// Whether a value can make a reference point to another registry.
fn moves(key: &MovingKey) -> bool {
    matches!(key.holds, Holds::Registry | Holds::RegistryAndRepository | Holds::Reference)
}

fn template(holds: Holds) -> &'static str {
    match holds {
        Holds::RegistryAndRepository => "{registry}/{repository}",
        Holds::Reference => "{registry}/{repository}:{tag}",
        Holds::Repository => "{repository}",
        Holds::Tag => "{tag}",
        Holds::Digest => "{digest}",
        Holds::Registry => "{registry}",
    }
}
