//! The commands for bundles, from flags to their reports.

use std::sync::Arc;

use anyhow::Context as _;

use super::mirror;
use super::parts::{self, Output, Part, Unnamed};
use super::targets::{self, Charts};
use crate::bundle::destination_inventory::DestinationInventory;
use crate::cli::exit::Exit;
use crate::cli::flags::{
    BundleArgs, BundleCommand, BundleListArgs, BundleVerifyArgs, DestinationArgs, ExportArgs,
    Flags, ImportArgs, MergeArgs, ServeArgs, TextOrJson,
};
use crate::cli::terminal::{ProgressDisplay, RunScope};
use crate::cli::{runtime, terminal};
use crate::commands::bundle::export::result::ExportReport;
use crate::commands::bundle::export::{self, ChartChoice, ExportOptions, ExportedList};
use crate::commands::bundle::import::{self, ImportOptions, ImportedList};
use crate::commands::bundle::merge::{self, MergeOptions};
use crate::commands::bundle::open_bundle::{ListOrigin, OpenBundle, location};
use crate::commands::bundle::serve;
use crate::commands::bundle::signed_inventory::required_keys;
use crate::commands::mirror::Pins;
use crate::copy::{ExistingContent, Progress as _};
use crate::list::Attachments;
use crate::report;
use crate::workspace::{self, OpenList};
use layout::{LayoutError, LayoutErrorKind, LayoutVerification};
use messages::Advice;
use registry::auth::credentials::ProcessEnvironment;

/// The largest inventory that is read, in bytes.
const LARGEST_INVENTORY: u64 = 64 << 20;

pub(super) fn run(flags: &Flags, command: &BundleCommand) -> anyhow::Result<Exit> {
    match command {
        BundleCommand::Export(arguments) => run_export(flags, arguments),
        BundleCommand::Import(arguments) => run_import(flags, arguments),
        BundleCommand::Merge(arguments) => run_merge(arguments),
        BundleCommand::List(arguments) => run_list(arguments),
        BundleCommand::Verify(arguments) => run_verify(arguments),
        BundleCommand::Serve(arguments) => run_serve(arguments),
    }
}

fn run_export(flags: &Flags, arguments: &ExportArgs) -> anyhow::Result<Exit> {
    let options = export_options(flags, arguments)?;
    let (lists, others) = targets::lists(flags)?;
    let charts = match options.chart {
        ChartChoice::Included => Charts::requested(None, &arguments.only),
        ChartChoice::LeftOut => Charts::LeftOut,
    };
    let all = lists.iter().chain(&others);
    let destination = destination_of(arguments.destination.as_ref());
    targets::publications(all, &destination, Unnamed::All, charts).check()?;
    let lists = parts::with_images(lists, &arguments.only)?;
    let workspace = workspace::workspace_of(&flags.list_file()?)?;
    let exported: Vec<ExportedList<'_>> = lists
        .iter()
        .map(|open| ExportedList {
            file: &open.file,
            list: &open.list,
            only: parts::globs_of(open, &lists, &arguments.only),
        })
        .collect();
    let mut plan = export::plan(&exported, workspace.as_deref(), &options)?;
    // Outside of the runtime: an interruption ends helm and this program at once.
    plan.fetch_charts()?;
    let scope = RunScope {
        destinations: arguments.destination.iter().cloned().collect(),
        ..RunScope::of("bundle export")
    };
    let progress = Arc::new(ProgressDisplay::begin(&scope));
    let events = Arc::clone(&progress) as Arc<_>;
    let report = runtime::block_on(export::run(&plan, &options, &ProcessEnvironment, events));
    let exit_of = |report: &ExportReport| match report.has_failed() {
        true => Exit::Failed,
        false => Exit::Done,
    };
    progress.finish(parts::exit_of(&report, exit_of));
    let report = report?;
    match arguments.format {
        TextOrJson::Human => {
            terminal::result(&report::bundle::exported(&report, terminal::presentation()))?;
        }
        TextOrJson::Json => terminal::result_for_programs(
            &report::bundle::exported_json(&report),
            &report::bundle::summary(&report),
        )?,
    }
    Ok(exit_of(&report))
}

fn export_options(flags: &Flags, arguments: &ExportArgs) -> anyhow::Result<ExportOptions> {
    let against = arguments.against.as_ref().map(|file| {
        let name = file.display();
        let text = regular_file::read_text(file, LARGEST_INVENTORY)
            .with_context(|| format!("cannot read the inventory `{name}`"))?;
        DestinationInventory::parse(&text).map_err(|why| {
            let advice = Advice::new(format!("`{name}`: {}", why.message));
            anyhow::Error::from(Advice { hint: why.hint, ..advice })
        })
    });
    let tool = match &arguments.with_tool {
        None => None,
        Some(Some(path)) => Some(path.clone()),
        Some(None) => {
            Some(std::env::current_exe().context("the path of this program is not known")?)
        }
    };
    Ok(ExportOptions {
        output: location(&arguments.output)?,
        destination: arguments.destination.clone(),
        chart: if arguments.no_chart { ChartChoice::LeftOut } else { ChartChoice::Included },
        attachments: if arguments.attachments { Attachments::Copy } else { Attachments::Ignore },
        pins: if arguments.pinned { Pins::Alone } else { Pins::MatchTags },
        against: against.transpose()?,
        split: arguments.split,
        tool,
        concurrency: arguments.jobs.map(usize::from),
        retry: flags.patience(),
    })
}

fn run_import(flags: &Flags, arguments: &ImportArgs) -> anyhow::Result<Exit> {
    let bundle = open(&arguments.bundle)?;
    let (lists, others, origin) = imported_lists(flags, &bundle)?;
    let destination = destination_of(arguments.destination.as_ref());
    let all = || lists.iter().chain(&others);
    let (unnamed, charts) = (Unnamed::TheOnlyOne, Charts::LeftOut);
    let mut published = targets::publications(all(), &destination, unnamed, charts);
    let with_chart = arguments.with_chart.with_chart.as_ref();
    if with_chart.is_some() || arguments.only.is_empty() {
        targets::each(all(), &destination, unnamed, |at| {
            let plan = import::chart_plan(&bundle, at, origin, with_chart);
            published.add(plan.and_then(|plan| at.chart(&plan)));
        });
    }
    published.check()?;
    let lists = parts::with_images(lists, &arguments.only)?;
    let parts = parts::parts(&lists, &destination, Unnamed::TheOnlyOne)?;
    hashed(&bundle, "bundle import")?.into_result()?;
    terminal::message(&report::bundle::opened(&bundle, origin));
    parts::run_each("bundle import", &parts, arguments.format, |part| {
        import_list(flags, &bundle, part, origin, &lists, arguments)
    })
}

fn destination_of(requested: Option<&String>) -> DestinationArgs {
    DestinationArgs {
        destination: requested.into_iter().cloned().collect(),
        all_destinations: false,
    }
}

/// The lists to import, the others beside them, and where they come from.
fn imported_lists(
    flags: &Flags,
    bundle: &OpenBundle,
) -> anyhow::Result<(Vec<OpenList>, Vec<OpenList>, ListOrigin)> {
    if flags.images.is_some() {
        let (lists, others) = targets::lists(flags)?;
        return Ok((lists, others, ListOrigin::Site));
    }
    let lists = |members: &[String]| -> anyhow::Result<Vec<OpenList>> {
        let lists = bundle.lists(members)?.into_iter();
        Ok(lists.map(|(file, list)| OpenList { file, list }).collect())
    };
    let (selected, mut others) = (lists(&flags.member)?, lists(&[])?);
    others.retain(|other| selected.iter().all(|list| list.file != other.file));
    Ok((selected, others, ListOrigin::Bundle))
}

fn open(arguments: &BundleArgs) -> Result<OpenBundle, LayoutError> {
    let keys = required_keys(&arguments.signature.require_signature)?;
    OpenBundle::open(&arguments.bundle, keys.as_ref())
}

/// Hashes everything in a bundle.
fn hashed(bundle: &OpenBundle, command: &'static str) -> Result<LayoutVerification, LayoutError> {
    let progress = ProgressDisplay::begin(&RunScope::of(command));
    progress.checking("hashing the bundle", 0);
    let verified = bundle.verify(&|_| {});
    let is_sound = verified.as_ref().is_ok_and(|it| it.damages.is_empty());
    progress.finish(if is_sound { Exit::Done } else { Exit::Failed });
    verified
}

fn import_list(
    flags: &Flags,
    bundle: &OpenBundle,
    part: &Part<'_>,
    origin: ListOrigin,
    lists: &[OpenList],
    arguments: &ImportArgs,
) -> anyhow::Result<(Output, Exit)> {
    let OpenList { file, list } = part.open;
    let existing =
        if arguments.repair { ExistingContent::Checked } else { ExistingContent::Trusted };
    let options = ImportOptions {
        destination: part.destination.clone(),
        only: parts::globs_of(part.open, lists, &arguments.only),
        charts: arguments.with_chart.with_chart.clone(),
        concurrency: arguments.jobs.map(usize::from),
        existing,
        retry: flags.patience(),
    };
    let imported = ImportedList { list, file, origin };
    let scope = targets::scope("bundle import", part, None);
    let progress = Arc::new(ProgressDisplay::begin(&scope));
    let events = Arc::clone(&progress) as Arc<_>;
    let report = import::run(bundle, &imported, &options, &ProcessEnvironment, events);
    let report = runtime::block_on(report);
    progress.finish(parts::exit_of(&report, super::mirror_parts::exit_of));
    Ok(mirror::copied(&report?, arguments.format))
}

fn run_merge(arguments: &MergeArgs) -> anyhow::Result<Exit> {
    let output = location(&arguments.output)?;
    let required = required_keys(&arguments.signature.require_signature)?;
    let (bundles, split) = (arguments.bundles.clone(), arguments.split);
    let options = MergeOptions { output, bundles, split, required };
    let progress = ProgressDisplay::begin(&RunScope::of("bundle merge"));
    progress.checking("merging the bundles", 0);
    // On another thread, so that an interruption ends the run.
    let merging = async { tokio::task::spawn_blocking(move || merge::run(&options)).await? };
    let report = runtime::block_on(merging);
    progress.finish(parts::exit_of(&report, |_| Exit::Done));
    let report = report?;
    match arguments.format {
        TextOrJson::Human => terminal::result(&report::bundle_merge::merged(&report))?,
        TextOrJson::Json => terminal::result_for_programs(
            &report::bundle_merge::merged_json(&report),
            &report::bundle_merge::summary(&report),
        )?,
    }
    Ok(Exit::Done)
}

fn run_list(arguments: &BundleListArgs) -> anyhow::Result<Exit> {
    let bundle = open(&arguments.bundle)?;
    match arguments.format {
        TextOrJson::Human => terminal::result(&report::bundle::listed(&bundle))?,
        TextOrJson::Json => terminal::result_for_programs(
            &bundle.inventory.text(),
            &report::bundle::opened(&bundle, ListOrigin::Bundle),
        )?,
    }
    Ok(Exit::Done)
}

fn run_verify(arguments: &BundleVerifyArgs) -> anyhow::Result<Exit> {
    let bundle = match open(&arguments.bundle) {
        Err(LayoutError { kind: LayoutErrorKind::Damaged, advice }) => {
            terminal::result(&report::bundle::refused(&advice, terminal::presentation()))?;
            return Ok(Exit::Failed);
        }
        opened => opened?,
    };
    let verification = hashed(&bundle, "bundle verify")?;
    terminal::result(&report::bundle::verified(&bundle, &verification, terminal::presentation()))?;
    Ok(if verification.damages.is_empty() { Exit::Done } else { Exit::Failed })
}

fn run_serve(arguments: &ServeArgs) -> anyhow::Result<Exit> {
    let bundle = open(&arguments.bundle)?;
    runtime::block_on_service(async |end| {
        let service = serve::open(&bundle, arguments.listen).await?;
        let address = service.address();
        if let Some(warning) = report::bundle::not_served(&bundle) {
            terminal::message(&warning);
        }
        terminal::result(&report::bundle::served(&bundle, address))?;
        if !address.ip().is_loopback() {
            terminal::message(
                "warning: anyone who reaches this address can read the bundle; there is no TLS and no login",
            );
        }
        service.serve(end).await;
        Ok(())
    })?;
    Ok(Exit::Done)
}
