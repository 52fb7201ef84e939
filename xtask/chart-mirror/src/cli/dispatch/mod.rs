//! Runs the command that the flags name: turns flags into its options, and its result into output and
//! an exit code. Commands with more than a few steps have a file of their own.

#[cfg(feature = "shell")]
use anyhow::Context as _;

use crate::chart::inventory::UnusedEntries;
#[cfg(feature = "demo")]
use crate::cli::demo;
use crate::cli::exit::Exit;
use crate::cli::flags::{
    Command, DoctorArgs, Flags, ImagesArgs, InventoryFormat, PinArgs, TextOrJson,
};
use crate::cli::runtime::Interrupted;
#[cfg(feature = "shell")]
use crate::cli::shell;
use crate::cli::terminal::ProgressDisplay;
use crate::cli::{runtime, terminal};
use crate::commands::pin::result::Mode;
use crate::commands::{doctor, explain, images, pin};
use crate::list_file::{self, MissingFile};
use crate::report;
use registry::RetryPolicy;
use registry::auth::credentials::ProcessEnvironment;

mod mirror;
mod values;
mod verify;

/// Runs the command that the flags name.
///
/// # Errors
/// When the command could not run, or was interrupted.
pub fn run(flags: &Flags) -> anyhow::Result<Exit> {
    match &flags.command {
        Command::Mirror(arguments) => mirror::run(flags, arguments),
        Command::Values(arguments) => values::run(flags, arguments),
        Command::Verify(arguments) => verify::run(flags, arguments),
        Command::Images(arguments) => run_images(flags, arguments),
        Command::Pin(arguments) => run_pin(flags, arguments),
        Command::Doctor(arguments) => run_doctor(flags, arguments),
        #[cfg(feature = "demo")]
        Command::Demo => run_demo(flags),
        #[cfg(feature = "shell")]
        Command::Completions { shell } => {
            terminal::result(&shell::completions(*shell))?;
            Ok(Exit::Done)
        }
        #[cfg(feature = "shell")]
        Command::Man { folder } => {
            shell::write_man_pages(folder)
                .with_context(|| format!("cannot write man pages into `{}`", folder.display()))?;
            Ok(Exit::Done)
        }
    }
}

fn run_images(flags: &Flags, arguments: &ImagesArgs) -> anyhow::Result<Exit> {
    let (file, missing) = if arguments.write && arguments.chart.chart.is_some() {
        (flags.list_file_or_new(), MissingFile::IsEmpty)
    } else {
        (flags.list_file()?, MissingFile::IsAnError)
    };
    let list = list_file::read_draft(&file, missing)?;
    if let Some(reference) = &arguments.explain {
        let found = explain::run(&file, &list, &arguments.chart.options(), reference)?;
        terminal::result(&report::images::explanations(&found))?;
        if found.is_empty() {
            terminal::error(&format!("no text of the chart matches `{reference}`"));
        }
        return Ok(if found.is_empty() { Exit::Failed } else { Exit::Done });
    }
    let unused = if arguments.prune { UnusedEntries::Remove } else { UnusedEntries::Keep };
    let task = if arguments.write { images::Task::Write(unused) } else { images::Task::Compare };
    let report = images::run(&file, &list, &arguments.chart.options(), task)?;
    report::images::warnings(&report).iter().for_each(|warning| terminal::message(warning));
    if let Some(edit) = &report.edit {
        terminal::result(&report::images::edited(edit, &file.display().to_string()))?;
        return Ok(if report.is_complete() { Exit::Done } else { Exit::Failed });
    }
    let inventory = &report.inventory;
    for obstacle in &inventory.changes(UnusedEntries::Keep).obstacles {
        terminal::message(&format!("warning: {obstacle}"));
    }
    let summary = report::images::summary(inventory);
    match arguments.format {
        InventoryFormat::Human => {
            terminal::result(&format!("{}{summary}\n", report::images::plain(inventory)))
        }
        InventoryFormat::Plain => {
            terminal::result_for_programs(&report::images::plain(inventory), &summary)
        }
        InventoryFormat::Json => terminal::result_for_programs(
            &report::images::json(inventory, &report.declared),
            &summary,
        ),
        InventoryFormat::Toml => {
            terminal::result_for_programs(&report::images::toml(inventory), &summary)
        }
    }?;
    Ok(Exit::Done)
}

fn run_pin(flags: &Flags, arguments: &PinArgs) -> anyhow::Result<Exit> {
    let file = flags.list_file()?;
    let file_name = file.display().to_string();
    let list = list_file::read(&file)?;
    let mode = match arguments {
        PinArgs { check: true, .. } => Mode::Check,
        PinArgs { update: true, .. } => Mode::Update,
        _ => Mode::Pin,
    };
    let images = arguments.image.clone();
    let options = pin::PinOptions { images, mode, retry: RetryPolicy::default() };
    let progress = ProgressDisplay::new();
    let resolved = runtime::block_on(pin::resolve(&list, &options, &ProcessEnvironment, &progress));
    progress.finish();
    let report = resolved.map_err(|error| match error.is::<Interrupted>() {
        true => error.context(format!("`{file_name}` is unchanged")),
        false => error,
    })?;
    pin::write(&file, &report)?;
    let command = format!("{} pin", flags.command_prefix());
    match arguments.format {
        TextOrJson::Human => {
            let layout = terminal::layout();
            terminal::result(&report::pin::human(&report, &file_name, &command, layout))
        }
        TextOrJson::Json => {
            let summary = report::pin::summary(&report, &file_name, &command);
            terminal::result_for_programs(&report::pin::json(&report), &summary)
        }
    }?;
    Ok(if report.is_settled() { Exit::Done } else { Exit::Failed })
}

fn run_doctor(flags: &Flags, arguments: &DoctorArgs) -> anyhow::Result<Exit> {
    let list = list_file::read(&flags.list_file()?)?;
    let reach = if arguments.offline { doctor::Reach::Offline } else { doctor::Reach::Registries };
    let destination = arguments.destination.clone();
    let options = doctor::DoctorOptions { destination, reach, retry: doctor::short_retries() };
    let progress = ProgressDisplay::new();
    let examined = runtime::block_on(doctor::run(&list, &options, &ProcessEnvironment, &progress));
    progress.finish();
    let mut report = examined?;
    report.programs = doctor::programs(&ProcessEnvironment);
    match arguments.format {
        TextOrJson::Human => terminal::result(&report::doctor::human(&report, terminal::layout())),
        TextOrJson::Json => terminal::result_for_programs(
            &report::doctor::json(&report),
            &report::doctor::summary(&report),
        ),
    }?;
    Ok(if report.is_well() { Exit::Done } else { Exit::Failed })
}

#[cfg(feature = "demo")]
fn run_demo(flags: &Flags) -> anyhow::Result<Exit> {
    let list = list_file::read(&flags.list_file()?)?;
    let story = runtime::block_on(demo::run(&list, &flags.program))
        .map_err(|error| error.context("the demonstration failed"))?;
    terminal::result(&story)?;
    Ok(Exit::Done)
}
