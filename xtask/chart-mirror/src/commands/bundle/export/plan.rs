//! What an export is going to write: the images and the chart of each list, and the files beside them.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::options::{ChartChoice, ExportOptions};
use crate::bundle::bundle_inventory::{BundledList, ROOT};
use crate::chart::ChartOptions;
use crate::commands::bundle::open_bundle::ITSELF;
use crate::commands::mirror::{MirrorOptions, MirrorPlan};
use crate::commands::values;
use crate::files::folder_of;
use crate::list::{Attachments, Destination, ImageList};
use crate::list_file;
use crate::plan::{Publication, Selection, Transfer, refuse_conflicts, transfers};
use layout::{FileContent, LayoutLocation};
use messages::Advice;
use oci::RepositoryPath;

/// One list of an export.
pub struct ListExport {
    pub list: ImageList,
    /// The list in the bundle.
    pub listed: BundledList,
    pub mirror: MirrorPlan,
    /// Where the images go, if the bundle is for a destination: the transfers to it, in the same order.
    pub at_destination: Option<(Destination, Vec<Transfer>)>,
}

/// All lists of an export, and the files beside their images.
pub struct ExportPlan {
    pub output: LayoutLocation,
    pub lists: Vec<ListExport>,
    pub files: Vec<(String, FileContent)>,
}

/// A list on this machine.
pub struct ExportedList<'a> {
    pub file: &'a Path,
    pub list: &'a ImageList,
    /// The globs of the options that are about this list.
    pub only: Vec<String>,
}

/// Decides what goes into the bundle. `workspace` is the images.toml of the workspace that the lists belong to.
/// Sends no request; reads lists and a chart on disk.
///
/// # Errors
/// If a list, its chart or a destination cannot be used.
pub fn plan(
    lists: &[ExportedList<'_>],
    workspace: Option<&Path>,
    options: &ExportOptions,
) -> anyhow::Result<ExportPlan> {
    let mut plan =
        ExportPlan { output: options.output.clone(), lists: Vec::new(), files: Vec::new() };
    if let Some(workspace) = workspace {
        plan.add_text(ROOT, list_file::read_text(workspace)?);
    }
    for exported in lists {
        let name = match workspace {
            None => ITSELF.to_owned(),
            Some(workspace) => member_name(exported.file, workspace)?,
        };
        let folder = if name == ITSELF { String::new() } else { format!("lists/{name}/") };
        let file = format!("{folder}{ROOT}");
        plan.add_text(&file, list_file::read_text(exported.file)?);
        for values in values::of_all(exported.list, exported.file, &[])? {
            let stem = values.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            plan.add_text(&format!("{folder}values/{stem}"), values.text);
        }
        plan.lists.push(list_export(exported, BundledList { name, file }, options)?);
    }
    plan.lists.sort_by(|one, other| one.listed.name.cmp(&other.listed.name));
    check_platforms(&plan.lists)?;
    if let Some(tool) = &options.tool {
        // The bundle gets it at the end, which is too late to find out.
        if !tool.is_file() {
            let message = format!("the program `{}` is not a file", tool.display());
            anyhow::bail!(Advice::new(message).with_hint("correct `--with-tool`"));
        }
        // However the file is called here: the documentation has commands for the other side.
        let is_for_windows = tool.extension().is_some_and(|extension| extension == "exe");
        let name = if is_for_windows { "bin/chart-mirror.exe" } else { "bin/chart-mirror" };
        plan.files.push((name.to_owned(), FileContent::Path(tool.clone())));
    }
    Ok(plan)
}

fn list_export(
    exported: &ExportedList<'_>,
    listed: BundledList,
    options: &ExportOptions,
) -> anyhow::Result<ListExport> {
    let list = exported.list;
    let selection = Selection::new(&exported.only)?;
    let chosen = match (&options.destination, &options.against) {
        (Some(name), _) => Some(list.choose(Some(name))?),
        (None, Some(against)) => {
            let is_listed = list.destinations().contains_key(&against.destination);
            let name = if is_listed { &against.destination } else { &against.address };
            Some(list.choose(Some(name))?)
        }
        (None, None) => None,
    };
    if let Some(destination) = &chosen {
        destination.require_registry("a bundle for a destination")?;
    }
    check_inventory(chosen.as_ref(), options)?;
    let mut to = Destination::from(options.output.clone());
    to.platforms = chosen.as_ref().and_then(|it| it.platforms.clone());
    to.attachments = chosen.as_ref().map_or(Attachments::Ignore, |it| it.attachments);
    let mut mirror = MirrorPlan::new(to.clone(), transfers(list, &to, &selection)?);
    let has_chart = list.chart().is_some() && exported.only.is_empty();
    if has_chart && options.chart == ChartChoice::Included {
        mirror.destination.charts = Some(charts()?);
        let folder = folder_of(exported.file);
        mirror.add_chart(list, folder, &MirrorOptions::default(), &ChartOptions::default())?;
    }
    let at_destination = match chosen {
        Some(destination) => {
            let transfers = transfers(list, &destination, &selection)?;
            Some((destination, transfers))
        }
        None => None,
    };
    Ok(ListExport { list: list.clone(), listed, mirror, at_destination })
}

/// Refuses lists whose images would have different platforms in one bundle.
fn check_platforms(lists: &[ListExport]) -> Result<(), Advice> {
    let platforms = |list: &ListExport| list.mirror.destination.platforms.clone();
    let first = lists.first().and_then(platforms);
    match lists.iter().find(|list| platforms(list) != first) {
        None => Ok(()),
        Some(other) => {
            let message =
                format!("`{}` selects other platforms than the list before it", other.listed.file);
            Err(Advice::new(message).with_hint("export the lists separately with `--member`"))
        }
    }
}

/// Refuses the inventory of another destination.
fn check_inventory(chosen: Option<&Destination>, options: &ExportOptions) -> Result<(), Advice> {
    let (Some(destination), Some(inventory)) = (chosen, &options.against) else { return Ok(()) };
    let address = destination.address.to_string();
    if inventory.address == address {
        return Ok(());
    }
    let of = &inventory.address;
    let message = format!("the inventory is that of `{of}`, and the bundle is for `{address}`");
    Err(Advice::new(message).with_hint("give the inventory of this destination, or leave out `-d`"))
}

fn charts() -> Result<RepositoryPath, Advice> {
    "charts".parse().map_err(|why| Advice::new(format!("`charts`: {why}")))
}

/// The folder of a member of a workspace, relative to it; `.` for the workspace itself.
fn member_name(list: &Path, workspace: &Path) -> anyhow::Result<String> {
    let absolute = |file: &Path| -> anyhow::Result<PathBuf> {
        let folder = folder_of(file);
        folder.canonicalize().map_err(|why| anyhow!("cannot read `{}`: {why}", folder.display()))
    };
    let (folder, root) = (absolute(list)?, absolute(workspace)?);
    let name = folder.strip_prefix(&root).unwrap_or(&folder);
    let name = name.to_string_lossy().replace('\\', "/");
    Ok(if name.is_empty() { ITSELF.to_owned() } else { name })
}

impl ExportPlan {
    fn add_text(&mut self, name: &str, text: String) {
        // The list of a workspace may be one of its lists.
        self.files.retain(|(other, _)| other != name);
        self.files.push((name.to_owned(), FileContent::Bytes(text.into_bytes())));
    }

    /// Fetches the charts that are not on disk. Blocks while helm runs.
    ///
    /// # Errors
    /// If a chart cannot be fetched, or lists have different content under one name.
    pub fn fetch_charts(&mut self) -> Result<(), Advice> {
        for list in &mut self.lists {
            list.mirror.fetch_chart();
            list.mirror.check_chart().map_err(|why| {
                let hint = why.hint.unwrap_or_default();
                let separator = if hint.is_empty() { "" } else { "; " };
                let without = "`--no-chart` writes the bundle without it";
                Advice::new(why.message).with_hint(format!("{hint}{separator}{without}"))
            })?;
        }
        self.check_names()
    }

    /// Refuses different content under one name in the bundle.
    fn check_names(&self) -> Result<(), Advice> {
        let of_list = |list: &ListExport| {
            let folder = Path::new(&list.listed.name);
            let file = folder.strip_prefix(ITSELF).unwrap_or(folder).join(ROOT);
            list.mirror.publications(&file.display().to_string(), "the bundle")
        };
        let written: Vec<Publication> = self.lists.iter().flat_map(of_list).collect();
        refuse_conflicts(&written.iter().collect::<Vec<_>>()).map_err(|why| {
            let hint = why.hint.unwrap_or_default();
            let separately = "or export the lists separately with `--member`";
            Advice::new(why.message).with_hint(format!("{hint}; {separately}"))
        })
    }
}
