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
    let any_version = [reference.to_owned(), format!("{reference}:*"), format!("{reference}@*")];
    let matches =
        |written: &str| any_version.iter().any(|pattern| wildcard_matches(pattern, written));
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
