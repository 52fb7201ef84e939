//! `images --explain`: why each place of an image counts as one, what the list makes of it, and which of
//! its values moves it.

use std::path::Path;

use super::chart_run::ChartRun;
use super::images::{self, Task};
use crate::chart::inventory::{Counterpart, Inventory, InventoryEntry, Mismatch};
use crate::chart::{ChartOptions, FoundImage, ManifestLocation};
use crate::files::folder_of;
use crate::list::{ImageList, wildcard_matches};
use crate::values::probe::ProbedPlace;
use messages::program::command;
use oci::{Reference, Repository};

/// One place of the requested image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub written: String,
    /// `None` for an entry of the list that no rendering names.
    pub place: Option<ManifestLocation>,
    /// Why it counts as an image, or why it does not.
    pub why: String,
    /// What the list makes of it.
    pub list: String,
    /// The values of the list that move it. `None` for a text that is not an image.
    pub moved_by: Option<Vec<String>>,
}

/// Explains every place whose reference matches. `*` stands for any characters; a reference without a
/// version stands for all versions.
///
/// # Errors
/// If the chart does not render.
pub fn run(
    file: &Path,
    list: &ImageList,
    chart: &ChartOptions,
    reference: &str,
) -> anyhow::Result<Vec<Explanation>> {
    let inventory = images::run(file, list, chart, Task::Compare)?.inventory;
    let probed = ChartRun::new(list, folder_of(file), chart)?.places(list)?;
    let spellings = spellings_of(reference).into_iter();
    let any_version: Vec<String> =
        spellings.flat_map(|text| [format!("{text}:*"), format!("{text}@*"), text]).collect();
    let matches = |written: &str| {
        let is_match = |text: &String| any_version.iter().any(|it| wildcard_matches(it, text));
        spellings_of(written).iter().any(is_match)
    };
    let mut explanations = Vec::new();
    for entry in &inventory.entries {
        let is_entry = matches(&entry.reference());
        for found in entry.found.iter().filter(|found| is_entry || matches(&found.written)) {
            explanations.push(of_image(entry, found, &probed));
        }
        if is_entry && entry.found.is_empty() {
            explanations.extend(of_unused(entry));
        }
    }
    explanations.extend(of_others(&inventory, matches));
    Ok(explanations)
}

/// A reference as it is written, and with registry and namespace if it is short.
fn spellings_of(text: &str) -> Vec<String> {
    let (name, digest) = text.split_once('@').unwrap_or((text, ""));
    let full = match name.parse::<Reference>() {
        Ok(full) => Some(full.to_string()),
        Err(_) => name.parse::<Repository>().ok().map(|full| full.to_string()),
    };
    let full = full.map(|full| if digest.is_empty() { full } else { format!("{full}@{digest}") });
    let mut spellings = vec![text.to_owned()];
    spellings.extend(full.filter(|full| full != text));
    spellings
}

fn of_image(entry: &InventoryEntry, found: &FoundImage, probed: &[ProbedPlace]) -> Explanation {
    let list = match &entry.listed {
        Some(image) => match &image.replaces {
            Some(replaced) => format!("`{}` replaces it: {}", image.reference(), replaced.reason),
            None => format!("listed as `{}`", image.reference()),
        },
        None => match &entry.counterpart {
            Some(Counterpart::Updates(listed)) => format!(
                "an update of `{}`: {} changes its tag",
                listed.reference(),
                command("images --write")
            ),
            _ => format!("not listed: {} adds it", command("images --write")),
        },
    };
    let at_place = probed.iter().filter(|probed| probed.place == found.place);
    let of_image = at_place.filter(|probed| probed.reference == found.reference);
    let keys = of_image.flat_map(ProbedPlace::moving_keys).map(|key| key.path.to_string());
    let mut keys: Vec<String> = keys.collect();
    keys.sort();
    keys.dedup();
    Explanation {
        written: found.written.clone(),
        place: Some(found.place.clone()),
        why: found.evidence.description().to_owned(),
        list,
        moved_by: Some(keys),
    }
}

/// An entry of the list that no rendering names.
fn of_unused(entry: &InventoryEntry) -> Option<Explanation> {
    let image = entry.listed.as_ref()?;
    let list = match (&image.keep, entry.mismatch()) {
        (Some(reason), _) => format!("kept: {reason}"),
        (None, Some(Mismatch::Unused)) => "listed, but unused".to_owned(),
        (None, Some(Mismatch::Outdated)) => "listed, but the chart names another tag".to_owned(),
        (None, _) => "listed".to_owned(),
    };
    let why = "no rendering names it".to_owned();
    Some(Explanation { written: entry.reference(), place: None, why, list, moved_by: None })
}

/// Texts that are not images to mirror.
fn of_others(inventory: &Inventory, matches: impl Fn(&str) -> bool) -> Vec<Explanation> {
    let malformed = inventory.malformed.iter().map(|found| {
        (&found.written, &found.place, format!("not a reference: {}", found.reason), "an error")
    });
    let mentions = inventory.mentions.iter().map(|found| {
        (&found.written, &found.place, found.kind.description().to_owned(), "not mirrored")
    });
    let ignored = inventory.ignored.iter().map(|found| {
        (&found.written, &found.place, format!("a rule excludes it: {}", found.reason), "ignored")
    });
    let all = malformed.chain(mentions).chain(ignored);
    let matching = all.filter(|(written, ..)| matches(written));
    let explanation = |(written, place, why, list): (&String, &ManifestLocation, String, &str)| {
        let (written, place, list) = (written.clone(), Some(place.clone()), list.to_owned());
        Explanation { written, place, why, list, moved_by: None }
    };
    matching.map(explanation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_reference_is_known_by_its_full_spelling_too() {
        let table: [(&str, &[&str]); 5] = [
            ("nginx:1", &["nginx:1", "docker.io/library/nginx:1"]),
            ("busybox", &["busybox", "docker.io/library/busybox"]),
            ("acme/a@sha256:00", &["acme/a@sha256:00", "docker.io/acme/a@sha256:00"]),
            ("quay.io/acme/a:1", &["quay.io/acme/a:1"]),
            ("*kafka*", &["*kafka*"]),
        ];
        for (text, expected) in table {
            assert_eq!(spellings_of(text), expected, "{text}");
        }
    }
}
