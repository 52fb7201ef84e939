//! The command `images`: renders the chart, compares its images with the list, and edits the list on
//! request. Also finds the images of a chart for `mirror`.

use std::path::Path;

use anyhow::bail;

use super::list_edit::{self, ListEdit};
use crate::chart::inventory::{Inventory, UnusedEntries};
use crate::chart::{
    ChartOptions, DeclaredDifference, Helm, Rendered, Renderer, choose, render_all,
};
use crate::files::folder_of;
use crate::list::{self, Destination, ImageList, Rendering};

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
    options: &ChartOptions,
    task: Task,
) -> anyhow::Result<ImagesReport> {
    let (helm, renderings) = choose(list, folder_of(file), options)?;
    let mut report = compare(list, &helm, &renderings)?;
    if let Task::Write(unused) = task {
        let chart = || listed_chart(&helm, folder_of(file), renderings.clone());
        let origin = options.origin(list.chart(), folder_of(file));
        let edit = list_edit::write(file, list, &report.inventory, unused, origin, chart)?;
        report.edit = Some(edit);
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
    let (helm, renderings) = choose(list, folder_of(file), chart)?;
    let report = compare(list, &helm, &renderings)?;
    let origin = chart.origin(list.chart(), folder_of(file));
    let images = report.inventory.images_of_chart(destination, origin)?;
    if images.is_empty() {
        bail!("the chart uses no image, so there is nothing to copy");
    }
    Ok((list.clone().only_for(destination).with_images(images)?, report))
}

/// Renders the requested chart with every rendering of the list, and takes the inventory.
fn compare(
    list: &ImageList,
    helm: &Helm,
    renderings: &[Rendering],
) -> anyhow::Result<ImagesReport> {
    let rendered = rendered(helm, renderings)?;
    let inventory = Inventory::take(list, &rendered)?;
    let declared = DeclaredDifference::of(&helm.annotations()?, &inventory);
    let warnings = rendered.into_iter().filter(|rendered| !rendered.warnings.is_empty());
    let warnings =
        warnings.map(|Rendered { rendering, warnings: text, .. }| HelmWarning { rendering, text });
    Ok(ImagesReport { inventory, declared, warnings: warnings.collect(), edit: None })
}

/// The chart as a list names it. Outside of the machine, that includes its version.
fn listed_chart(
    helm: &Helm,
    folder: &Path,
    renderings: Vec<Rendering>,
) -> anyhow::Result<list::Chart> {
    let mut chart = helm.source().as_listed(folder);
    if chart.version.is_none() && !helm.source().is_on_disk(folder) {
        chart.version = Some(helm.chart_version()?);
    }
    Ok(list::Chart { renderings, ..chart })
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
