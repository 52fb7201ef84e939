//! The inventory of images, for people and for programs. Documented in README.md.

use crate::chart::MalformedReference;
use crate::chart::inventory::{Inventory, InventoryEntry, Mismatch, Obstacle, UnusedEntries};
use crate::commands::images::{ImagesReport, ListEdit};
use crate::list::{Image, edit};
use messages::printable::printable;

/// One reference per line; a tab and a word behind those with which something is off.
pub fn plain(inventory: &Inventory) -> String {
    let line = |entry: &InventoryEntry| match entry.mismatch() {
        Some(mark) => format!("{}\t{}\n", entry.reference(), word(mark)),
        None => format!("{}\n", entry.reference()),
    };
    inventory.entries.iter().map(line).collect()
}

/// Entries of an image list. What cannot be one is a comment.
pub fn toml(inventory: &Inventory) -> String {
    let listed = inventory.entries.iter().filter_map(|entry| entry.listed.as_ref());
    let mut listed: Vec<&Image> = listed.collect();
    listed.sort_by_key(|image| image.place);
    let (new, obstacles) = inventory.images_to_list(UnusedEntries::Keep);
    let entries = listed.into_iter().chain(&new).map(edit::entry);
    let is_new = |obstacle: &&Obstacle| {
        let of = |entry: &InventoryEntry| {
            entry.listed.is_none() && entry.reference() == obstacle.reference
        };
        inventory.entries.iter().any(of)
    };
    let comments = obstacles.iter().filter(is_new).map(|obstacle| {
        let text = obstacle.to_string();
        text.lines().map(|line| format!("# {line}\n")).collect()
    });
    entries.chain(comments).collect::<Vec<String>>().join("\n")
}

/// For people: how many there are, and what to do about those with which something is off.
pub fn summary(inventory: &Inventory) -> String {
    let (unlisted, unused) =
        (inventory.count(Mismatch::Unlisted), inventory.count(Mismatch::Unused));
    let mut text = match inventory.entries.len() {
        1 => "1 image".to_owned(),
        number => format!("{number} images"),
    };
    text += &match (unlisted, unused) {
        (0, 0) => ", listed and used".to_owned(),
        _ => format!(": {unlisted} unlisted, {unused} unused"),
    };
    if unlisted > 0 {
        text += "\nhint: the same with `--write` adds what is unlisted";
    }
    if unused > 0 {
        text += "\nhint: look whether a rendering is missing in images.toml; if none is, \
                 `--write --prune` removes what is unused";
    }
    text
}

/// For people: what stands where an image belongs.
fn malformed(malformed: &MalformedReference) -> String {
    let MalformedReference { written, reason, place } = malformed;
    let (written, rendering) = (written.escape_debug(), printable(&place.rendering));
    let reason = printable(reason);
    format!("warning: `{written}` is no image: {reason}\n  at {place}, rendering `{rendering}`")
}

/// For people: what helm and the rendered chart gave reason to warn about, a message each.
pub fn warnings(report: &ImagesReport) -> Vec<String> {
    let helm = report.warnings.iter();
    let helm =
        helm.map(|warning| format!("helm, rendering `{}`: {}", warning.rendering, warning.text));
    helm.chain(report.inventory.malformed.iter().map(malformed)).collect()
}

/// For people: what an edit of the list in `file` did, and could not do.
pub fn edited(edit: &ListEdit, file: &str) -> String {
    let ListEdit { added, removed, obstacles } = edit;
    let lines = |word: &str, images: &[Image]| -> String {
        images.iter().map(|image| format!("{word:<12}{}\n", image.reference())).collect()
    };
    let word = if added.is_empty() && removed.is_empty() { "up to date" } else { "written" };
    let mut text =
        lines("added", added) + &lines("removed", removed) + &format!("{word:<12}{file}");
    for obstacle in obstacles {
        text += &format!("\nerror: {obstacle}");
    }
    text
}

/// The word for what is off.
fn word(mark: Mismatch) -> &'static str {
    match mark {
        Mismatch::Unlisted => "unlisted",
        Mismatch::Unused => "unused",
    }
}
