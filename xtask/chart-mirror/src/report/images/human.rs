//! The reports of `images` as plain text and as entries of an image list.

use crate::chart::inventory::{Inventory, InventoryEntry, Mismatch, Obstacle, UnusedEntries};
use crate::commands::images::{ImagesReport, ListEdit};
use crate::list::{Image, edit};
use crate::report::common::count;

/// One reference per line. Unlisted and unused images are marked after a tab.
pub fn plain(inventory: &Inventory) -> String {
    let line = |entry: &InventoryEntry| match entry.mismatch() {
        Some(mismatch) => {
            format!("{}\t{}\n", entry.reference(), mismatch_name(mismatch))
        }
        None => format!("{}\n", entry.reference()),
    };
    inventory.entries.iter().map(line).collect()
}

/// Entries of an image list. An image that cannot be listed is a comment.
pub fn toml(inventory: &Inventory) -> String {
    let listed = inventory.entries.iter().filter_map(|entry| entry.listed.as_ref());
    let mut listed: Vec<&Image> = listed.collect();
    listed.sort_by_key(|image| image.place);
    let (new, obstacles) = inventory.images_to_list(UnusedEntries::Keep);
    let entries = listed.into_iter().chain(&new).map(edit::image_entry);
    let is_new = |obstacle: &&Obstacle| {
        let is_its = |entry: &InventoryEntry| {
            entry.listed.is_none() && entry.reference() == obstacle.reference
        };
        inventory.entries.iter().any(is_its)
    };
    let comments = obstacles.iter().filter(is_new).map(|obstacle| {
        let text = obstacle.to_string();
        text.lines().map(|line| format!("# {line}\n")).collect()
    });
    entries.chain(comments).collect::<Vec<String>>().join("\n")
}

/// How many images there are, and what to do about unlisted and unused ones.
pub fn summary(inventory: &Inventory) -> String {
    let (unlisted, unused) =
        (inventory.count(Mismatch::Unlisted), inventory.count(Mismatch::Unused));
    let mut text = count(inventory.entries.len() as u64, "image");
    text += &match (unlisted, unused) {
        (0, 0) => ": none unlisted or unused".to_owned(),
        _ => format!(": {unlisted} unlisted, {unused} unused"),
    };
    for (number, what) in [
        (inventory.mentions.len(), "only mentioned"),
        (inventory.ignored.len(), "ignored by a rule"),
    ] {
        if number > 0 {
            text += &format!(", {} {what}", count(number as u64, "reference"));
        }
    }
    if unlisted > 0 {
        text += "\nhint: `--write` adds the unlisted images to images.toml";
    }
    if unused > 0 {
        text += "\nhint: check whether images.toml lacks a rendering; if not, `--write --prune` removes the \
                 unused images";
    }
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

/// What an edit of the list in `file` changed, and what it could not add.
pub fn edited(edit: &ListEdit, file: &str) -> String {
    let ListEdit { added, removed, obstacles } = edit;
    let lines = |label: &str, images: &[Image]| -> String {
        images.iter().map(|image| format!("{label:<12}{}\n", image.reference())).collect()
    };
    let label = if added.is_empty() && removed.is_empty() { "up to date" } else { "written" };
    let mut text =
        lines("added", added) + &lines("removed", removed) + &format!("{label:<12}{file}\n");
    for obstacle in obstacles {
        text += &format!("error: {obstacle}\n");
    }
    text
}

fn mismatch_name(mismatch: Mismatch) -> &'static str {
    match mismatch {
        Mismatch::Unlisted => "unlisted",
        Mismatch::Unused => "unused",
    }
}
