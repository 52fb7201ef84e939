//! The command `init`: makes the list of a chart, with the values that move its images, and the values of
//! its destinations. Nothing is written before everything is known.

use std::path::{Path, PathBuf};

use super::chart_run::ChartRun;
use super::pin::{self, result::PinReport};
use super::values::{self, ValuesFile};
use crate::chart::inventory::{Inventory, Obstacle, UnusedEntries};
use crate::chart::{ChartOptions, Helm, Rendered, choose, render_all};
use crate::files::{create_all, folder_of};
use crate::list::edit::{self, ImageEdits};
use crate::list::{self, ImageList, Rendering};
use crate::values::probe::{ProbeResult, Suggestion};
use messages::Advice;
use messages::program::command;

pub mod assignments;
mod destinations;
pub mod from_list;
mod required;
mod text;

pub use destinations::NamedDestination;

/// What the list is made for.
#[derive(Debug, Default)]
pub struct InitOptions {
    pub chart: ChartOptions,
    /// What the chart is rendered with. Files are relative to the current folder.
    pub rendering: Rendering,
    pub destinations: Vec<NamedDestination>,
}

/// A list that is not written yet.
pub struct NewList {
    file: PathBuf,
    /// The list without what is in the text: the settings of its workspace.
    empty: ImageList,
    text: String,
    list: ImageList,
    pub probed: ProbeResult,
    pub suggestion: Suggestion,
    /// Images that cannot be listed.
    pub obstacles: Vec<Obstacle>,
}

/// What was written, or could not be.
pub struct InitReport {
    pub file: PathBuf,
    pub list: ImageList,
    pub values: Vec<PathBuf>,
    pub probed: ProbeResult,
    pub suggestion: Suggestion,
    pub obstacles: Vec<Obstacle>,
    /// `None` if the images were not to be pinned.
    pub pins: Option<PinReport>,
}

impl InitReport {
    /// Whether every image is listed and moved, and pinned if it was to be.
    pub fn is_complete(&self) -> bool {
        self.obstacles.is_empty()
            && self.suggestion.moves_everything(&self.probed)
            && self.pins.as_ref().is_none_or(PinReport::is_settled)
    }
}

/// Renders the chart, lists its images, and finds the values that move them. `empty` has the settings of the
/// workspace, if the list becomes a member of one.
///
/// # Errors
/// When a file exists already, the chart does not render, or it uses no image that can be listed.
pub fn prepare(
    file: &Path,
    empty: ImageList,
    options: &InitOptions,
    progress: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<NewList> {
    refuse_existing(file, &empty, options)?;
    let folder = folder_of(file);
    let rendering = rendering_below(folder, &options.rendering)?;
    let (helm, _) = choose(&empty, folder, &options.chart)?;
    if options.chart.version.is_some() && helm.source().is_on_disk(folder) {
        let chart = &helm.source().as_listed(folder).name;
        let message = format!("`--version` does not apply to `{chart}`, a chart on this disk");
        return Err(Advice::new(message).with_hint("leave it out").into());
    }
    let renderings = vec![rendering];
    let rendered = render(&helm, &renderings)?;
    let mut chart = helm.source().as_listed(folder);
    if chart.version.is_none() && !helm.source().is_on_disk(folder) {
        chart.version = Some(helm.chart_version()?);
    }
    let chart = list::Chart { renderings: renderings.clone(), ..chart };
    let draft = text::draft(&chart, &options.destinations, schema_of(folder));
    let listed = with_settings(empty.parse_member_draft("images.toml", &draft)?, &empty)?;
    let changes = Inventory::take(&listed, &rendered)?.changes(UnusedEntries::Keep);
    if changes.added.is_empty() {
        let mut message = "the chart uses no image that can be listed".to_owned();
        for obstacle in &changes.obstacles {
            message += &format!("\n\n{obstacle}");
        }
        let hint = "a feature may be off by default: render it with `--set` or `--values`";
        return Err(Advice::new(message).with_hint(hint).into());
    }
    let edits = ImageEdits { added: &changes.added, ..ImageEdits::default() };
    let text = edit::edit_images(&draft, edits).map(|edited| edited.text).unwrap_or(draft);
    let list = with_settings(empty.parse_member("images.toml", &text)?, &empty)?;
    let run = ChartRun::with(helm, renderings);
    let (probed, suggestion) = run.probe(&list, progress)?;
    let text = suggestion.added_to(&text, &list)?;
    let text = text::with_remarks(&text, &probed, &suggestion, &changes.obstacles);
    let list = with_settings(empty.parse_member("images.toml", &text)?, &empty)?;
    let file = file.to_path_buf();
    Ok(NewList { file, empty, text, list, probed, suggestion, obstacles: changes.obstacles })
}

impl NewList {
    pub fn list(&self) -> &ImageList {
        &self.list
    }

    /// Adds the digests of a report, and writes the list and the values of its destinations: all of them, or
    /// nothing.
    ///
    /// # Errors
    /// If one of the files exists already or cannot be written.
    pub fn write(self, pins: Option<PinReport>) -> anyhow::Result<InitReport> {
        let text = match &pins {
            Some(report) => {
                pin::pinned(&self.text, "images.toml", &self.list, report)?.0.unwrap_or(self.text)
            }
            None => self.text,
        };
        let empty = &self.empty;
        let list = with_settings(empty.parse_member("images.toml", &text)?, empty)?;
        let values = values::of_all(&list, &self.file, &[])?;
        let mut files: Vec<(&Path, &str)> =
            values.iter().map(|values| (values.file.as_path(), values.text.as_str())).collect();
        files.push((&self.file, &text));
        create_all(&files)?;
        let Self { file, probed, suggestion, obstacles, .. } = self;
        let values = values.into_iter().map(|ValuesFile { file, .. }| file).collect();
        Ok(InitReport { file, list, values, probed, suggestion, obstacles, pins })
    }
}

/// Before the chart is rendered, because that may take a while.
fn refuse_existing(file: &Path, empty: &ImageList, options: &InitOptions) -> Result<(), Advice> {
    let names = options.destinations.iter().map(|named| &named.name);
    let mut values =
        names.chain(empty.destinations().keys()).map(|name| values::file_of(file, name));
    refuse_existing_list(file)?;
    match values.find(|values| values.exists()) {
        Some(values) => Err(exists(&values)
            .with_hint("move it away, or give the destination another name: `-d NAME=REGISTRY`")),
        None => Ok(()),
    }
}

fn refuse_existing_list(file: &Path) -> Result<(), Advice> {
    if !file.exists() {
        return Ok(());
    }
    Err(exists(file).with_hint(format!(
        "{} adds the images of a chart to a list; a destination is added as `[destinations.NAME]`, and {} writes its \
         values; `--images FILE` names another list",
        command("images --write"),
        command("values --write")
    )))
}

fn exists(file: &Path) -> Advice {
    Advice::new(format!("`{}` exists already, and `init` overwrites nothing", file.display()))
}

/// The rendering with its files relative to the folder of the list.
fn rendering_below(folder: &Path, rendering: &Rendering) -> Result<Rendering, Advice> {
    let mut below = rendering.clone();
    for file in &mut below.values {
        if !Path::new(file.as_str()).is_file() {
            return Err(Advice::new(format!("there is no values file `{file}`"))
                .with_hint("give `--values` the path of a file, from the current folder"));
        }
        *file = crate::chart::path_below(folder, Path::new(file.as_str()));
    }
    below.name = "default".to_owned();
    Ok(below)
}

fn render(helm: &Helm, renderings: &[Rendering]) -> anyhow::Result<Vec<Rendered>> {
    helm.version()?;
    let charts = helm.default_values()?;
    let rendered: Result<Vec<_>, _> = render_all(helm, renderings, None).into_iter().collect();
    rendered.map_err(|error| required::explained(&error, &charts).into())
}

/// The schema of lists, if this repository has it beside the list. There is no address that every
/// repository can reach.
fn schema_of(folder: &Path) -> Option<&'static str> {
    const SCHEMA: &str = "./schemas/images.schema.json";
    folder.join(SCHEMA).is_file().then_some(SCHEMA)
}

fn with_settings(list: ImageList, workspace: &ImageList) -> Result<ImageList, Advice> {
    list.inherit(workspace).map_err(|contradiction| {
        let hint = "leave out `-d`: the list inherits the destinations of the workspace";
        Advice::new(contradiction.to_string()).with_hint(hint)
    })
}
