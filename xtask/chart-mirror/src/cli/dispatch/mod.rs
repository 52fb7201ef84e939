//! Runs the command that the flags name: turns flags into its options, and its result into output and
//! an exit code. Commands with more than a few steps have a file of their own.

#[cfg(feature = "shell")]
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
use crate::cli::terminal::{ProgressDisplay, RunScope};
use crate::cli::{runtime, terminal};
use crate::commands::doctor::result::{DoctorReport, HostReport};
use crate::commands::pin::result::{Mode, PinReport};
use crate::commands::{doctor, explain, images, pin};
use crate::list::ImageList;
use crate::list_file;
use crate::report;
use crate::workspace::{self, OpenList};
use messages::Advice;
use messages::program::command;
use parts::{Output, Part, Unnamed};
use registry::auth::credentials::ProcessEnvironment;

mod bundle;
mod generated_files;
mod init;
mod inventory;
mod mirror;
mod node_config;
mod parts;
mod report_files;
mod reports;
mod targets;
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
        Command::Images(arguments) => run_images(flags, arguments),
        Command::Pin(arguments) => run_pin(flags, arguments),
        Command::Doctor(arguments) => run_doctor(flags, arguments),
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

fn run_images(flags: &Flags, arguments: &ImagesArgs) -> anyhow::Result<Exit> {
    let chart = arguments.chart.options();
    let new = flags.new_list_file().filter(|_| arguments.write && chart.chart.is_some());
    let lists = match new {
        Some(file) => vec![workspace::open_new(&file)?],
        None => {
            let file = flags.list_file()?;
            if arguments.write && chart.chart.is_some() && flags.images.is_none() {
                refuse_list_of_other_folder(&file, &flags.member)?;
            }
            workspace::open_drafts(&file, &flags.member)?
        }
    };
    let lists = match chart.is_empty() {
        true => lists,
        false => vec![parts::only(lists, "`-c`, `-r` or `--version`")?],
    };
    let format = match arguments.format {
        InventoryFormat::Json if arguments.explain.is_none() && !arguments.write => {
            TextOrJson::Json
        }
        _ => TextOrJson::Human,
    };
    if let Some(reference) = &arguments.explain {
        return explain_image(&lists, arguments, reference);
    }
    parts::run_each("images", &parts::of_lists(&lists), format, |part| {
        compare_images(&part.open.file, &part.open.list, arguments)
    })
}

/// Refuses to write into a member of a workspace that was found above a folder that belongs to none of them.
fn refuse_list_of_other_folder(found: &Path, members: &[String]) -> anyhow::Result<()> {
    let is_above = found.parent().is_some_and(|folder| folder != Path::new(""));
    if members.is_empty() && is_above && list_file::read_workspace(found)?.is_some() {
        let message = format!(
            "this folder has no images.toml, and is not in a member of the workspace `{}`",
            found.display()
        );
        let hint = format!(
            "{} writes a list here; `--member NAME` chooses one of the workspace",
            command("init -c CHART")
        );
        anyhow::bail!(Advice::new(message).with_hint(hint));
    }
    Ok(())
}

/// Fails only if no list has the image: the charts of a workspace need not share their images.
fn explain_image(
    lists: &[OpenList],
    arguments: &ImagesArgs,
    reference: &str,
) -> anyhow::Result<Exit> {
    let nothing = format!("no text of the chart matches `{reference}`");
    let mut matches = 0;
    let exit = parts::run_each("images", &parts::of_lists(lists), TextOrJson::Human, |part| {
        let OpenList { file, list } = part.open;
        let found = explain::run(file, list, &arguments.chart.options(), reference)?;
        matches += found.len();
        if found.is_empty() && lists.len() > 1 {
            terminal::message(&nothing);
        }
        Ok((Output::human(report::images::explanations(&found)), Exit::Done))
    })?;
    if matches > 0 || exit != Exit::Done {
        return Ok(exit);
    }
    match lists {
        [_] => terminal::error(&nothing),
        _ => terminal::error(&format!("no text of any chart matches `{reference}`")),
    }
    Ok(Exit::Failed)
}

fn compare_images(
    file: &Path,
    list: &ImageList,
    arguments: &ImagesArgs,
) -> anyhow::Result<(Output, Exit)> {
    let unused = if arguments.prune { UnusedEntries::Remove } else { UnusedEntries::Keep };
    let task = if arguments.write { images::Task::Write(unused) } else { images::Task::Compare };
    let report = images::run(file, list, &arguments.chart.options(), task)?;
    report::images::warnings(&report).iter().for_each(|warning| terminal::message(warning));
    if let Some(edit) = &report.edit {
        let text = report::images::edited(edit, &file.display().to_string());
        let exit = if report.is_complete() { Exit::Done } else { Exit::Failed };
        return Ok((Output::record(text), exit));
    }
    let inventory = &report.inventory;
    for obstacle in &inventory.changes(UnusedEntries::Keep).obstacles {
        terminal::message(&format!("warning: {obstacle}"));
    }
    let other_chart = arguments.chart.chart.as_deref();
    let other_chart = other_chart.filter(|name| list.chart().is_some_and(|it| it.name != *name));
    let (plain, summary) =
        (|| report::images::plain(inventory), report::images::summary(inventory, other_chart));
    let output = match arguments.format {
        InventoryFormat::Human => Output::human(format!("{}{summary}\n", plain())),
        InventoryFormat::Plain => Output::json(plain(), summary),
        InventoryFormat::Json => {
            Output::json(report::images::json(inventory, &report.declared), summary)
        }
        InventoryFormat::Toml => Output::json(report::images::toml(inventory), summary),
    };
    Ok((output, Exit::Done))
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
