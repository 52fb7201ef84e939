//! The command `images`: renders the chart, compares its images with the list, and edits the list on
//! request. Also finds the images of a chart for `mirror`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::bail;

use crate::chart::inventory::{Inventory, Obstacle, UnusedEntries};
use crate::chart::{ChartOptions, DeclaredDifference, Rendered, Renderer, choose, render_all};
use crate::files::folder_of;
use crate::list::{Destination, Image, ImageList, Rendering, edit};
use crate::list_file;
use messages::Advice;
use messages::program::command;
use oci::Reference;

/// What to do with the images of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Compare them with the list.
    Compare,
    /// Add unlisted images to the list, and keep or remove unused ones.
    Write(UnusedEntries),
}

/// The images of the chart, compared with the list.
#[derive(Debug)]
pub struct ImagesReport {
    pub inventory: Inventory,
    /// How the images that the chart declares in its Chart.yaml differ from those found.
    pub declared: DeclaredDifference,
    /// Warnings of helm, by rendering.
    pub warnings: Vec<HelmWarning>,
    /// What was written, on request.
    pub edit: Option<ListEdit>,
}

/// The stderr of helm for a rendering that succeeded.
#[derive(Debug)]
pub struct HelmWarning {
    pub rendering: String,
    pub text: String,
}

/// How an edit changed the list.
#[derive(Debug)]
pub struct ListEdit {
    pub added: Vec<Image>,
    pub removed: Vec<Image>,
    /// Images that could not be added.
    pub obstacles: Vec<Obstacle>,
}

impl ImagesReport {
    /// Whether every unlisted image was added.
    pub fn is_complete(&self) -> bool {
        self.edit.as_ref().is_none_or(|edit| edit.obstacles.is_empty())
    }
}

/// Compares the images of a chart with the list in `file`, and edits the list on request.
///
/// # Errors
/// When the chart cannot be rendered, or the list cannot be written.
pub fn run(
    file: &Path,
    list: &ImageList,
    chart: &ChartOptions,
    task: Task,
) -> anyhow::Result<ImagesReport> {
    let mut report = compare(list, file, chart)?;
    if let Task::Write(unused) = task {
        report.edit = Some(write(file, list, &report.inventory, unused)?);
    }
    Ok(report)
}

/// The list with its images replaced by those of a chart, which `mirror -c` copies, and how they compare
/// with the list.
///
/// # Errors
/// When the chart cannot be rendered, or uses no image or an image that cannot be mirrored.
pub fn of_chart(
    list: &ImageList,
    file: &Path,
    chart: &ChartOptions,
    destination: &Destination,
) -> anyhow::Result<(ImageList, ImagesReport)> {
    let report = compare(list, file, chart)?;
    let origin = chart.origin(list.chart(), folder_of(file));
    let images = report.inventory.images_of_chart(destination, origin)?;
    if images.is_empty() {
        bail!("the chart uses no image, so there is nothing to copy");
    }
    Ok((list.clone().only_for(destination).with_images(images)?, report))
}

/// Renders the requested chart with every rendering of the list, and takes the inventory.
fn compare(list: &ImageList, file: &Path, chart: &ChartOptions) -> anyhow::Result<ImagesReport> {
    let (helm, renderings) = choose(list, folder_of(file), chart)?;
    let rendered = rendered(&helm, &renderings)?;
    let inventory = Inventory::take(list, &rendered)?;
    let declared = DeclaredDifference::of(&helm.annotations()?, &inventory);
    let warnings = rendered.into_iter().filter(|rendered| !rendered.warnings.is_empty());
    let warnings =
        warnings.map(|Rendered { rendering, warnings: text, .. }| HelmWarning { rendering, text });
    Ok(ImagesReport { inventory, declared, warnings: warnings.collect(), edit: None })
}

/// Adds unlisted images to the list in `file`, and removes unused ones on request.
///
/// # Errors
/// When the file cannot be read or written, or the result would not be a valid list.
fn write(
    file: &Path,
    list: &ImageList,
    inventory: &Inventory,
    unused: UnusedEntries,
) -> anyhow::Result<ListEdit> {
    let (added, obstacles) = inventory.images_to_list(unused);
    let removed: Vec<Image> = match unused {
        UnusedEntries::Keep => Vec::new(),
        UnusedEntries::Remove => inventory.unused().cloned().collect(),
    };
    if removed.len() == list.images().len() && added.is_empty() {
        let message = "the chart uses no image of the list, and the list cannot be empty";
        let hint = "check that it is the right chart: `-c`, `-r`, `[chart]`";
        return Err(Advice::new(message).with_hint(hint).into());
    }
    let file_name = file.display().to_string();
    let text = list_file::read_text(file)?;
    let names: BTreeSet<Reference> = removed.iter().map(Image::reference).collect();
    let is_removed = |(_, image): &(usize, &Image)| names.contains(&image.reference());
    let (gone, kept): (Vec<_>, Vec<_>) = list.images().iter().enumerate().partition(is_removed);
    let positions: Vec<usize> = gone.into_iter().map(|(position, _)| position).collect();
    // Parsed again, because `list` has the files of `[registries]` relative to the current folder.
    let expected = ImageList::parse(&file_name, &text)?;
    if expected.images() != list.images() {
        let message = format!("`{file_name}` has changed meanwhile; nothing was written");
        return Err(Advice::new(message).with_hint("run the same command again").into());
    }
    let kept = kept.into_iter().map(|(_, image)| image);
    let expected = expected.with_images(kept.chain(&added).cloned().collect())?;
    let edited = edit::edit_images(&text, &added, &positions);
    let hint = format!("add the output of {} by hand", command("images --format toml"));
    list_file::replace(file, edited, &expected, &hint)?;
    Ok(ListEdit { added, removed, obstacles })
}

/// All renderings, or the errors of those that failed.
fn rendered(renderer: &dyn Renderer, renderings: &[Rendering]) -> anyhow::Result<Vec<Rendered>> {
    let (mut rendered, mut errors) = (Vec::new(), Vec::new());
    for result in render_all(renderer, renderings, None) {
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
