//! `report`: reads saved reports, and prints what they come to.

use messages::Advice;

use crate::cli::exit::Exit;
use crate::cli::flags::{MergeReportsArgs, ReportCommand, TextOrJson};
use crate::cli::terminal;
use crate::commands::report_merge::{MergedReports, MergedRun, ShardFile};
use crate::report::merged;

/// More than the report of 100,000 images has, in bytes.
const LARGEST_REPORT: u64 = 256 << 20;

pub(super) fn run(command: &ReportCommand) -> anyhow::Result<Exit> {
    match command {
        ReportCommand::Merge(arguments) => merge(arguments),
    }
}

fn merge(arguments: &MergeReportsArgs) -> anyhow::Result<Exit> {
    let files = arguments.files.iter().map(|file| {
        let name = file.display().to_string();
        let text = regular_file::read_text(file, LARGEST_REPORT)
            .map_err(|error| Advice::new(format!("cannot read the report `{name}`: {error}")))?;
        Ok(ShardFile { name, text })
    });
    let merged = MergedReports::of(&files.collect::<Result<Vec<_>, Advice>>()?)?;
    let human = merged::human(&merged);
    match arguments.format {
        TextOrJson::Human => terminal::result(&human)?,
        TextOrJson::Json => terminal::result_for_programs(&merged::json(&merged), &human)?,
    }
    Ok(merged.runs.iter().map(exit).max().unwrap_or(Exit::Done))
}

fn exit(run: &MergedRun) -> Exit {
    match (run.is_complete(), run.has_failed()) {
        (false, _) => Exit::CouldNotRun,
        (true, true) => Exit::Failed,
        (true, false) => Exit::Done,
    }
}
