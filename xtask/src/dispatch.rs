//! From flags to commands, and from their results to stdout and an exit code.

use std::sync::Arc;

use crate::files::Written;
use crate::flags::{Command, Flags, Format, Mirror, Values};
use crate::list::ImageList;
use crate::registry::RetryPolicy;
use crate::registry::credentials::ProcessEnvironment;
use crate::report::{human, json};
use crate::terminal::{self, Progress};
use crate::values::command::{self as values, Difference};
use crate::{ci, demo, mirror, runtime};

pub const DONE: u8 = 0;
/// Something was found or has failed, and was told.
pub const FAILED: u8 = 1;

/// Runs the command that the flags name, and gives its exit code.
///
/// # Errors
/// When the command could not run, or was interrupted.
pub fn run(flags: &Flags) -> anyhow::Result<u8> {
    match &flags.command {
        Command::Mirror(asked) => run_mirror(flags, asked),
        Command::Values(asked) => run_values(flags, asked),
        Command::Demo => {
            let list = read_list(flags)?;
            let story = runtime::block_on(demo::run(&list))
                .map_err(|error| error.context("the demonstration failed"))?;
            terminal::result(&story)?;
            Ok(DONE)
        }
        Command::Ci => ci::run(&runtime::workspace_root(), &mut terminal::message).map(|()| DONE),
    }
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

fn run_values(flags: &Flags, asked: &Values) -> anyhow::Result<u8> {
    let list = read_list(flags)?;
    let (root, wanted) = (runtime::workspace_root(), asked.destination.as_deref());
    if !asked.write && !asked.check {
        terminal::result(&values::of_destination(&list, &root, wanted)?.text)?;
        return Ok(DONE);
    }
    let files = values::of_all(&list, &root, wanted)?;
    if files.is_empty() {
        // True of a list that leaves the destination to its users: nothing can be out of step.
        terminal::message("the list names no destination, so `values/` holds no file of one");
    }
    let mut code = DONE;
    for file in files {
        let name = file.file.display();
        if asked.write {
            let written = file.write()?;
            terminal::message(&format!(
                "{}  {name}",
                if written == Written::Changed { "written   " } else { "up to date" }
            ));
            continue;
        }
        match file.check()? {
            Difference::None => terminal::message(&format!("up to date  {name}")),
            Difference::Missing => {
                terminal::message(&format!(
                    "missing     {name}\nhint: run `cargo xtask values --write`"
                ));
                code = FAILED;
            }
            Difference::Lines(lines) => {
                terminal::result(&lines)?;
                terminal::message(&format!(
                    "stale       {name}\nhint: run `cargo xtask values --write`"
                ));
                code = FAILED;
            }
        }
    }
    Ok(code)
}

fn read_list(flags: &Flags) -> anyhow::Result<ImageList> {
    let file =
        flags.images.clone().unwrap_or_else(|| runtime::workspace_root().join("images.toml"));
    mirror::read_list(&file, terminal::has_colour())
}
