//! `values` with a format for nodes, from flags to printed, written or compared files.

use super::generated_files::{check, command_to_write, no_destination, write_word};
use super::parts::{self, Part, Unnamed};
use crate::cli::exit::Exit;
use crate::cli::flags::ValuesArgs;
use crate::cli::terminal;
use crate::commands::node_config::{self, NodeFiles};
use crate::files::remove_obsolete;
use crate::report;
use crate::values::node_config::NodeFormat;
use crate::workspace::OpenList;
use messages::Advice;

pub(super) fn run(
    lists: &[OpenList],
    arguments: &ValuesArgs,
    format: NodeFormat,
) -> anyhow::Result<Exit> {
    if !arguments.write && !arguments.check {
        let parts = parts::parts(lists, &arguments.destination, Unnamed::None)?;
        let Part { open, destination } = parts::only_part(&parts)?;
        let requested = destination.as_deref();
        let config = node_config::of_destination(&open.list, &open.file, requested, format)?;
        terminal::result(&report::node_config::printed(&config))?;
        return Ok(complaints(&config));
    }
    let mut configs = Vec::new();
    for OpenList { file, list } in lists {
        let requested = &arguments.destination.destination;
        configs.extend(node_config::of_all(list, file, requested, format)?);
    }
    if configs.is_empty() {
        no_destination();
    }
    let mut exit = Exit::Done;
    for config in &configs {
        let result = match arguments.write {
            true => write(config)?,
            false => compare(config, arguments)?,
        };
        exit = exit.max(result).max(complaints(config));
    }
    Ok(exit)
}

fn write(config: &NodeFiles) -> anyhow::Result<Exit> {
    for file in &config.files {
        let name = file.file.display();
        terminal::result(&format!("{}  {name}\n", write_word(file.write()?)))?;
    }
    for file in &config.obsolete {
        remove_obsolete(file)?;
        terminal::result(&format!("removed     {}\n", file.display()))?;
    }
    Ok(Exit::Done)
}

fn compare(config: &NodeFiles, arguments: &ValuesArgs) -> anyhow::Result<Exit> {
    let hint = format!("run {}", command_to_write(arguments));
    let mut exit = check(&config.files, &hint)?;
    for file in &config.obsolete {
        let advice = Advice::new(format!("obsolete    {}", file.display())).with_hint(&hint);
        terminal::result(&format!("{advice}\n"))?;
        exit = Exit::Failed;
    }
    Ok(exit)
}

/// Reports what the configuration does not do.
fn complaints(config: &NodeFiles) -> Exit {
    if let Some(warning) = report::node_config::other_digests(config) {
        terminal::message(&format!("warning: {warning}"));
    }
    match report::node_config::left_out(config) {
        Some(error) => {
            terminal::error(&format!("error: {error}"));
            Exit::Failed
        }
        None => Exit::Done,
    }
}
