//! `ListEdit`: adapts the list to the images of the chart, in its text.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::chart::ChartOrigin;
use crate::chart::inventory::{Inventory, ListChanges, Obstacle, UnusedEntries};
use crate::list::edit::{self, ImageEdits, TagUpdate};
use crate::list::{Chart, Image, ImageList};
use crate::list_file;
use messages::Advice;
use messages::printable::printable_within;
use messages::program::command;
use oci::Reference;

/// The limit for a line of a remark, in characters.
const LONGEST_REMARK: usize = 300;

/// How an edit changed the list.
#[derive(Debug)]
pub struct ListEdit {
    pub added: Vec<Image>,
    pub updated: Vec<UpdatedImage>,
    pub removed: Vec<RemovedImage>,
    /// Images that could not be added.
    pub obstacles: Vec<Obstacle>,
    /// Comments of `init` about images that could not be listed, which hold no longer.
    pub outdated_remarks: Vec<String>,
    /// Whether the values of destinations in the list were made with values that were removed.
    pub outdates_values: bool,
}

/// An entry whose tag changed in place.
#[derive(Debug)]
pub struct UpdatedImage {
    pub from: Reference,
    pub image: Image,
    /// What belonged to the old tag, as it was written.
    pub removed: Vec<String>,
}

/// An entry that is gone.
#[derive(Debug)]
pub struct RemovedImage {
    pub image: Reference,
    /// The entry with its comments, as it was written.
    pub text: String,
}

/// Adds unlisted images to the list in `file`, changes the tags of those that the chart names by another
/// one, and removes unused ones on request. A list without any text begins with the chart.
///
/// # Errors
/// When the file cannot be read or written, or the result would not be a valid list.
pub(super) fn write(
    file: &Path,
    list: &ImageList,
    inventory: &Inventory,
    unused: UnusedEntries,
    origin: ChartOrigin,
    chart: impl FnOnce() -> anyhow::Result<Chart>,
) -> anyhow::Result<ListEdit> {
    let changes = inventory.changes(unused);
    if changes.removed.len() == list.images().len() && changes.added.is_empty() {
        let message = match list.images() {
            [] => "the chart uses no image that can be listed, and the list cannot be empty",
            _ => "the chart uses no image of the list, and the list cannot be empty",
        };
        let hint = "check that it is the right chart: `-c`, `-r`, `[chart]`";
        let obstacles = changes.obstacles.iter().map(|obstacle| format!("\n\n{obstacle}"));
        let message = message.to_owned() + &obstacles.collect::<String>();
        return Err(Advice::new(message).with_hint(hint).into());
    }
    let file_name = file.display().to_string();
    let mut text = list_file::read_draft_text(file)?;
    // Parsed again, because `list` has the files of `[registries]` relative to the current folder.
    let mut expected = list.parse_member_draft(&file_name, &text)?;
    if expected.images() != list.images() {
        let message = format!("`{file_name}` has changed meanwhile; nothing was written");
        return Err(Advice::new(message).with_hint("run the same command again").into());
    }
    if is_blank(&text) {
        text = edit::with_chart(&text, &chart()?);
        expected = list.parse_member_draft(&file_name, &text)?;
    }
    let expected = expected.with_images(changed(list, &changes))?;
    let edits = Positions::of(list, &changes);
    let edited = edit::edit_images(
        &text,
        ImageEdits { updated: &edits.updated, added: &changes.added, removed: &edits.removed },
    );
    let pieces = edited.as_ref().map(|edited| edited.removed.clone()).unwrap_or_default();
    let holding: Vec<String> = changes.obstacles.iter().map(not_listed).collect();
    let (edited, outdated_remarks) = match (edited.map(|edited| edited.text), origin) {
        (Some(text), ChartOrigin::Listed) => {
            let (text, outdated) = edit::without_outdated_remarks(&text, &holding);
            (Some(text), outdated)
        }
        (edited, _) => (edited, Vec::new()),
    };
    let print = command("images --format toml");
    let hint = format!("edit it by hand: {print} prints the entries as they have to be");
    list_file::replace(file, edited, list, &expected, &hint)?;
    Ok(ListEdit { outdated_remarks, ..report(list, changes, &pieces) })
}

/// The comment in the list about an image that cannot be listed.
pub(super) fn not_listed(obstacle: &Obstacle) -> String {
    let text = obstacle.to_string();
    let lines: Vec<String> =
        text.lines().map(|line| printable_within(LONGEST_REMARK, line.trim())).collect();
    edit::not_listed(lines.iter().map(String::as_str))
}

fn is_blank(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

/// The images of the list after the changes, in its order.
fn changed(list: &ImageList, changes: &ListChanges) -> Vec<Image> {
    let lookup = Lookup::of(changes);
    let mut images = Vec::new();
    for image in list.images() {
        match lookup.updated.get(&image.reference()) {
            Some(to) => images.push((*to).clone()),
            None if lookup.removed.contains(&image.reference()) => {}
            None => images.push(image.clone()),
        }
    }
    images.extend(changes.added.iter().cloned());
    images
}

/// The changes by the references of the listed images.
struct Lookup<'c> {
    updated: HashMap<Reference, &'c Image>,
    removed: HashSet<Reference>,
}

impl<'c> Lookup<'c> {
    fn of(changes: &'c ListChanges) -> Self {
        let updated = changes.updated.iter().map(|(from, to)| (from.reference(), to));
        let removed = changes.removed.iter().map(Image::reference);
        Self { updated: updated.collect(), removed: removed.collect() }
    }
}

/// The entries to edit, by their positions in the list.
struct Positions {
    updated: Vec<TagUpdate>,
    removed: Vec<usize>,
}

impl Positions {
    fn of(list: &ImageList, changes: &ListChanges) -> Self {
        let lookup = Lookup::of(changes);
        let (mut updated, mut removed) = (Vec::new(), Vec::new());
        for (position, image) in list.images().iter().enumerate() {
            if let Some(to) = lookup.updated.get(&image.reference()) {
                let (tag, digest) = (to.tag.clone(), to.digest.clone());
                updated.push(TagUpdate { position, tag, digest });
            } else if lookup.removed.contains(&image.reference()) {
                removed.push(position);
            }
        }
        Self { updated, removed }
    }
}

/// Adds what was removed of each entry. `pieces` are by the positions in the list.
fn report(list: &ImageList, changes: ListChanges, pieces: &[(usize, String)]) -> ListEdit {
    let mut by_image: HashMap<Reference, Vec<String>> = HashMap::new();
    for (position, text) in pieces {
        let image = list.images()[*position].reference();
        by_image.entry(image).or_default().push(text.clone());
    }
    let of = |reference: &Reference| by_image.get(reference).cloned().unwrap_or_default();
    let updated = changes.updated.into_iter().map(|(from, image)| {
        let from = from.reference();
        UpdatedImage { removed: of(&from), from, image }
    });
    let removed = changes.removed.iter().map(|image| {
        let image = image.reference();
        RemovedImage { text: of(&image).concat(), image }
    });
    let had_values = changes.removed.iter().any(|image| !image.values.is_empty());
    ListEdit {
        outdated_remarks: Vec::new(),
        outdates_values: had_values && !list.destinations().is_empty(),
        updated: updated.collect(),
        removed: removed.collect(),
        added: changes.added,
        obstacles: changes.obstacles,
    }
}
