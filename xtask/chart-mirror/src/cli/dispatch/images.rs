//! `images`, from flags to an inventory of a chart, an edited list, or the list in the format of another tool.

use std::path::Path;

use super::exported;
use super::parts::{self, Output};
use crate::chart::inventory::UnusedEntries;
use crate::cli::exit::Exit;
use crate::cli::flags::{
    DestinationArgs, Flags, ImagesArgs, ImagesFormat, InventoryFormat, TextOrJson,
};
use crate::cli::terminal;
use crate::commands::{explain, images};
use crate::list::ImageList;
use crate::list_file;
use crate::report;
use crate::workspace::{self, OpenList};
use messages::Advice;
use messages::program::command;

pub(super) fn run(flags: &Flags, arguments: &ImagesArgs) -> anyhow::Result<Exit> {
    let format = match arguments.format {
        ImagesFormat::Inventory(format) => format,
        ImagesFormat::List(format) => return exported::run(flags, arguments, format),
    };
    refuse_destinations(arguments)?;
    let chart = arguments.chart.options();
    let new = flags.new_list_file().filter(|_| arguments.write && chart.chart.is_some());
    let lists = match new {
        Some(file) => vec![workspace::open_new(&file)?],
        None => {
            let file = flags.list_file()?;
            if arguments.write && chart.chart.is_some() && flags.images.is_none() {
                refuse_list_of_other_folder(&file, &flags.member)?;
            }
            workspace::open_drafts(&file, &flags.member)?
        }
    };
    let lists = match chart.is_empty() {
        true => lists,
        false => vec![parts::only(lists, "`-c`, `-r` or `--version`")?],
    };
    let output = match format {
        InventoryFormat::Json if arguments.explain.is_none() && !arguments.write => {
            TextOrJson::Json
        }
        _ => TextOrJson::Human,
    };
    if let Some(reference) = &arguments.explain {
        return explain_image(&lists, arguments, reference);
    }
    parts::run_each("images", &parts::of_lists(&lists), output, |part| {
        compare_images(&part.open.file, &part.open.list, arguments, format)
    })
}

/// Refuses to write into a member of a workspace that was found above a folder that belongs to none of them.
fn refuse_list_of_other_folder(found: &Path, members: &[String]) -> anyhow::Result<()> {
    let is_above = found.parent().is_some_and(|folder| folder != Path::new(""));
    if members.is_empty() && is_above && list_file::read_workspace(found)?.is_some() {
        let message = format!(
            "this folder has no images.toml, and is not in a member of the workspace `{}`",
            found.display()
        );
        let hint = format!(
            "{} writes a list here; `--member NAME` chooses one of the workspace",
            command("init -c CHART")
        );
        anyhow::bail!(Advice::new(message).with_hint(hint));
    }
    Ok(())
}

/// Fails only if no list has the image: the charts of a workspace need not share their images.
fn explain_image(
    lists: &[OpenList],
    arguments: &ImagesArgs,
    reference: &str,
) -> anyhow::Result<Exit> {
    let nothing = format!("no text of the chart matches `{reference}`");
    let mut matches = 0;
    let exit = parts::run_each("images", &parts::of_lists(lists), TextOrJson::Human, |part| {
        let OpenList { file, list } = part.open;
        let found = explain::run(file, list, &arguments.chart.options(), reference)?;
        matches += found.len();
        if found.is_empty() && lists.len() > 1 {
            terminal::message(&nothing);
        }
        Ok((Output::human(report::images::explanations(&found)), Exit::Done))
    })?;
    if matches > 0 || exit != Exit::Done {
        return Ok(exit);
    }
    match lists {
        [_] => terminal::error(&nothing),
        _ => terminal::error(&format!("no text of any chart matches `{reference}`")),
    }
    Ok(Exit::Failed)
}

fn compare_images(
    file: &Path,
    list: &ImageList,
    arguments: &ImagesArgs,
    format: InventoryFormat,
) -> anyhow::Result<(Output, Exit)> {
    let unused = if arguments.prune { UnusedEntries::Remove } else { UnusedEntries::Keep };
    let task = if arguments.write { images::Task::Write(unused) } else { images::Task::Compare };
    let report = images::run(file, list, &arguments.chart.options(), task)?;
    report::images::warnings(&report).iter().for_each(|warning| terminal::message(warning));
    if let Some(edit) = &report.edit {
        let text = report::images::edited(edit, &file.display().to_string());
        let exit = if report.is_complete() { Exit::Done } else { Exit::Failed };
        return Ok((Output::record(text), exit));
    }
    let inventory = &report.inventory;
    for obstacle in &inventory.changes(UnusedEntries::Keep).obstacles {
        terminal::message(&format!("warning: {obstacle}"));
    }
    let other_chart = arguments.chart.chart.as_deref();
    let other_chart = other_chart.filter(|name| list.chart().is_some_and(|it| it.name != *name));
    let (plain, summary) =
        (|| report::images::plain(inventory), report::images::summary(inventory, other_chart));
    let output = match format {
        InventoryFormat::Human => Output::human(format!("{}{summary}\n", plain())),
        InventoryFormat::Lines => Output::json(plain(), summary),
        InventoryFormat::Json => {
            Output::json(report::images::json(inventory, &report.declared), summary)
        }
        InventoryFormat::Toml => Output::json(report::images::toml(inventory), summary),
    };
    Ok((output, Exit::Done))
}

/// An inventory is of the chart, which has no destination.
fn refuse_destinations(arguments: &ImagesArgs) -> Result<(), Advice> {
    let DestinationArgs { destination, all_destinations } = &arguments.destination;
    if destination.is_empty() && !all_destinations {
        return Ok(());
    }
    Err(Advice::new("`images` has a destination only with a `--format` of another tool")
        .with_hint(format!("{} writes one", command("images --format regsync -d NAME"))))
}
