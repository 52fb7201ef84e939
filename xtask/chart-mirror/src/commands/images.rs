//! The command `images`, and the images of a chart for `mirror`: renders the chart, compares its images
//! with the list, and edits the list if asked to.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::chart::inventory::{Inventory, Obstacle, Unused};
use crate::chart::{self, Rendered, Renderer, Wanted, render_all};
use crate::files::folder_of;
use crate::list::{Destination, Image, ImageList, Rendering, edit};
use crate::list_file;

/// What to do with the images that were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Compare them with the list.
    Compare,
    /// Add the unlisted ones to the list; unused ones stay or go.
    Write(Unused),
}

/// What the chart uses, beside the list.
#[derive(Debug)]
pub struct ImagesReport {
    pub inventory: Inventory,
    /// What helm warned about, by rendering.
    pub warnings: Vec<HelmWarning>,
    /// What was written, if that was asked for.
    pub edit: Option<ListEdit>,
}

/// What helm said on stderr about a rendering that succeeded.
#[derive(Debug)]
pub struct HelmWarning {
    pub rendering: String,
    pub text: String,
}

/// What an edit did to the list.
#[derive(Debug)]
pub struct ListEdit {
    pub added: Vec<Image>,
    pub removed: Vec<Image>,
    /// Images that could not be added.
    pub obstacles: Vec<Obstacle>,
}

impl ImagesReport {
    /// Whether everything that was asked for is done.
    pub fn is_complete(&self) -> bool {
        self.edit.as_ref().is_none_or(|edit| edit.obstacles.is_empty())
    }
}

/// Compares the images of a chart with the list in `file`, and edits the list if asked to.
///
/// # Errors
/// When the chart cannot be rendered, or the list cannot be written.
pub fn run(
    file: &Path,
    list: &ImageList,
    wanted: &Wanted,
    task: Task,
) -> anyhow::Result<ImagesReport> {
    let mut report = take(list, file, wanted)?;
    if let Task::Write(unused) = task {
        report.edit = Some(write(file, list, &report.inventory, unused)?);
    }
    Ok(report)
}

/// The images of a chart that `mirror -c` copies, in place of those of a list; and the comparison with
/// that list.
///
/// # Errors
/// When the chart cannot be rendered, uses no image, or one that cannot be mirrored.
pub fn of_chart(
    list: &ImageList,
    file: &Path,
    wanted: &Wanted,
    destination: &Destination,
) -> anyhow::Result<(ImageList, ImagesReport)> {
    let report = take(list, file, wanted)?;
    let images = report.inventory.images_of_chart(destination)?;
    if images.is_empty() {
        bail!("the chart names no image, so there is nothing to copy");
    }
    Ok((list.clone().only_for(destination).with_images(images)?, report))
}

/// Renders the wanted chart with every rendering of the list, and takes the inventory.
fn take(list: &ImageList, file: &Path, wanted: &Wanted) -> anyhow::Result<ImagesReport> {
    let (helm, renderings) = chart::choose(list, folder_of(file), wanted)?;
    let rendered = rendered(&helm, &renderings)?;
    let inventory = Inventory::take(list, &rendered)?;
    let warnings = rendered.into_iter().filter(|rendered| !rendered.warnings.is_empty());
    let warnings = warnings
        .map(|rendered| HelmWarning { rendering: rendered.rendering, text: rendered.warnings });
    Ok(ImagesReport { inventory, warnings: warnings.collect(), edit: None })
}

/// Adds to the list in `file` what the chart needs, and removes what it does not, if asked to.
///
/// # Errors
/// When the file cannot be read or written, or would not be a valid list afterwards.
fn write(
    file: &Path,
    list: &ImageList,
    inventory: &Inventory,
    unused: Unused,
) -> anyhow::Result<ListEdit> {
    let (added, obstacles) = inventory.images_to_list(unused);
    let removed: Vec<Image> = match unused {
        Unused::Keep => Vec::new(),
        Unused::Remove => inventory.unused().cloned().collect(),
    };
    if removed.len() == list.images().len() && added.is_empty() {
        bail!(
            "the chart uses no image of the list, which cannot be empty\n\
             hint: look whether it is the right chart: `-c`, `-r`, `[chart]`"
        );
    }
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{shown}`"))?;
    let is_removed = |image: &Image| removed.contains(image);
    let positions = list.images().iter().enumerate().filter(|(_, image)| is_removed(image));
    let positions: Vec<usize> = positions.map(|(position, _)| position).collect();
    // As it stands in the text: the list has files of `[registries]` where they are found from here.
    let expected = ImageList::parse(&shown.to_string(), &text)?;
    if expected.images() != list.images() {
        bail!(
            "`{shown}` has changed meanwhile, and nothing was written\nhint: run the same command again"
        );
    }
    let kept = list.images().iter().filter(|image| !is_removed(image));
    let expected = expected.with_images(kept.chain(&added).cloned().collect())?;
    let edited = edit::edited(&text, &added, &positions);
    let hint = "add what `cargo xtask images --format toml` prints";
    list_file::replace(file, edited, &expected, hint)?;
    Ok(ListEdit { added, removed, obstacles })
}

/// All renderings, or the reasons why some failed.
fn rendered(renderer: &dyn Renderer, renderings: &[Rendering]) -> anyhow::Result<Vec<Rendered>> {
    let (mut rendered, mut errors) = (Vec::new(), Vec::new());
    for result in render_all(renderer, renderings, &[]) {
        match result {
            Ok(one) => rendered.push(one),
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
