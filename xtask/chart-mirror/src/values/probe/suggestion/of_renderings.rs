//! The values that a rendering sets for an image, and that the list lacks. Who installs the chart may not set
//! them.

use std::collections::BTreeSet;

use super::Suggestion;
use super::way::Ways;
use crate::list::{SetValue, ValuePath};
use crate::values::probe::contribution::Section;
use crate::values::probe::list_entries::MissingEntry;
use crate::values::probe::result::ProbeResult;
use crate::values::probe::targets::Targets;

impl Suggestion {
    /// The suggestion with the values that make the tag, the digest or the path of an image independent of
    /// what its rendering sets. `is_set` gets the name of a rendering and a path.
    pub(in crate::values::probe) fn with_values_of_renderings(
        &self,
        targets: &Targets<'_>,
        probed: &ProbeResult,
        is_set: &dyn Fn(&str, &ValuePath) -> bool,
    ) -> Self {
        let ways = Ways::new(targets, probed);
        let of_images = targets.list.images().iter().flat_map(|image| &image.values);
        let listed = targets.list.values().iter().chain(of_images);
        let suggested = self.values.iter().chain(self.image_values.values().flatten());
        let mut present: BTreeSet<ValuePath> = listed.map(|(path, _)| path.clone()).collect();
        present.extend(suggested.map(|(path, _)| path.clone()));
        let mut more = self.clone();
        for place in &probed.places {
            let Some(image) = targets.image_at(place) else { continue };
            for key in &place.keys {
                let is_missing = key.contribution.first != Section::Registry
                    && key.path.list().is_none()
                    && !present.contains(&key.path)
                    && is_set(&place.place.rendering, &key.path);
                let setting = is_missing
                    .then(|| ways.setting(key, &key.contribution, place, image))
                    .flatten();
                let Some(setting) = setting else { continue };
                present.insert(setting.path.clone());
                for owner in setting.scope.images() {
                    let value = SetValue::String(setting.text.clone());
                    more.add(MissingEntry { owner, path: setting.path.clone(), value });
                }
            }
        }
        more
    }
}
