//! `report`: reads saved reports, and prints what they come to.

use std::path::PathBuf;

use messages::Advice;

use super::report_files::{identity, saved_reports, text_of};
use crate::cli::exit::Exit;
use crate::cli::flags::{MergeReportsArgs, PageArgs, ReportCommand, TextOrJson};
use crate::cli::terminal;
use crate::commands::report_merge::{MergedReports, MergedRun, ShardFile};
use crate::commands::report_page::ReportPage;
use crate::files::write_atomically;
use crate::report::{html, merged};

pub(super) fn run(command: &ReportCommand) -> anyhow::Result<Exit> {
    match command {
        ReportCommand::Merge(arguments) => merge(arguments),
        ReportCommand::Html(arguments) => page(arguments),
    }
}

fn page(arguments: &PageArgs) -> anyhow::Result<Exit> {
    let PageArgs { files, output, since } = arguments;
    for file in files.iter().chain(&since.since) {
        if identity(file) == identity(output) {
            let message = format!("`{}` would be overwritten by the page", file.display());
            return Err(Advice::new(message).with_hint("write it to another file").into());
        }
    }
    let page = ReportPage::of(&saved_reports(files)?, &saved_reports(&since.since)?)?;
    write_atomically(output, &html::render(&page))?;
    terminal::result(&format!("written     {}\n", output.display()))?;
    Ok(Exit::Done)
}

fn merge(arguments: &MergeReportsArgs) -> anyhow::Result<Exit> {
    let read = |file: &PathBuf| text_of(file).map(|(name, text)| ShardFile { name, text });
    let files = arguments.files.iter().map(read);
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
