//! The command `images`, and the images of a chart for `mirror`: render, take the inventory, tell or
//! edit. Deciding is `inventory`'s.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::chart::{self, Rendered, Renderer, Wanted, render_all};
use crate::files::{Written, folder_of, write_atomically};
use crate::flags::{self, InventoryFormat};
use crate::inventory::{Inventory, Obstacle, Unused};
use crate::list::{Destination, Image, ImageList, Rendering, edit};
use crate::report::images as report;
use crate::terminal;

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// Something that the list should have could not be added.
    Incomplete,
}

/// What an edit did to the list.
struct Edited {
    added: Vec<Image>,
    removed: Vec<Image>,
    /// Of what should have been added.
    obstacles: Vec<Obstacle>,
}

/// The list with the images of the wanted chart in the place of its own, all on their way to a
/// destination.
///
/// # Errors
/// When the chart cannot be rendered, or names no image, or one that cannot be mirrored.
pub fn list_of_chart(
    list: &ImageList,
    file: &Path,
    wanted: &Wanted,
    destination: &Destination,
) -> anyhow::Result<ImageList> {
    let inventory = take(list, file, wanted)?;
    let images = inventory.images_of_chart(destination)?;
    if images.is_empty() {
        bail!("the chart names no image, so there is nothing to copy");
    }
    Ok(ImageList { images, ..list.clone() })
}

/// Runs the command.
///
/// # Errors
/// When the chart cannot be rendered, or the list not be written.
pub fn run(file: &Path, list: &ImageList, asked: &flags::Images) -> anyhow::Result<Ending> {
    let inventory = take(list, file, &asked.chart.wanted())?;
    if asked.write {
        let unused = if asked.prune { Unused::Remove } else { Unused::Keep };
        let edited = write(file, list, &inventory, unused)?;
        return Ok(tell_edited(file, &edited));
    }
    terminal::result(&match asked.format {
        InventoryFormat::Plain => report::plain(&inventory),
        InventoryFormat::Json => report::json(&inventory),
        InventoryFormat::Toml => report::toml(&inventory),
    })?;
    let (_, obstacles) = inventory.images_to_list(Unused::Keep);
    for obstacle in &obstacles {
        terminal::message(&format!("warning: {obstacle}"));
    }
    terminal::message(&report::summary(&inventory));
    Ok(Ending::Done)
}

/// Adds to the list in `file` what the chart needs, and removes what it does not, if that is wanted.
///
/// # Errors
/// When the file cannot be read or written, or would not be a valid list afterwards.
fn write(
    file: &Path,
    list: &ImageList,
    inventory: &Inventory,
    unused: Unused,
) -> anyhow::Result<Edited> {
    let (added, obstacles) = inventory.images_to_list(unused);
    let removed: Vec<Image> = match unused {
        Unused::Keep => Vec::new(),
        Unused::Remove => inventory.unused().cloned().collect(),
    };
    if removed.len() == list.images.len() && added.is_empty() {
        bail!(
            "the chart uses no image of the list, which cannot be empty\n\
             hint: look whether it is the right chart: `-c`, `-r`, `[chart]`"
        );
    }
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{shown}`"))?;
    let is_removed = |image: &Image| removed.contains(image);
    let positions = list.images.iter().enumerate().filter(|(_, image)| is_removed(image));
    let positions: Vec<usize> = positions.map(|(position, _)| position).collect();
    let mut expected = list.clone();
    expected.images.retain(|image| !is_removed(image));
    expected.images.extend_from_slice(&added);
    let edited = edit::edited(&text, &added, &positions);
    let hint = "add what `cargo xtask images --format toml` prints";
    write_list(file, edited, &expected, hint)?;
    Ok(Edited { added, removed, obstacles })
}

/// Replaces the list in `file` by an edited text, if that is the list that it should be. The hint says
/// what to do by hand.
///
/// # Errors
/// When it is not, or the file cannot be written.
pub(crate) fn write_list(
    file: &Path,
    edited: Option<String>,
    expected: &ImageList,
    hint: &str,
) -> anyhow::Result<Written> {
    let shown = file.display();
    let read =
        |text: &str| ImageList::parse(&shown.to_string(), text).ok().map(ImageList::without_places);
    match edited {
        Some(text) if read(&text) == Some(expected.clone().without_places()) => {
            write_atomically(file, &text)
        }
        _ => bail!(
            "`{shown}` cannot be edited safely, and was left as it is\n\
             hint: it may have changed meanwhile; if not, {hint}"
        ),
    }
}

/// Renders the wanted chart with every rendering of the list, which is in `file`, and takes the
/// inventory. What there is to say is said.
fn take(list: &ImageList, file: &Path, wanted: &Wanted) -> anyhow::Result<Inventory> {
    let (helm, renderings) = chart::choose(list, folder_of(file), wanted)?;
    let inventory = Inventory::take(list, &rendered(&helm, &renderings)?)?;
    for malformed in &inventory.malformed {
        terminal::message(&report::malformed(malformed));
    }
    Ok(inventory)
}

/// All renderings, or why there are not all of them.
fn rendered(renderer: &dyn Renderer, renderings: &[Rendering]) -> anyhow::Result<Vec<Rendered>> {
    let (mut rendered, mut errors) = (Vec::new(), Vec::new());
    for result in render_all(renderer, renderings, &[]) {
        match result {
            Ok(one) => {
                if !one.warnings.is_empty() {
                    let Rendered { rendering, warnings, .. } = &one;
                    terminal::message(&format!("helm, rendering `{rendering}`: {warnings}"));
                }
                rendered.push(one);
            }
            // A chart that cannot be fetched is the same error for every rendering.
            Err(error) if errors.contains(&error) => {}
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        return Ok(rendered);
    }
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Err(anyhow::Error::msg(errors.join("\n\n")))
}

/// Tells what was done, and what was not.
fn tell_edited(file: &Path, edited: &Edited) -> Ending {
    let Edited { added, removed, obstacles } = edited;
    for (what, images) in [("added       ", added), ("removed     ", removed)] {
        for image in images {
            terminal::message(&format!("{what}{}", image.source.tagged(&image.tag)));
        }
    }
    let word = if added.is_empty() && removed.is_empty() { "up to date  " } else { "written     " };
    terminal::message(&format!("{word}{}", file.display()));
    for obstacle in obstacles {
        terminal::message(&format!("error: {obstacle}"));
    }
    if obstacles.is_empty() { Ending::Done } else { Ending::Incomplete }
}
