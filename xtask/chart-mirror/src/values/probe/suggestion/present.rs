//! Checks the values that images.toml already has: those that move nothing, and those that move too much.

use std::collections::BTreeSet;

use super::Suggestion;
use crate::list::{Image, ImageList, ValuePath};
use crate::values::ListedImages;
use crate::values::probe::result::{ProbeResult, ProbedPlace};

impl Suggestion {
    /// Checks the values that the list already has.
    pub fn check_present_values(&mut self, list: &ImageList, probed: &ProbeResult) {
        let listed = ListedImages::of(list);
        let moved_by = |matches: &dyn Fn(&ValuePath) -> bool| -> Vec<&ProbedPlace> {
            let is_moved = |place: &&ProbedPlace| place.keys.iter().any(|key| matches(&key.path));
            probed.places.iter().filter(is_moved).collect()
        };
        // Some values are present only because their list has to be complete.
        let completes_list = |path: &ValuePath| {
            path.list().is_some_and(|list| {
                let mut chart_lists = probed.lists.iter().filter(|have| have.path == list);
                let is_leaf =
                    chart_lists.any(|have| have.leaves.iter().any(|(leaf, _)| leaf == path));
                is_leaf && !moved_by(&|key| list.leads_to(key)).is_empty()
            })
        };
        let of_all = list.values().iter().map(|entry| (entry, None));
        let of_one = list
            .images()
            .iter()
            .flat_map(|image| image.values.iter().map(|entry| (entry, Some(image.reference()))));
        for ((path, value), owner) in of_all.chain(of_one) {
            let moved = moved_by(&|key| key == path);
            if moved.is_empty() {
                // Constants are not expected to move anything.
                if value.has_placeholders()
                    && !completes_list(path)
                    && !probed.untried.contains(path)
                {
                    self.dead.push(path.clone());
                }
            } else if let Some(owner) = owner {
                let of_others = |place: &&&ProbedPlace| {
                    let image = listed.entry(&place.reference);
                    image.is_none_or(|image| image.reference() != owner && !has_value(image, path))
                };
                let others: BTreeSet<String> =
                    moved.iter().filter(of_others).map(|place| place.image()).collect();
                if !others.is_empty() {
                    self.broad.push((path.clone(), others));
                }
            }
        }
    }
}

fn has_value(image: &Image, path: &ValuePath) -> bool {
    image.values.iter().any(|(have, _)| have == path)
}
