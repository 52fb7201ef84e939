//! `values`, from flags to printed, written or compared files, or to the report about a chart.

use super::parts::{self, Output, Part};
use crate::cli::exit::Exit;
use crate::cli::flags::{Flags, TextOrJson, ValuesArgs};
use crate::cli::terminal;
use crate::commands::chart_run::ChartRun;
use crate::commands::values::{self, Difference, ValuesFile};
use crate::files::{Written, folder_of, write_atomically};
use crate::list_file;
use crate::report;
use crate::workspace::OpenList;
use messages::Advice;
use messages::program::command;

pub(super) fn run(flags: &Flags, arguments: &ValuesArgs) -> anyhow::Result<Exit> {
    if arguments.prove || arguments.probe {
        return run_with_chart(flags, arguments);
    }
    if !arguments.chart.options().is_empty() {
        anyhow::bail!("`-c`, `-r` and `--version` need `--prove` or `--probe`");
    }
    let lists = parts::lists(flags)?;
    if !arguments.write && !arguments.check {
        let parts = parts::parts(&lists, &arguments.destination)?;
        let Part { open, destination } = parts::only_part(&parts)?;
        let values = values::of_destination(&open.list, &open.file, destination.as_deref())?;
        terminal::result(&values.text)?;
        return Ok(Exit::Done);
    }
    let mut files = Vec::new();
    for OpenList { file, list } in &lists {
        files.extend(values::of_all(list, file, &arguments.destination.destination)?);
    }
    if files.is_empty() {
        // Not an error: a list may leave the destination to its users, and has no files then.
        terminal::message(
            "the list has no destination, so there are no files in `values/`\n\
             hint: add a `[destinations.NAME]` with its `registry`, or name a registry with `-d`",
        );
    }
    if arguments.write {
        for values in &files {
            let name = values.file.display();
            terminal::result(&format!("{}  {name}\n", write_word(values.write()?)))?;
        }
        return Ok(Exit::Done);
    }
    let hint = format!("run {}", command_to_write(arguments));
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
fn command_to_write(arguments: &ValuesArgs) -> String {
    let destination = arguments.destination.destination.iter().map(|name| format!(" -d {name}"));
    command(format_args!("values{} --write", destination.collect::<String>()))
}

/// `--prove` and `--probe`, which render the chart.
fn run_with_chart(flags: &Flags, arguments: &ValuesArgs) -> anyhow::Result<Exit> {
    let lists = match arguments.chart.options().is_empty() {
        true => parts::lists(flags)?,
        false => vec![parts::only_list(flags, "`-c`, `-r` or `--version`")?],
    };
    let parts = parts::parts(&lists, &arguments.destination)?;
    parts::run_each("values", &parts, TextOrJson::Human, |part| {
        let OpenList { file, list } = part.open;
        let run = ChartRun::new(list, folder_of(file), &arguments.chart.options())?;
        match arguments.prove {
            true => prove(&run, part, arguments),
            false => probe(&run, part, arguments),
        }
    })
}

fn prove(
    run: &ChartRun,
    Part { open, destination }: &Part<'_>,
    arguments: &ValuesArgs,
) -> anyhow::Result<(Output, Exit)> {
    let name = destination.as_deref();
    let destination = open.list.choose(name)?;
    destination.require_registry("the proof")?;
    let mut proof = run.prove(&open.list, &destination, &run.render())?;
    if arguments.strict {
        proof = proof.strict();
    }
    let mut text = report::proof::text(&proof, &destination.pull_address().to_string());
    let file = values::of_destination(&open.list, &open.file, name)?;
    let is_stale = matches!(file.check()?, Difference::Lines(_));
    if is_stale {
        let file = file.file.display();
        let message = format!("`{file}` differs from these values, so its use is not proven");
        let advice =
            Advice::new(message).with_hint(format!("{} writes it", command_to_write(arguments)));
        text += &format!("error: {advice}\n");
    }
    let is_proven = proof.holds() && !is_stale;
    Ok((Output::human(text), if is_proven { Exit::Done } else { Exit::Failed }))
}

fn probe(
    run: &ChartRun,
    part: &Part<'_>,
    arguments: &ValuesArgs,
) -> anyhow::Result<(Output, Exit)> {
    let OpenList { file, list } = part.open;
    let (probed, suggestion) = run.probe(list, &terminal::message)?;
    let mut report = report::probe::probed(&probed, &suggestion);
    if arguments.write {
        let text = list_file::read_text(file)?;
        let written = write_atomically(file, &suggestion.added_to(&text, list)?)?;
        report += &format!("{}  {}\n", write_word(written), file.display());
    }
    let is_done = suggestion.moves_everything(&probed);
    Ok((Output::human(report), if is_done { Exit::Done } else { Exit::Failed }))
}

/// As wide as the words of `--check`.
fn write_word(written: Written) -> &'static str {
    match written {
        Written::Changed => "written   ",
        Written::Unchanged => "up to date",
    }
}
