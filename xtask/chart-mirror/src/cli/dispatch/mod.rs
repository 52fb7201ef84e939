//! Runs the command that the flags name: turns flags into its options, and its result into output and
//! an exit code. Commands with more than a few steps have a file of their own.

#[cfg(feature = "shell")]
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[cfg(feature = "demo")]
use crate::cli::demo;
use crate::cli::exit::Exit;
use crate::cli::flags::{Command, DoctorArgs, Flags, PinArgs, TextOrJson};
use crate::cli::runtime::Interrupted;
#[cfg(feature = "shell")]
use crate::cli::shell;
use crate::cli::terminal::{ProgressDisplay, RunScope};
use crate::cli::{runtime, terminal};
use crate::commands::doctor::result::{DoctorReport, HostReport};
use crate::commands::pin::result::{Mode, PinReport};
use crate::commands::{doctor, pin};
use crate::report;
use crate::workspace::OpenList;
use parts::{Output, Part, Unnamed};
use registry::auth::credentials::ProcessEnvironment;

mod bundle;
mod exported;
mod generated_files;
mod images;
mod init;
mod inventory;
mod mirror;
mod mirror_parts;
mod node_config;
mod parts;
mod planned;
mod prune;
mod report_files;
mod reports;
mod targets;
mod trace_file;
mod values;
mod verify;

/// Runs the command that the flags name.
///
/// # Errors
/// When the command could not run, or was interrupted.
pub fn run(flags: &Flags) -> anyhow::Result<Exit> {
    match &flags.command {
        Command::Init(arguments) => init::run(flags, arguments),
        Command::Mirror(arguments) => mirror::run(flags, arguments),
        Command::Values(arguments) => values::run(flags, arguments),
        Command::Verify(arguments) => verify::run(flags, arguments),
        Command::Images(arguments) => images::run(flags, arguments),
        Command::Pin(arguments) => run_pin(flags, arguments),
        Command::Doctor(arguments) => run_doctor(flags, arguments),
        Command::Prune(arguments) => prune::run(flags, arguments),
        Command::Inventory(arguments) => inventory::run(flags, arguments),
        Command::Bundle(command) => bundle::run(flags, command),
        Command::Report(command) => reports::run(command),
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

fn run_pin(flags: &Flags, arguments: &PinArgs) -> anyhow::Result<Exit> {
    let lists = parts::with_images(parts::lists(flags)?, &arguments.image)?;
    parts::run_each("pin", &parts::of_lists(&lists), arguments.format, |part| {
        pin_images(flags, part.open, &lists, arguments)
    })
}

fn pin_images(
    flags: &Flags,
    open: &OpenList,
    lists: &[OpenList],
    arguments: &PinArgs,
) -> anyhow::Result<(Output, Exit)> {
    let OpenList { file, list } = open;
    let file_name = file.display().to_string();
    let mode = match arguments {
        PinArgs { check: true, .. } => Mode::Check,
        PinArgs { update: true, .. } => Mode::Update,
        _ => Mode::Pin,
    };
    let images = parts::globs_of(open, lists, &arguments.image);
    let source = arguments.source.source.clone();
    let options = pin::PinOptions { images, mode, retry: flags.patience(), source };
    let scope = RunScope { list: Some(file_name.clone()), ..RunScope::of("pin") };
    let progress = ProgressDisplay::begin(&scope);
    let resolved = runtime::block_on(pin::resolve(list, &options, &ProcessEnvironment, &progress));
    let exit_of = |report: &PinReport| if report.is_settled() { Exit::Done } else { Exit::Failed };
    progress.finish(parts::exit_of(&resolved, exit_of));
    let report = resolved.map_err(|error| match error.is::<Interrupted>() {
        true => error.context(format!("`{file_name}` is unchanged")),
        false => error,
    })?;
    pin::write(file, list, &report)?;
    let output = match arguments.format {
        TextOrJson::Human => {
            Output::human(report::pin::human(&report, &file_name, terminal::presentation()))
        }
        TextOrJson::Json => {
            let summary = report::pin::summary(&report, &file_name);
            Output::json(report::pin::json(&report), summary)
        }
    };
    Ok((output, exit_of(&report)))
}

fn run_doctor(flags: &Flags, arguments: &DoctorArgs) -> anyhow::Result<Exit> {
    let lists = parts::lists(flags)?;
    let parts = parts::parts(&lists, &arguments.destination, Unnamed::All)?;
    let programs = doctor::programs(&ProcessEnvironment);
    // What is the same for all parts is reported with the first.
    let mut machine = report::doctor::Machine::Shown;
    // The sources of each list.
    let mut sources: BTreeMap<PathBuf, Vec<HostReport>> = BTreeMap::new();
    parts::run_each("doctor", &parts, arguments.format, |part| {
        let known = sources.get(&part.open.file).cloned().unwrap_or_default();
        let mut report = examine(flags, part, arguments, known)?;
        report.programs.clone_from(&programs);
        sources.insert(part.open.file.clone(), report.sources());
        let output = match arguments.format {
            TextOrJson::Human => {
                Output::human(report::doctor::human(&report, machine, terminal::presentation()))
            }
            TextOrJson::Json => {
                Output::json(report::doctor::json(&report), report::doctor::summary(&report))
            }
        };
        machine = report::doctor::Machine::ShownBefore;
        Ok((output, if report.is_well() { Exit::Done } else { Exit::Failed }))
    })
}

fn examine(
    flags: &Flags,
    part: &Part<'_>,
    arguments: &DoctorArgs,
    known: Vec<HostReport>,
) -> anyhow::Result<DoctorReport> {
    let reach = if arguments.offline { doctor::Reach::Offline } else { doctor::Reach::Registries };
    let destination = part.destination.clone();
    let options = doctor::DoctorOptions {
        destination,
        reach,
        known,
        retry: flags.patience_like(doctor::short_retries()),
    };
    let progress = ProgressDisplay::begin(&targets::scope("doctor", part, None));
    let list = &part.open.list;
    let examined = runtime::block_on(doctor::run(list, &options, &ProcessEnvironment, &progress));
    progress.finish(parts::exit_of(&examined, |report| match report.is_well() {
        true => Exit::Done,
        false => Exit::Failed,
    }));
    examined
}

#[cfg(feature = "demo")]
fn run_demo(flags: &Flags) -> anyhow::Result<Exit> {
    let OpenList { list, .. } = parts::only(parts::lists(flags)?, "the demonstration")?;
    let story = runtime::block_on(demo::run(&list, &flags.program))
        .map_err(|error| error.context("the demonstration failed"))?;
    terminal::result(&story)?;
    Ok(Exit::Done)
}
