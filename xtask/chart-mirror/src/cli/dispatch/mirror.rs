//! `mirror`, from flags to its report.

use std::sync::Arc;

use super::parts::{self, Output, Part, Unnamed};
use super::report_files::{RunReports, refuse_shared_files};
use super::targets::{self, Charts};
use crate::cli::exit::Exit;
use crate::cli::flags::{Flags, MirrorArgs, TextOrJson};
use crate::cli::terminal::ProgressDisplay;
use crate::cli::{runtime, terminal};
use crate::commands::mirror::result::MirrorReport;
use crate::commands::mirror::{MirrorOptions, MirrorPlan, Pins};
use crate::commands::publications::Publications;
use crate::commands::{images, mirror};
use crate::copy::ExistingContent;
use crate::files::folder_of;
use crate::list::Attachments;
use crate::report;
use crate::workspace::OpenList;
use messages::Advice;
use registry::auth::credentials::ProcessEnvironment;

pub(super) fn run(flags: &Flags, arguments: &MirrorArgs) -> anyhow::Result<Exit> {
    let (lists, others) = targets::lists(flags)?;
    let is_of_list = arguments.chart.options().is_empty();
    let lists = match is_of_list {
        true => lists,
        false => vec![parts::only(lists, "`-c`, `-r` or `--version`")?],
    };
    let charts = Charts::requested(arguments.with_chart.with_chart.as_ref(), &arguments.only);
    // The images of another chart are not known yet.
    let known = lists.iter().filter(|_| is_of_list).chain(&others);
    let (unnamed, destinations) = (Unnamed::TheOnlyOne, &arguments.destination);
    let mut published = targets::publications(known, destinations, unnamed, charts);
    published.check()?;
    let lists = parts::with_images(lists, &arguments.only)?;
    let parts = parts::parts(&lists, destinations, unnamed)?;
    for open in &lists {
        refuse_shared_files(&open.file, &arguments.report)?;
    }
    let mut reports = RunReports::new(&arguments.report)?;
    let result = parts::run_each("mirror", &parts, arguments.format, |part| {
        let ran = run_part(flags, part, &lists, arguments, &mut published);
        match ran {
            Ok((output, exit, report)) => {
                reports.add(part, exit, Ok(report));
                Ok((output, exit))
            }
            Err(error) => {
                reports.add(part, Exit::CouldNotRun, Err(&error));
                Err(error)
            }
        }
    });
    reports.finish(&parts, result)
}

fn run_part(
    flags: &Flags,
    part: &Part<'_>,
    lists: &[OpenList],
    arguments: &MirrorArgs,
    published: &mut Publications,
) -> anyhow::Result<(Output, Exit, Option<MirrorReport>)> {
    let (mut list, requested) = (part.open.list.clone(), &part.destination);
    let chart = arguments.chart.options();
    if !chart.is_empty() {
        let destination = list.choose(requested.as_deref())?;
        let (of_chart, inventory) = images::of_chart(&list, &part.open.file, &chart, &destination)?;
        report::images::warnings(&inventory).iter().for_each(|text| terminal::message(text));
        list = of_chart;
    }
    let attachments = if arguments.attachments { Attachments::Copy } else { Attachments::Ignore };
    let existing =
        if arguments.repair { ExistingContent::Checked } else { ExistingContent::Trusted };
    let options = MirrorOptions {
        destination: requested.clone(),
        charts: arguments.with_chart.with_chart.clone(),
        only: parts::globs_of(part.open, lists, &arguments.only),
        shard: arguments.shard,
        concurrency: arguments.jobs.map(usize::from),
        attachments,
        existing,
        pins: if arguments.pinned { Pins::Alone } else { Pins::MatchTags },
        source: arguments.source.source.clone(),
        retry: flags.patience(),
        ..MirrorOptions::default()
    };
    let mut plan = mirror::plan(&list, &options)?;
    plan.add_chart(&part.open.list, folder_of(&part.open.file), &options, &chart)?;
    if !chart.is_empty() {
        replace(published, part, &plan)?;
    }
    if arguments.dry_run {
        return Ok((dry_run(&plan, arguments.format), Exit::Done, None));
    }
    // Outside of the runtime: an interruption ends helm and this program at once.
    let chart_was_known = plan.knows_chart();
    plan.fetch_chart();
    if !chart_was_known {
        replace(published, part, &plan)?;
    }
    let scope = targets::scope("mirror", part, Some(plan.transfers.len()));
    let progress = Arc::new(ProgressDisplay::begin(&scope));
    let events = Arc::clone(&progress) as Arc<_>;
    let report =
        runtime::block_on(mirror::run(&list, &plan, &options, &ProcessEnvironment, events));
    progress.finish(parts::exit_of(&report, exit_of));
    let report = report?;
    let (output, exit) = copied(&report, arguments.format);
    Ok((output, exit, Some(report)))
}

/// Adds what was not known when the run began.
fn replace(
    published: &mut Publications,
    Part { open, destination }: &Part<'_>,
    plan: &MirrorPlan,
) -> Result<(), Advice> {
    let name = targets::name_of(&open.list, destination.clone());
    published.replace(plan.publications(&open.file.display().to_string(), &name))
}

/// The output and the exit code of a run that copied images.
pub(super) fn copied(report: &MirrorReport, format: TextOrJson) -> (Output, Exit) {
    let output = match format {
        TextOrJson::Human => Output::human(report::mirror::human(report, terminal::presentation())),
        TextOrJson::Json => {
            Output::json(report::mirror::json(report), report::mirror::summary(report))
        }
    };
    (output, exit_of(report))
}

pub(super) fn exit_of(report: &MirrorReport) -> Exit {
    if report.has_failed() { Exit::Failed } else { Exit::Done }
}

fn dry_run(plan: &MirrorPlan, format: TextOrJson) -> Output {
    match format {
        TextOrJson::Human => {
            // On stderr, because programs read the lines that `copy_images.sh` prints.
            for line in plan.repositories().iter().map(report::mirror::dry_run_of_ecr) {
                line.lines().for_each(terminal::message);
            }
            Output::human(report::mirror::dry_run(&plan.transfers, plan.chart.as_ref()))
        }
        TextOrJson::Json => {
            let destination = plan.destination.to_string();
            let json = report::mirror::dry_run_json(
                &destination,
                &plan.transfers,
                plan.chart.as_ref(),
                plan.repositories().as_ref(),
            );
            Output::json(json, String::new())
        }
    }
}
