//! `mirror`, from flags to its report.

use std::cell::Cell;
use std::sync::Arc;

use super::parts::{self, Output, Part, Unnamed};
use super::report_files::{RunReports, refuse_shared_files};
use super::targets::{self, Charts};
use super::trace_file::TraceFile;
use crate::cli::exit::Exit;
use crate::cli::flags::{Flags, MirrorArgs, TextOrJson};
use crate::cli::runtime::Interrupted;
use crate::cli::terminal::ProgressDisplay;
use crate::cli::{runtime, terminal};
use crate::commands::mirror::result::MirrorReport;
use crate::commands::mirror::timeline::Timeline;
use crate::commands::mirror::{MirrorOptions, MirrorPlan, MirrorRun, Pins, Together};
use crate::commands::publications::Publications;
use crate::commands::{images, mirror};
use crate::copy::{ContentRecord, ExistingContent};
use crate::files::folder_of;
use crate::list::{Attachments, ImageList};
use crate::report::{self, mirror::ReportFormat};
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
    let published = targets::publications(known, destinations, unnamed, charts);
    published.check()?;
    let lists = parts::with_images(lists, &arguments.only)?;
    let parts = parts::parts(&lists, destinations, unnamed)?;
    for open in &lists {
        refuse_shared_files(&open.file, &arguments.report, arguments.trace.as_deref())?;
    }
    let mut reports = RunReports::new(&arguments.report, &arguments.since.since)?;
    let trace = arguments.trace.as_deref().map(TraceFile::new).transpose()?;
    let timeline = trace.as_ref().map(|trace| Arc::clone(&trace.timeline));
    let mut command = MirrorCommand { flags, arguments, lists: &lists, published, timeline };
    let result = match arguments.dry_run {
        true => parts::run_each("mirror", &parts, arguments.format, |part| {
            let prepared = command.prepare(part);
            reports.add(part, Exit::Done, prepared.as_ref().map(|_| None));
            Ok((dry_run(&prepared?.plan, arguments.format), Exit::Done))
        }),
        false => command.copy(&parts, &mut reports),
    };
    let result = reports.finish(&parts, result);
    match trace {
        Some(trace) => trace.finish(result),
        None => result,
    }
}

/// A run of the command.
struct MirrorCommand<'a> {
    flags: &'a Flags,
    arguments: &'a MirrorArgs,
    lists: &'a [OpenList],
    published: Publications,
    /// Of what is copied, for `--trace`.
    timeline: Option<Arc<Timeline>>,
}

/// A part that is ready to be copied.
struct Prepared {
    list: ImageList,
    plan: MirrorPlan,
    options: MirrorOptions,
}

impl MirrorCommand<'_> {
    fn prepare(&mut self, part: &Part<'_>) -> anyhow::Result<Prepared> {
        let Self { flags, arguments, lists, .. } = *self;
        let (mut list, requested) = (part.open.list.clone(), &part.destination);
        let chart = arguments.chart.options();
        if !chart.is_empty() {
            let destination = list.choose(requested.as_deref())?;
            let (of_chart, inventory) =
                images::of_chart(&list, &part.open.file, &chart, &destination)?;
            report::images::warnings(&inventory).iter().for_each(|text| terminal::message(text));
            list = of_chart;
        }
        let attachments =
            if arguments.attachments { Attachments::Copy } else { Attachments::Ignore };
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
            content: content_record(arguments),
            retry: flags.patience(),
            trace: self.timeline.as_ref().map(|timeline| Arc::clone(&timeline.trace)),
            ..MirrorOptions::default()
        };
        let mut plan = mirror::plan(&list, &options)?;
        plan.add_chart(&part.open.list, folder_of(&part.open.file), &options, &chart)?;
        if !chart.is_empty() {
            replace(&mut self.published, part, &plan)?;
        }
        Ok(Prepared { list, plan, options })
    }

    /// With the chart. Outside of the runtime: an interruption ends helm and this program at once.
    fn prepare_with_chart(&mut self, part: &Part<'_>) -> anyhow::Result<Prepared> {
        let mut prepared = self.prepare(part)?;
        let chart_was_known = prepared.plan.knows_chart();
        prepared.plan.fetch_chart();
        if !chart_was_known {
            replace(&mut self.published, part, &prepared.plan)?;
        }
        Ok(prepared)
    }

    /// Copies all parts in one run, and reports them.
    fn copy(&mut self, parts: &[Part<'_>], reports: &mut RunReports<'_>) -> anyhow::Result<Exit> {
        let prepared: Vec<anyhow::Result<Prepared>> =
            parts.iter().map(|part| self.prepare_with_chart(part)).collect();
        let (mut runs, mut positions) = (Vec::new(), Vec::new());
        for (position, prepared) in prepared.iter().enumerate() {
            if let Ok(Prepared { list, plan, options }) = prepared {
                runs.push(MirrorRun { list, plan, options });
                positions.push(position);
            }
        }
        let ready: Vec<&Part<'_>> = positions.iter().map(|position| &parts[*position]).collect();
        let (ended, together) = copy_all(&runs, &ready, self.timeline.as_ref())?;
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
            let (output, exit) = copied(&report, self.arguments.format);
            reports.add(part, exit, Ok(Some(report)));
            Ok((output, exit))
        });
        parts::report_all("mirror", parts, self.arguments.format, results, together)
    }
}

/// Runs everything at the same time. The reports are in the order of the runs. Without what they did together, the
/// run was interrupted.
fn copy_all(
    runs: &[MirrorRun<'_>],
    parts: &[&Part<'_>],
    timeline: Option<&Arc<Timeline>>,
) -> anyhow::Result<(Vec<anyhow::Result<MirrorReport>>, Option<Together>)> {
    let results: Vec<Cell<Option<anyhow::Result<MirrorReport>>>> =
        runs.iter().map(|_| Cell::default()).collect();
    let images = runs.iter().map(|run| run.plan.transfers.len()).sum();
    let progress =
        Arc::new(ProgressDisplay::begin(&targets::scope_of_all("mirror", parts, images)));
    let events = Arc::clone(&progress) as Arc<_>;
    let events = match timeline {
        Some(timeline) => timeline.observe(events),
        None => events,
    };
    let together = runtime::block_on(async {
        let on_end = |run: usize, result| results[run].set(Some(result));
        Ok(mirror::run_together(runs, &ProcessEnvironment, events, &on_end).await)
    });
    let interrupted = || Err(Interrupted.into());
    let results: Vec<_> =
        results.into_iter().map(|cell| cell.into_inner().unwrap_or_else(interrupted)).collect();
    let exits = results.iter().map(|result| parts::exit_of(result, exit_of));
    progress.finish(exits.max().unwrap_or(Exit::Done));
    match together {
        Ok(together) => Ok((results, Some(together))),
        Err(error) if error.is::<Interrupted>() => Ok((results, None)),
        Err(error) => Err(error),
    }
}

/// Only documents have the content of images.
fn content_record(arguments: &MirrorArgs) -> ContentRecord {
    let mut formats = arguments.report.iter().map(|(format, _)| *format);
    let is_needed = arguments.format == TextOrJson::Json
        || formats.any(|format| format != ReportFormat::Prometheus);
    if is_needed { ContentRecord::Kept } else { ContentRecord::Dropped }
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
