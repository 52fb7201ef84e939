//! The reports of `images` as plain text and as entries of an image list.

use std::collections::{BTreeMap, HashSet};

use crate::chart::inventory::{
    Counterpart, Inventory, InventoryEntry, ListChanges, Mismatch, Obstacle, UnusedEntries,
};
use crate::commands::images::ImagesReport;
use crate::commands::list_edit::{ListEdit, RemovedImage, UpdatedImage};
use crate::list::{Image, Place, edit};
use crate::report::common::count;
use messages::printable::printable;
use messages::program::command;

/// One reference per line. Unlisted and unused images and updates are marked after a tab.
pub fn plain(inventory: &Inventory) -> String {
    let line = |entry: &InventoryEntry| match mark(entry) {
        Some(mark) => format!("{}\t{mark}\n", entry.reference()),
        None => format!("{}\n", entry.reference()),
    };
    inventory.entries.iter().map(line).collect()
}

fn mark(entry: &InventoryEntry) -> Option<String> {
    match &entry.counterpart {
        Some(Counterpart::Updates(listed)) => return Some(format!("update of {}", listed.tag)),
        Some(Counterpart::UpdatedTo(reference)) => {
            return Some(format!("update to {}", reference.tag()));
        }
        Some(Counterpart::Unclear(_)) | None => {}
    }
    Some(match entry.mismatch()? {
        Mismatch::Unlisted => "unlisted".to_owned(),
        Mismatch::Unused => "unused".to_owned(),
        // Marked above, by their counterparts.
        Mismatch::Update | Mismatch::Outdated => return None,
    })
}

/// Entries of an image list. An image that cannot be listed is a comment.
pub fn toml(inventory: &Inventory) -> String {
    let listed = inventory.entries.iter().filter_map(|entry| entry.listed.as_ref());
    let mut listed: Vec<&Image> = listed.collect();
    listed.sort_by_key(|image| image.place);
    let ListChanges { added, updated, obstacles, .. } = inventory.changes(UnusedEntries::Keep);
    let updated: BTreeMap<Place, Image> =
        updated.into_iter().map(|(from, to)| (from.place, to)).collect();
    let after = |image: &Image| updated.get(&image.place).unwrap_or(image).clone();
    let entries = listed.into_iter().map(after).chain(added);
    let entries = entries.map(|image| edit::image_entry(&image));
    let unlisted = inventory.entries.iter().filter(|entry| entry.listed.is_none());
    let unlisted: HashSet<String> = unlisted.map(InventoryEntry::reference).collect();
    let is_new = |obstacle: &&Obstacle| unlisted.contains(&obstacle.reference);
    let comments = obstacles.iter().filter(is_new).map(|obstacle| {
        let text = obstacle.to_string();
        text.lines().map(|line| format!("# {line}\n")).collect()
    });
    entries.chain(comments).collect::<Vec<String>>().join("\n")
}

/// How many images there are, and what to do about unlisted and unused ones. `other_chart` is the chart if it is
/// not the one in the list.
pub fn summary(inventory: &Inventory, other_chart: Option<&str>) -> String {
    let [unlisted, unused, updates] =
        [Mismatch::Unlisted, Mismatch::Unused, Mismatch::Update].map(|it| inventory.count(it));
    let images = inventory.entries.len() - inventory.count(Mismatch::Outdated);
    let mut text = count(images as u64, "image");
    text += &match (unlisted, unused) {
        (0, 0) => ": none unlisted or unused".to_owned(),
        _ => format!(": {unlisted} unlisted, {unused} unused"),
    };
    if updates > 0 {
        text += &format!(", {} of a tag", count(updates as u64, "update"));
    }
    for (number, what) in [
        (inventory.mentions.len(), "only mentioned"),
        (inventory.ignored.len(), "ignored by a rule"),
    ] {
        if number > 0 {
            text += &format!(", {} {what}", count(number as u64, "reference"));
        }
    }
    if updates > 0 {
        text += &format!("\nhint: {} changes the tags of the updates", command("images --write"));
    }
    text += &match inventory.changes(UnusedEntries::Keep).added.len() {
        0 => String::new(),
        added if added == unlisted => {
            format!("\nhint: {} adds the unlisted images", command("images --write"))
        }
        added => format!(
            "\nhint: {} adds {added} of the unlisted images; the warnings name what the others need",
            command("images --write")
        ),
    };
    let removable = inventory.changes(UnusedEntries::Remove).removed.len();
    text += &match other_chart {
        _ if removable == 0 => String::new(),
        Some(chart) => format!(
            "\nnote: the list is for the chart in its `[chart]`; `{}` does not use all of its images",
            printable(chart)
        ),
        None => format!(
            "\nhint: check whether the list lacks a rendering; if not, {} removes the unused images",
            command("images --write --prune")
        ),
    };
    text
}

/// The warnings of helm, and differences from what the chart declares.
pub fn warnings(report: &ImagesReport) -> Vec<String> {
    let helm = report.warnings.iter();
    let mut warnings: Vec<String> = helm
        .map(|warning| format!("helm, rendering `{}`: {}", warning.rendering, warning.text))
        .collect();
    let declared = &report.declared;
    for reference in &declared.not_found {
        warnings.push(format!(
            "warning: Chart.yaml declares `{reference}`, which no rendering names\n\
             hint: images.toml may lack a rendering; if an operator starts it, list it with `keep`"
        ));
    }
    for reference in &declared.not_declared {
        warnings.push(format!("note: Chart.yaml does not declare `{reference}`"));
    }
    warnings
}

/// What an edit of the list in `file` changed, with everything that it removed, and what it could not
/// add.
pub fn edited(edit: &ListEdit, file: &str) -> String {
    let ListEdit { added, updated, removed, obstacles, outdated_remarks, outdates_values } = edit;
    let is_unchanged =
        added.is_empty() && updated.is_empty() && removed.is_empty() && outdated_remarks.is_empty();
    let label = if is_unchanged { "up to date" } else { "written" };
    let mut text: String =
        added.iter().map(|image| format!("added       {}\n", image.reference())).collect();
    text.extend(updated.iter().map(updated_image));
    text.extend(removed.iter().map(removed_image));
    let remark =
        |text: &String| format!("removed     a comment that holds no longer\n{}", quoted(text));
    text.extend(outdated_remarks.iter().map(remark));
    text += &format!("{label:<12}{file}\n");
    if !added.is_empty() {
        text += &format!(
            "hint: {} records the digests, and {} finds the values that move what was added\n",
            command("pin"),
            command("values --probe --write")
        );
    }
    let lost_digest = |update: &&UpdatedImage| update.image.digest.is_none();
    if updated.iter().filter(lost_digest).any(|update| !update.removed.is_empty()) {
        text += &format!("hint: {} records the digests of the new tags\n", command("pin"));
    }
    if *outdates_values {
        let write = command("values --write");
        text += &format!("hint: {write} removes the values of the removed images\n");
    }
    for obstacle in obstacles {
        text += &format!("error: {obstacle}\n");
    }
    text
}

fn updated_image(UpdatedImage { from, image, removed }: &UpdatedImage) -> String {
    format!("updated     {from} to {}\n{}", image.tag, quoted(&removed.join("\n")))
}

fn removed_image(RemovedImage { image, text }: &RemovedImage) -> String {
    format!("removed     {image}\n{}", quoted(text))
}

/// What was removed, line by line.
fn quoted(text: &str) -> String {
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.map(|line| format!("  - {}\n", printable(line))).collect()
}
