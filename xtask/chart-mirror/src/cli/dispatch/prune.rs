//! `prune`, from flags to its report.

use super::parts::{self, Output, Part, Unnamed};
use super::targets;
use crate::cli::exit::Exit;
use crate::cli::flags::{DestinationArgs, Flags, PruneArgs, TextOrJson};
use crate::cli::runtime::{self, Interrupted};
use crate::cli::terminal;
use crate::commands::prune::result::PruneMode;
use crate::commands::prune::{self, NamedList, PruneOptions, PruneSubject};
use crate::list::Destination;
use crate::report;
use crate::workspace::{self, OpenList};
use registry::auth::credentials::ProcessEnvironment;

pub(super) fn run(flags: &Flags, arguments: &PruneArgs) -> anyhow::Result<Exit> {
    let lists = targets::checked_lists(flags, &arguments.destination, Unnamed::TheOnlyOne)?;
    let all = all_lists(flags)?;
    let all: Vec<NamedList<'_>> = all.iter().map(|it| (it.file.as_path(), &it.list)).collect();
    let parts = parts::parts(&lists, &arguments.destination, Unnamed::TheOnlyOne)?;
    let parts = once_each(parts, &arguments.destination)?;
    parts::run_each("prune", &parts, arguments.format, |part| {
        run_part(flags, part, &all, arguments)
    })
}

/// The lists of the whole workspace, whatever `--member` selects: what one of them has is not deleted.
fn all_lists(flags: &Flags) -> anyhow::Result<Vec<OpenList>> {
    let file = flags.list_file()?;
    let all = workspace::workspace_of(&file)?.unwrap_or(file);
    workspace::open(&all, &[])?.all()
}

/// Each destination once, although several lists have it. Of all destinations, those with rules.
fn once_each<'a>(
    parts: Vec<Part<'a>>,
    arguments: &DestinationArgs,
) -> anyhow::Result<Vec<Part<'a>>> {
    let mut once: Vec<(Destination, Part<'a>)> = Vec::new();
    for part in parts {
        let destination = part.open.list.choose(part.destination.as_deref())?;
        if once.iter().all(|(known, _)| *known != destination) {
            once.push((destination, part));
        }
    }
    let has_rules = |(destination, _): &(Destination, Part<'_>)| destination.prune.is_some();
    if arguments.all_destinations && once.iter().any(has_rules) {
        once.retain(has_rules);
    }
    Ok(once.into_iter().map(|(_, part)| part).collect())
}

fn run_part(
    flags: &Flags,
    part: &Part<'_>,
    all: &[NamedList<'_>],
    arguments: &PruneArgs,
) -> anyhow::Result<(Output, Exit)> {
    let list = &part.open.list;
    let destination = list.choose(part.destination.as_deref())?;
    let subject = PruneSubject { destination: &destination, list, all };
    let mode = if arguments.apply { PruneMode::Apply } else { PruneMode::Show };
    let options = PruneOptions {
        mode,
        concurrency: arguments.jobs.map(usize::from),
        retry: flags.patience(),
        ..PruneOptions::default()
    };
    let ran = runtime::block_on(prune::run(&subject, &options, &ProcessEnvironment));
    if mode == PruneMode::Apply && ran.as_ref().is_err_and(|error| error.is::<Interrupted>()) {
        let text = report::prune::interrupted(&options.progress.so_far());
        match arguments.format {
            TextOrJson::Human => terminal::record(&text)?,
            TextOrJson::Json => terminal::error(text.trim_end()),
        }
    }
    let report = ran?;
    let output = match arguments.format {
        TextOrJson::Human => {
            let text = report::prune::human(&report, terminal::presentation());
            if arguments.apply { Output::record(text) } else { Output::human(text) }
        }
        TextOrJson::Json => {
            Output::json(report::prune::json(&report), report::prune::summary(&report))
        }
    };
    Ok((output, if report.has_failed() { Exit::Failed } else { Exit::Done }))
}
