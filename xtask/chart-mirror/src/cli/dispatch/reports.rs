//! `report`: reads saved reports, and prints what they come to.

use std::path::PathBuf;

use messages::Advice;
use messages::program::command;

use super::report_files::{identity, saved_reports, text_of};
use crate::cli::exit::Exit;
use crate::cli::flags::{MergeReportsArgs, PageArgs, ReportCommand, TextOrJson};
use crate::cli::terminal;
use crate::commands::report_merge::{MergedReports, MergedRun, ShardFile};
use crate::commands::report_page::ReportPage;
use crate::files::write_atomically;
use crate::report::{html, merged};

pub(super) fn run(requested: &ReportCommand) -> anyhow::Result<Exit> {
    match requested {
        ReportCommand::Merge(arguments) => merge(arguments),
        ReportCommand::Html(arguments) => page(arguments),
    }
}

fn page(arguments: &PageArgs) -> anyhow::Result<Exit> {
    let PageArgs { files, output, since, rate } = arguments;
    for file in files.iter().chain(&since.since) {
        if identity(file) == identity(output) {
            let message = format!("`{}` would be overwritten by the page", file.display());
            return Err(Advice::new(message).with_hint("write it to another file").into());
        }
    }
    let page = ReportPage::of(&saved_reports(files)?, &saved_reports(&since.since)?)?;
    if rate.is_some() && page.plans().next().is_none() {
        return Err(Advice::new("`--rate` is for plans, and none of the files is one")
            .with_hint(format!("{} writes a plan", command("mirror --plan plan.json")))
            .into());
    }
    let page = ReportPage { rate: *rate, ..page };
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
