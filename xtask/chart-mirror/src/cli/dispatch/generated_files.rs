//! How `values` reports about the files that it writes and compares.

use crate::cli::exit::Exit;
use crate::cli::flags::{ValuesArgs, ValuesFormat};
use crate::cli::terminal;
use crate::commands::values::{Difference, ValuesFile};
use crate::files::Written;
use messages::Advice;
use messages::program::command;

/// Not an error: a list may leave the destination to its users, and has no files then.
pub(super) fn no_destination() {
    terminal::message(
        "the list has no destination, so there are no files in `values/`\n\
         hint: add a `[destinations.NAME]` with its `registry`, or name a registry with `-d`",
    );
}

pub(super) fn check(files: &[ValuesFile], hint: &str) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for values in files {
        let name = values.file.display();
        let advice = match values.check()? {
            Difference::None => {
                terminal::result(&format!("up to date  {name}\n"))?;
                continue;
            }
            Difference::Missing => Advice::new(format!("missing     {name}")).with_hint(hint),
            Difference::Lines(lines) => {
                terminal::result(&lines)?;
                Advice::new(format!("stale       {name}")).with_hint(hint)
            }
            Difference::OfOthers(reason) => reason,
        };
        terminal::result(&format!("{advice}\n"))?;
        exit = Exit::Failed;
    }
    Ok(exit)
}

/// The command that fixes what `--check` found, for the same list and destination.
pub(super) fn command_to_write(arguments: &ValuesArgs) -> String {
    let destination = arguments.destination.destination.iter().map(|name| format!(" -d {name}"));
    let format = match arguments.format {
        ValuesFormat::Helm => String::new(),
        ValuesFormat::Nodes(format) => format!(" --format {format}"),
    };
    command(format_args!("values{}{format} --write", destination.collect::<String>()))
}

/// As wide as the words of `--check`.
pub(super) fn write_word(written: Written) -> &'static str {
    match written {
        Written::Changed => "written   ",
        Written::Unchanged => "up to date",
    }
}
