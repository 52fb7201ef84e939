//! From flags to commands, and from their results to stdout and an exit code.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::chart::inventory::Unused;
use crate::cli::flags::{
    Command, Doctor, Flags, Format, Images, InventoryFormat, Mirror, Pin, Values,
};
use crate::cli::runtime::Interrupted;
use crate::cli::terminal;
use crate::cli::terminal::{Bar, Verbosity};
use crate::cli::{demo, runtime};
use crate::commands::chart_run::ChartRun;
use crate::commands::images;
use crate::commands::values;
use crate::commands::values::Difference;
use crate::commands::{doctor, mirror, pin};
use crate::copy::{CopyOptions, ExistingContent};
use crate::files::{Written, folder_of, write_atomically};
use crate::list::Attachments;
use crate::list::ImageList;
use crate::report::{
    chart, doctor as found, ecr, human, images as image_report, json, pin as pin_report,
};
use registry::RetryPolicy;
use registry::auth::credentials::ProcessEnvironment;

mod verify;

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
        Command::Verify(asked) => {
            verify::run(&list_file(flags), &command_with_list(flags), verbosity(flags), asked)
        }
        Command::Images(asked) => run_images(&list_file(flags), &read_list(flags)?, asked),
        Command::Pin(asked) => run_pin(flags, asked),
        Command::Doctor(asked) => run_doctor(flags, asked),
        Command::Demo => {
            let list = read_list(flags)?;
            let story = runtime::block_on(demo::run(&list, &runtime::workspace_root()))
                .map_err(|error| error.context("the demonstration failed"))?;
            terminal::result(&story)?;
            Ok(DONE)
        }
    }
}

fn run_mirror(flags: &Flags, asked: &Mirror) -> anyhow::Result<u8> {
    let mut list = read_list(flags)?;
    if !asked.chart.wanted().is_empty() {
        let destination = list.choose(asked.destination.as_deref())?;
        let (file, wanted) = (list_file(flags), asked.chart.wanted());
        let (of_chart, report) = images::of_chart(&list, &file, &wanted, &destination)?;
        image_report::warnings(&report).iter().for_each(|warning| terminal::message(warning));
        list = of_chart;
    }
    let options = mirror::Options {
        destination: asked.destination.clone(),
        only: asked.only.clone(),
        concurrency: asked.jobs.map(usize::from),
        copy: CopyOptions {
            attachments: if asked.attachments { Attachments::Copy } else { Attachments::Ignore },
            existing: match asked.repair {
                true => ExistingContent::Checked,
                false => ExistingContent::Trusted,
            },
        },
        retry: RetryPolicy::default(),
    };
    let plan = mirror::plan(&list, &options)?;
    if asked.dry_run {
        let repositories = plan.repositories();
        let destination = plan.destination.to_string();
        terminal::result(&match asked.format {
            Format::Human => human::dry_run(&plan.transfers),
            Format::Json => json::dry_run(&destination, &plan.transfers, repositories.as_ref()),
        })?;
        if let (Format::Human, Some(repositories)) = (asked.format, &repositories) {
            // Beside the lines that `copy_images.sh` prints, which programs read.
            ecr::dry_run(repositories).lines().for_each(terminal::message);
        }
        return Ok(DONE);
    }
    let bar = Arc::new(Bar::new(verbosity(flags)));
    let progress = Arc::clone(&bar) as Arc<_>;
    let report =
        runtime::block_on(mirror::run(&list, &plan, &options, &ProcessEnvironment, progress));
    bar.finish();
    let report = report?;
    terminal::result(&match asked.format {
        Format::Human => human::mirror(&report),
        Format::Json => json::mirror(&report),
    })?;
    Ok(if report.failures().next().is_some() { FAILED } else { DONE })
}

fn run_images(file: &Path, list: &ImageList, asked: &Images) -> anyhow::Result<u8> {
    let unused = if asked.prune { Unused::Remove } else { Unused::Keep };
    let task = if asked.write { images::Task::Write(unused) } else { images::Task::Compare };
    let report = images::run(file, list, &asked.chart.wanted(), task)?;
    image_report::warnings(&report).iter().for_each(|warning| terminal::message(warning));
    if let Some(edit) = &report.edit {
        terminal::message(&image_report::edited(edit, &file.display().to_string()));
        return Ok(if report.is_complete() { DONE } else { FAILED });
    }
    let inventory = &report.inventory;
    terminal::result(&match asked.format {
        InventoryFormat::Plain => image_report::plain(inventory),
        InventoryFormat::Json => image_report::json(inventory),
        InventoryFormat::Toml => image_report::toml(inventory),
    })?;
    let (_, obstacles) = inventory.images_to_list(Unused::Keep);
    for obstacle in &obstacles {
        terminal::message(&format!("warning: {obstacle}"));
    }
    terminal::message(&image_report::summary(inventory));
    Ok(DONE)
}

fn run_doctor(flags: &Flags, asked: &Doctor) -> anyhow::Result<u8> {
    let list = read_list(flags)?;
    let reach = if asked.offline { doctor::Reach::Offline } else { doctor::Reach::Registries };
    let options = doctor::Options {
        destination: asked.destination.clone(),
        reach,
        retry: doctor::impatient(),
    };
    let mut report = runtime::block_on(doctor::run(&list, &options, &ProcessEnvironment))?;
    report.programs = doctor::programs(&ProcessEnvironment);
    terminal::result(&match asked.format {
        Format::Human => found::human(&report),
        Format::Json => found::json(&report),
    })?;
    Ok(if report.is_well() { DONE } else { FAILED })
}

fn run_pin(flags: &Flags, asked: &Pin) -> anyhow::Result<u8> {
    let file = list_file(flags);
    let list = read_list(flags)?;
    let mode = match asked {
        Pin { check: true, .. } => pin::result::Mode::Check,
        Pin { update: true, .. } => pin::result::Mode::Update,
        _ => pin::result::Mode::Pin,
    };
    let options = pin::Options { images: asked.image.clone(), mode, retry: RetryPolicy::default() };
    let looked = runtime::block_on(pin::look(&list, &options, &ProcessEnvironment));
    let report = looked.map_err(|error| match error.is::<Interrupted>() {
        true => error.context(format!("`{}` is as it was", file.display())),
        false => error,
    })?;
    pin::write(&file, &report)?;
    let command = format!("{} pin", command_with_list(flags));
    terminal::result(&match asked.format {
        Format::Human => pin_report::human(&report, &command),
        Format::Json => pin_report::json(&report),
    })?;
    terminal::message(&pin_report::summary(&report, &file.display().to_string(), &command));
    Ok(if report.is_settled() { DONE } else { FAILED })
}

fn run_values(flags: &Flags, asked: &Values) -> anyhow::Result<u8> {
    let list = read_list(flags)?;
    if asked.prove || asked.probe {
        return run_values_of_chart(flags, asked, &list);
    }
    if !asked.chart.wanted().is_empty() {
        anyhow::bail!("`-c`, `-r` and `--version` have no meaning without `--prove` or `--probe`");
    }
    let (list_file, wanted) = (list_file(flags), asked.destination.as_deref());
    if !asked.write && !asked.check {
        terminal::result(&values::of_destination(&list, &list_file, wanted)?.text)?;
        return Ok(DONE);
    }
    let files = values::of_all(&list, &list_file, wanted)?;
    if files.is_empty() {
        // True of a list that leaves the destination to its users: nothing can be out of step.
        terminal::message("the list names no destination, so `values/` holds no file of one");
    }
    let hint = format!("hint: run `{}`", command_to_write(flags, asked));
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
                terminal::message(&format!("missing     {name}\n{hint}"));
                code = FAILED;
            }
            Difference::Lines(lines) => {
                terminal::result(&lines)?;
                terminal::message(&format!("stale       {name}\n{hint}"));
                code = FAILED;
            }
        }
    }
    Ok(code)
}

/// What puts right what `--check` found, with the same list and destination.
fn command_to_write(flags: &Flags, asked: &Values) -> String {
    let mut command = command_with_list(flags) + " values";
    if let Some(destination) = &asked.destination {
        command += &format!(" -d {destination}");
    }
    command + " --write"
}

/// How the program was called, up to the name of the command.
fn command_with_list(flags: &Flags) -> String {
    match &flags.images {
        Some(file) => format!("cargo xtask --images {}", file.display()),
        None => "cargo xtask".to_owned(),
    }
}

/// The parts of `values` that render the chart.
fn run_values_of_chart(flags: &Flags, asked: &Values, list: &ImageList) -> anyhow::Result<u8> {
    let file = list_file(flags);
    let subject = ChartRun::new(list, folder_of(&file), &asked.chart.wanted())?;
    if asked.prove {
        let destination = list.choose(asked.destination.as_deref())?;
        let proof = subject.prove(list, &destination)?;
        terminal::result(&chart::proof(&proof, &destination.pull_address().to_string()))?;
        return Ok(if proof.holds() { DONE } else { FAILED });
    }
    let (probed, suggestion) = subject.probe(list, &terminal::message)?;
    terminal::result(&chart::probed(&probed, &suggestion))?;
    if asked.write {
        let text = std::fs::read_to_string(&file)?;
        let written = write_atomically(&file, &suggestion.added_to(&text, list)?)?;
        let done = if written == Written::Changed { "written   " } else { "up to date" };
        terminal::message(&format!("{done}  {}", file.display()));
    }
    Ok(DONE)
}

fn verbosity(flags: &Flags) -> Verbosity {
    if flags.verbose { Verbosity::Verbose } else { Verbosity::Normal }
}

fn read_list(flags: &Flags) -> anyhow::Result<ImageList> {
    crate::list_file::read(&list_file(flags))
}

fn list_file(flags: &Flags) -> PathBuf {
    flags.images.clone().unwrap_or_else(|| runtime::workspace_root().join("images.toml"))
}
