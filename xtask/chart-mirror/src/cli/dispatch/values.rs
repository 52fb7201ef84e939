//! `values`, from flags to printed, written or compared files, or to the report about a chart.

use super::generated_files::{check, command_to_write, no_destination, write_word};
use super::node_config;
use super::parts::{self, Output, Part, Unnamed};
use super::targets;
use crate::cli::exit::Exit;
use crate::cli::flags::{Flags, TextOrJson, ValuesArgs, ValuesFormat};
use crate::cli::terminal;
use crate::commands::chart_run::ChartRun;
use crate::commands::values::{self, Difference};
use crate::files::{folder_of, write_atomically};
use crate::list_file;
use crate::report;
use crate::workspace::OpenList;
use messages::Advice;

pub(super) fn run(flags: &Flags, arguments: &ValuesArgs) -> anyhow::Result<Exit> {
    if arguments.prove || arguments.probe {
        if let ValuesFormat::Nodes(format) = arguments.format {
            let message = format!("`--format {format}` has no `--prove` and no `--probe`");
            anyhow::bail!(Advice::new(message).with_hint("they are about Helm values"));
        }
        return run_with_chart(flags, arguments);
    }
    if !arguments.chart.options().is_empty() {
        anyhow::bail!("`-c`, `-r` and `--version` need `--prove` or `--probe`");
    }
    let is_printed = !arguments.write && !arguments.check;
    let unnamed = if is_printed { Unnamed::None } else { Unnamed::All };
    let lists = targets::checked_lists(flags, &arguments.destination, unnamed)?;
    if let ValuesFormat::Nodes(format) = arguments.format {
        return node_config::run(&lists, arguments, format);
    }
    if is_printed {
        let parts = parts::parts(&lists, &arguments.destination, unnamed)?;
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
        no_destination();
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

/// `--prove` and `--probe`, which render the chart.
fn run_with_chart(flags: &Flags, arguments: &ValuesArgs) -> anyhow::Result<Exit> {
    // Probing looks for values that are right for all destinations at once.
    let unnamed = if arguments.prove { Unnamed::All } else { Unnamed::None };
    let lists = match arguments.prove {
        true => targets::checked_lists(flags, &arguments.destination, unnamed)?,
        false => parts::lists(flags)?,
    };
    let lists = match arguments.chart.options().is_empty() {
        true => lists,
        false => vec![parts::only(lists, "`-c`, `-r` or `--version`")?],
    };
    let parts = parts::parts(&lists, &arguments.destination, unnamed)?;
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
    let problem = match file.check()? {
        Difference::None | Difference::Missing => None,
        Difference::OfOthers(reason) => Some(reason),
        Difference::Lines(_) => {
            let file = file.file.display();
            let message = format!("`{file}` differs from these values, so its use is not proven");
            let hint = format!("{} writes it", command_to_write(arguments));
            Some(Advice::new(message).with_hint(hint))
        }
    };
    if let Some(problem) = &problem {
        text += &format!("error: {problem}\n");
    }
    let is_proven = proof.holds() && problem.is_none();
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
