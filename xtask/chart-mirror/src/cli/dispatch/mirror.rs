//! `mirror`, from flags to its report.

use std::sync::Arc;

use super::mirror_parts::{MirrorCommand, Prepared, copy_all, exit_of};
use super::parts::{self, Output, Part, Unnamed};
use super::planned;
use super::report_files::{RunReports, check_place, refuse_shared_files};
use super::targets::{self, Charts};
use super::trace_file::TraceFile;
use crate::cli::exit::Exit;
use crate::cli::flags::{Flags, MirrorArgs, TextOrJson};
use crate::cli::runtime::Interrupted;
use crate::cli::terminal;
use crate::commands::mirror::MirrorPlan;
use crate::commands::mirror::planned::PlannedOptions;
use crate::commands::mirror::result::MirrorReport;
use crate::report;
use crate::workspace::OpenList;
use messages::Advice;

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
    let destinations = &arguments.destination;
    let unnamed = match &arguments.planning.apply {
        Some(_) => Unnamed::All,
        None => Unnamed::TheOnlyOne,
    };
    let published = targets::publications(known, destinations, unnamed, charts);
    published.check()?;
    let lists = parts::with_images(lists, &arguments.only)?;
    let plan = arguments.planning.apply.as_ref();
    let planned = plan.map(|file| planned::read(file, arguments.shard)).transpose()?;
    let parts = match &planned {
        Some(plan) => planned::parts(plan, &lists)?,
        None => parts::parts(&lists, destinations, unnamed)?,
    };
    refuse_shared(&lists, arguments)?;
    planned::refuse_metrics(arguments)?;
    let mut reports = RunReports::new(&arguments.report, &arguments.since.since)?;
    let options = PlannedOptions {
        attachments: arguments.attachments,
        repair: arguments.repair,
        pinned: arguments.pinned,
    };
    let trace = arguments.trace.as_deref().map(TraceFile::new).transpose()?;
    let timeline = trace.as_ref().map(|trace| Arc::clone(&trace.timeline));
    let mut command =
        MirrorCommand { flags, arguments, options, lists: &lists, published, timeline };
    if let Some(file) = &arguments.planning.plan {
        let result = planned::plan(&mut command, &parts, file, &reports.since);
        return finish(trace, result);
    }
    let result = if arguments.dry_run {
        parts::run_each("mirror", &parts, arguments.format, |part| {
            let prepared = command.prepare(part);
            reports.add(part, Exit::Done, prepared.as_ref().map(|_| None));
            Ok((dry_run(&prepared?.plan, arguments.format), Exit::Done))
        })
    } else {
        let prepared = match &planned {
            Some(plan) => {
                planned::prepare(&mut command, plan, &parts)?.into_iter().map(Ok).collect()
            }
            None => parts.iter().map(|part| command.prepare_with_chart(part)).collect(),
        };
        copy(&command, &parts, prepared, &mut reports)
    };
    let result = reports.finish(&parts, result);
    finish(trace, result)
}

fn finish(trace: Option<TraceFile<'_>>, result: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    match trace {
        Some(trace) => trace.finish(result),
        None => result,
    }
}

/// No file that the run writes is another one of it, or one of a list.
fn refuse_shared(lists: &[OpenList], arguments: &MirrorArgs) -> Result<(), Advice> {
    let trace = arguments.trace.as_deref().map(|file| ("--trace", "the trace", file));
    let plan = arguments.planning.plan.as_deref().map(|file| ("--plan", "the plan", file));
    if let Some((_, _, file)) = plan {
        check_place("--plan ", file)?;
    }
    let others: Vec<_> = trace.into_iter().chain(plan).collect();
    lists.iter().try_for_each(|open| refuse_shared_files(&open.file, &arguments.report, &others))
}

/// Copies all parts in one run, and reports them.
fn copy(
    command: &MirrorCommand<'_>,
    parts: &[Part<'_>],
    prepared: Vec<anyhow::Result<Prepared>>,
    reports: &mut RunReports<'_>,
) -> anyhow::Result<Exit> {
    let (mut runs, mut positions) = (Vec::new(), Vec::new());
    for (position, prepared) in prepared.iter().enumerate() {
        if let Ok(prepared) = prepared {
            runs.push(prepared.run());
            positions.push(position);
        }
    }
    let ready: Vec<&Part<'_>> = positions.iter().map(|position| &parts[*position]).collect();
    let (ended, together) = copy_all(&runs, &ready, command.timeline.as_ref())?;
    let mut results: Vec<Option<anyhow::Result<MirrorReport>>> =
        prepared.into_iter().map(|prepared| prepared.err().map(Err)).collect();
    for (position, result) in positions.into_iter().zip(ended) {
        results[position] = Some(result);
    }
    reports.together = together;
    let results = parts.iter().zip(results).map(|(part, result)| {
        let report = match result.unwrap_or_else(|| Err(Interrupted.into())) {
            Ok(report) => report,
            Err(error) => {
                reports.add(part, Exit::CouldNotRun, Err(&error));
                return Err(error);
            }
        };
        let (output, exit) = copied(&report, command.arguments.format);
        reports.add(part, exit, Ok(Some(report)));
        Ok((output, exit))
    });
    parts::report_all("mirror", parts, command.arguments.format, results, together)
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
