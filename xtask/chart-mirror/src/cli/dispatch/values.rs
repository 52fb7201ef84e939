//! `values`, from flags to printed, written or compared files, or to the report about a chart.

use crate::cli::exit::Exit;
use crate::cli::flags::{Flags, ValuesArgs};
use crate::cli::terminal;
use crate::commands::chart_run::ChartRun;
use crate::commands::values::{self, Difference, ValuesFile};
use crate::files::{Written, folder_of, write_atomically};
use crate::list::ImageList;
use crate::list_file;
use crate::report;
use messages::Advice;

pub(super) fn run(flags: &Flags, arguments: &ValuesArgs) -> anyhow::Result<Exit> {
    let file = flags.list_file()?;
    let list = list_file::read(&file)?;
    if arguments.prove || arguments.probe {
        return run_with_chart(flags, arguments, &list);
    }
    if !arguments.chart.options().is_empty() {
        anyhow::bail!("`-c`, `-r` and `--version` need `--prove` or `--probe`");
    }
    let destination = arguments.destination.as_deref();
    if !arguments.write && !arguments.check {
        terminal::result(&values::of_destination(&list, &file, destination)?.text)?;
        return Ok(Exit::Done);
    }
    let files = values::of_all(&list, &file, destination)?;
    if files.is_empty() {
        // Not an error: a list may leave the destination to its users, and has no files then.
        terminal::message("the list has no destination, so there are no files in `values/`");
    }
    if arguments.write {
        for values in &files {
            let name = values.file.display();
            terminal::result(&format!("{}  {name}\n", write_word(values.write()?)))?;
        }
        return Ok(Exit::Done);
    }
    let hint = format!("run `{}`", command_to_write(flags, arguments));
    check(&files, &hint)
}

fn check(files: &[ValuesFile], hint: &str) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for values in files {
        let name = values.file.display();
        let state = match values.check()? {
            Difference::None => {
                terminal::result(&format!("up to date  {name}\n"))?;
                continue;
            }
            Difference::Missing => "missing   ",
            Difference::Lines(lines) => {
                terminal::result(&lines)?;
                "stale     "
            }
        };
        let advice = Advice::new(format!("{state}  {name}")).with_hint(hint);
        terminal::result(&format!("{advice}\n"))?;
        exit = Exit::Failed;
    }
    Ok(exit)
}

/// The command that fixes what `--check` found, for the same list and destination.
fn command_to_write(flags: &Flags, arguments: &ValuesArgs) -> String {
    let destination = arguments.destination.iter().map(|name| format!(" -d {name}"));
    format!("{} values{} --write", flags.command_prefix(), destination.collect::<String>())
}

/// `--prove` and `--probe`, which render the chart.
fn run_with_chart(flags: &Flags, arguments: &ValuesArgs, list: &ImageList) -> anyhow::Result<Exit> {
    let file = flags.list_file()?;
    let run = ChartRun::new(list, folder_of(&file), &arguments.chart.options())?;
    if arguments.prove {
        let destination = list.choose(arguments.destination.as_deref())?;
        let mut proof = run.prove(list, &destination, &run.render())?;
        if arguments.strict {
            proof = proof.strict();
        }
        terminal::result(&report::proof::text(&proof, &destination.pull_address().to_string()))?;
        return Ok(if proof.holds() { Exit::Done } else { Exit::Failed });
    }
    let (probed, suggestion) = run.probe(list, &terminal::message)?;
    terminal::result(&report::probe::probed(&probed, &suggestion))?;
    if arguments.write {
        let text = list_file::read_text(&file)?;
        let written = write_atomically(&file, &suggestion.added_to(&text, list)?)?;
        terminal::result(&format!("{}  {}\n", write_word(written), file.display()))?;
    }
    Ok(if suggestion.moves_everything(&probed) { Exit::Done } else { Exit::Failed })
}

/// As wide as the words of `--check`.
fn write_word(written: Written) -> &'static str {
    match written {
        Written::Changed => "written   ",
        Written::Unchanged => "up to date",
    }
}
