//! `init`, from flags to a new list, its values, and the report.

use std::path::Path;

use super::parts;
use crate::cli::exit::Exit;
use crate::cli::flags::{Flags, InitArgs};
use crate::cli::terminal::{ProgressDisplay, RunScope};
use crate::cli::{runtime, terminal};
use crate::commands::init::from_list::{self, FromListOptions};
use crate::commands::init::{self, InitOptions, NamedDestination, assignments};
use crate::commands::pin::{self, result::Mode};
use crate::files::folder_of;
use crate::list::Rendering;
use crate::list_file;
use crate::report;
use crate::workspace::{self, OpenList};
use messages::Advice;
use registry::auth::credentials::ProcessEnvironment;

pub(super) fn run(flags: &Flags, arguments: &InitArgs) -> anyhow::Result<Exit> {
    let file = flags.images.clone().unwrap_or_else(|| list_file::NAME.into());
    refuse_workspace(&file, flags, arguments)?;
    if let Some(source) = &arguments.from_list {
        return run_from_list(&file, source, arguments);
    }
    let options = options(arguments)?;
    let OpenList { list: empty, .. } = workspace::open_new(&file)?;
    let new = init::prepare(&file, empty, &options, &terminal::message)?;
    let pins = if arguments.no_pin {
        None
    } else {
        let options = pin::PinOptions {
            images: Vec::new(),
            mode: Mode::Pin,
            retry: flags.patience(),
            source: None,
        };
        let list = Some(file.display().to_string());
        let progress = ProgressDisplay::begin(&RunScope { list, ..RunScope::of("init") });
        let resolved =
            runtime::block_on(pin::resolve(new.list(), &options, &ProcessEnvironment, &progress));
        progress.finish(parts::exit_of(&resolved, |_| Exit::Done));
        Some(resolved.map_err(|error| error.context("nothing was written"))?)
    };
    let report = new.write(pins)?;
    terminal::result(&report::init::text(&report, terminal::presentation()))?;
    Ok(if report.is_complete() { Exit::Done } else { Exit::Failed })
}

/// From the list of another tool.
fn run_from_list(file: &Path, source: &Path, arguments: &InitArgs) -> anyhow::Result<Exit> {
    NamedDestination::check_names(&arguments.destination)?;
    let options = FromListOptions {
        file: source.to_path_buf(),
        format: arguments.list_format,
        destinations: arguments.destination.clone(),
    };
    let OpenList { list: empty, .. } = workspace::open_new(file)?;
    let report = from_list::run(file, &empty, &options)?;
    terminal::result(&report::init::from_list(&report))?;
    Ok(if report.is_complete() { Exit::Done } else { Exit::Failed })
}

/// A list at the root of a workspace would be for the chart of a member.
fn refuse_workspace(file: &Path, flags: &Flags, arguments: &InitArgs) -> anyhow::Result<()> {
    if !file.is_file() || list_file::read_workspace(file)?.is_none() {
        return Ok(());
    }
    let root = folder_of(file);
    let chart = arguments.chart.as_deref().unwrap_or_default().trim_end_matches('/');
    let path = Path::new(chart);
    let folder = match path.is_dir() && path.canonicalize().ok() != root.canonicalize().ok() {
        true => chart.strip_prefix("./").unwrap_or(chart),
        false => "FOLDER",
    };
    let message = format!(
        "`{}` is a workspace, and `init` overwrites nothing: write the list of a chart into another folder",
        file.display()
    );
    let program = &flags.program;
    Err(Advice::new(message)
        .with_hint(format!(
            "`cd {folder}`, then `{program} init -c .`; or from here: \
             `{program} init --images {folder}/{} -c {folder}`",
            list_file::NAME
        ))
        .into())
}

fn options(arguments: &InitArgs) -> anyhow::Result<InitOptions> {
    let mut rendering = Rendering {
        values: arguments.values.clone(),
        kube_version: arguments.kube_version.clone(),
        ..Rendering::default()
    };
    for text in &arguments.set {
        rendering.set.extend(assignments::typed(text)?);
    }
    for text in &arguments.set_string {
        rendering.set_string.extend(assignments::texts(text)?);
    }
    NamedDestination::check_names(&arguments.destination)?;
    let destinations = arguments.destination.clone();
    Ok(InitOptions { chart: arguments.options(), rendering, destinations })
}
