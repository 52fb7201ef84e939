//! Parse, run, print, exit code; nothing else.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use xtask::flags::{Command, Flags, Format, Mirror};
use xtask::list::ImageList;
use xtask::registry::RetryPolicy;
use xtask::registry::credentials::ProcessEnvironment;
use xtask::report::{human, json};
use xtask::terminal::{self, Progress};
use xtask::{ci, demo, mirror, runtime};

const DONE: u8 = 0;
const FAILED: u8 = 1;
const COULD_NOT_RUN: u8 = 2;
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let flags = Flags::parse();
    runtime::show_requests(flags.verbose);
    let result = match &flags.command {
        Command::Mirror(options) => run_mirror(&flags, options),
        Command::Ci => ci::run(&runtime::workspace_root(), &mut terminal::message).map(|()| DONE),
        Command::Demo => run_demo(&flags),
    };
    ExitCode::from(result.unwrap_or_else(|error| {
        terminal::message(&format!("error: {error:#}"));
        if error.is::<runtime::Interrupted>() {
            INTERRUPTED
        } else if error.is::<ci::StepFailed>() {
            FAILED
        } else {
            COULD_NOT_RUN
        }
    }))
}

fn run_mirror(flags: &Flags, asked: &Mirror) -> anyhow::Result<u8> {
    let list = read_list(flags)?;
    let options = mirror::Options {
        destination: asked.destination.clone(),
        only: asked.only.clone(),
        concurrency: asked.jobs.map(usize::from),
        attachments: asked.attachments,
        retry: RetryPolicy::default(),
    };
    let plan = mirror::plan(&list, &options)?;
    if asked.dry_run {
        terminal::result(&match asked.format {
            Format::Human => human::dry_run(&plan.transfers),
            Format::Json => json::dry_run(&plan.destination.to_string(), &plan.transfers),
        })?;
        return Ok(DONE);
    }
    let progress = Arc::new(Progress::new(plan.transfers.len(), flags.verbose));
    let observer = Arc::clone(&progress) as Arc<_>;
    let report =
        runtime::block_on(mirror::run(&list, &plan, &options, &ProcessEnvironment, observer));
    progress.finish();
    let report = report?;
    terminal::result(&match asked.format {
        Format::Human => human::mirror(&report),
        Format::Json => json::mirror(&report),
    })?;
    Ok(if report.failures().next().is_some() { FAILED } else { DONE })
}

fn run_demo(flags: &Flags) -> anyhow::Result<u8> {
    let list = read_list(flags)?;
    let story = runtime::block_on(demo::run(&list))
        .map_err(|error| error.context("the demonstration failed"))?;
    terminal::result(&story)?;
    Ok(DONE)
}

fn read_list(flags: &Flags) -> anyhow::Result<ImageList> {
    let file =
        flags.images.clone().unwrap_or_else(|| runtime::workspace_root().join("images.toml"));
    mirror::read_list(&file, terminal::has_colour())
}
