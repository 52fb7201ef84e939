//! `images` with a format of another tool, from flags to the file, and to what it leaves out.

use super::parts::{self, Unnamed};
use super::targets;
use crate::chart::{self, ChartOptions};
use crate::cli::exit::Exit;
use crate::cli::flags::{DestinationArgs, Flags, ImagesArgs};
use crate::cli::terminal;
use crate::files::folder_of;
use crate::formats::{self, ListFormat, ListToWrite, Loss, NamedChart};
use crate::list::Destination;
use crate::report;
use crate::workspace::OpenList;
use messages::Advice;
use messages::program::command;

/// Writes the lists themselves: no chart is rendered, and no registry is contacted.
pub(super) fn run(
    flags: &Flags,
    arguments: &ImagesArgs,
    format: ListFormat,
) -> anyhow::Result<Exit> {
    refuse_chart(arguments, format)?;
    let requested = &arguments.destination;
    let mut lists = targets::checked_lists(flags, requested, Unnamed::TheOnlyOne)?;
    if !format.joins_lists() {
        lists = vec![parts::only(lists, &format!("`--format {format}`"))?];
    }
    let lists = lists.iter().map(|open| {
        let destinations = destinations(open, requested, format)?;
        let chart_on_disk = if format.names_chart() { chart_on_disk(open)? } else { None };
        let (file, list) = (open.file.display().to_string(), &open.list);
        Ok(ListToWrite { file, list, destinations, chart_on_disk })
    });
    let lists = lists.collect::<anyhow::Result<Vec<_>>>()?;
    let written = formats::write(format, &lists)?;
    for left_out in &written.left_out {
        terminal::message(&format!("warning: {}", report::images::left_out(left_out)));
    }
    terminal::result(&written.text)?;
    let lacks_images = written.left_out.iter().any(|left_out| left_out.what == Loss::Images);
    Ok(if lacks_images { Exit::Failed } else { Exit::Done })
}

/// The requested destinations of a list; without a flag, its only one.
fn destinations(
    open: &OpenList,
    requested: &DestinationArgs,
    format: ListFormat,
) -> Result<Vec<(String, Destination)>, Advice> {
    let list = &open.list;
    let names = parts::requested(list, requested, Unnamed::TheOnlyOne)?;
    if format == ListFormat::Kustomize && names.len() > 1 {
        return Err(Advice::new(
            "kustomize gives an image one new name, so it needs one destination",
        )
        .with_hint("name one: `-d NAME`"));
    }
    let is_named = names.iter().any(Option::is_some);
    if !is_named && !format.needs_destination() && list.destinations().len() != 1 {
        return Ok(Vec::new());
    }
    let named = names.into_iter().map(|name| {
        let destination = list.choose(name.as_deref())?;
        Ok((targets::name_of(list, name), destination))
    });
    named.collect()
}

/// What Chart.yaml says, if the chart of a list is on disk.
fn chart_on_disk(open: &OpenList) -> anyhow::Result<Option<NamedChart>> {
    if open.list.chart().is_none() {
        return Ok(None);
    }
    let folder = folder_of(&open.file);
    let (helm, _) = chart::choose(&open.list, folder, &ChartOptions::default())?;
    if !helm.source().is_on_disk(folder) {
        return Ok(None);
    }
    Ok(Some(NamedChart { name: helm.chart_name()?, version: helm.chart_version()? }))
}

fn refuse_chart(arguments: &ImagesArgs, format: ListFormat) -> Result<(), Advice> {
    if arguments.chart.options().is_empty() {
        return Ok(());
    }
    let message = format!("`--format {format}` writes the list, and renders no chart");
    Err(Advice::new(message).with_hint(format!(
        "leave out `-c`, `-r` and `--version`; {} prints the images of a chart, and {} adds them to the list",
        command("images -c CHART --format lines"),
        command("images -c CHART --write")
    )))
}
