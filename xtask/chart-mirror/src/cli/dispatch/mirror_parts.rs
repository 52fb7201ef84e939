//! The parts of a run of `mirror`: prepared one after the other, and copied at the same time.

use std::cell::Cell;
use std::sync::Arc;

use super::parts::{self, Part};
use super::targets;
use crate::cli::exit::Exit;
use crate::cli::flags::{Flags, MirrorArgs, TextOrJson};
use crate::cli::runtime::Interrupted;
use crate::cli::terminal::{ProgressDisplay, RunScope};
use crate::cli::{runtime, terminal};
use crate::commands::mirror::planned::PlannedOptions;
use crate::commands::mirror::result::MirrorReport;
use crate::commands::mirror::timeline::Timeline;
use crate::commands::mirror::{MirrorOptions, MirrorPlan, MirrorRun, Pins, Together};
use crate::commands::publications::Publications;
use crate::commands::{images, mirror};
use crate::copy::{ContentRecord, Effects, ExistingContent};
use crate::files::folder_of;
use crate::list::{Attachments, ImageList};
use crate::report::{self, mirror::ReportFormat};
use crate::workspace::OpenList;
use messages::Advice;
use registry::auth::credentials::ProcessEnvironment;

/// A run of the command.
pub(super) struct MirrorCommand<'a> {
    pub(super) flags: &'a Flags,
    pub(super) arguments: &'a MirrorArgs,
    /// What is copied of the images: as the flags say, or a plan.
    pub(super) options: PlannedOptions,
    pub(super) lists: &'a [OpenList],
    pub(super) published: Publications,
    /// Of what is copied, for `--trace`.
    pub(super) timeline: Option<Arc<Timeline>>,
}

/// A part that is ready to be copied.
pub(super) struct Prepared {
    list: ImageList,
    pub(super) plan: MirrorPlan,
    pub(super) options: MirrorOptions,
}

impl Prepared {
    pub(super) fn run(&self) -> MirrorRun<'_> {
        MirrorRun { list: &self.list, plan: &self.plan, options: &self.options }
    }
}

impl MirrorCommand<'_> {
    pub(super) fn prepare(&mut self, part: &Part<'_>) -> anyhow::Result<Prepared> {
        let Self { flags, arguments, lists, options: chosen, .. } = *self;
        let (mut list, requested) = (part.open.list.clone(), &part.destination);
        let chart = arguments.chart.options();
        if !chart.is_empty() {
            let destination = list.choose(requested.as_deref())?;
            let (of_chart, inventory) =
                images::of_chart(&list, &part.open.file, &chart, &destination)?;
            report::images::warnings(&inventory).iter().for_each(|text| terminal::message(text));
            list = of_chart;
        }
        let attachments = if chosen.attachments { Attachments::Copy } else { Attachments::Ignore };
        let existing =
            if chosen.repair { ExistingContent::Checked } else { ExistingContent::Trusted };
        let options = MirrorOptions {
            destination: requested.clone(),
            charts: arguments.with_chart.with_chart.clone(),
            only: parts::globs_of(part.open, lists, &arguments.only),
            // A plan has assigned the images to shards.
            shard: arguments.shard.filter(|_| arguments.planning.apply.is_none()),
            concurrency: arguments.jobs.map(usize::from),
            attachments,
            existing,
            pins: if chosen.pinned { Pins::Alone } else { Pins::MatchTags },
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
    pub(super) fn prepare_with_chart(&mut self, part: &Part<'_>) -> anyhow::Result<Prepared> {
        let mut prepared = self.prepare(part)?;
        let chart_was_known = prepared.plan.knows_chart();
        prepared.plan.fetch_chart();
        if !chart_was_known {
            replace(&mut self.published, part, &prepared.plan)?;
        }
        Ok(prepared)
    }
}

/// Runs everything at the same time. The reports are in the order of the runs. Without what they did together, the
/// run was interrupted.
pub(super) fn copy_all(
    runs: &[MirrorRun<'_>],
    parts: &[&Part<'_>],
    timeline: Option<&Arc<Timeline>>,
) -> anyhow::Result<(Vec<anyhow::Result<MirrorReport>>, Option<Together>)> {
    let results: Vec<Cell<Option<anyhow::Result<MirrorReport>>>> =
        runs.iter().map(|_| Cell::default()).collect();
    let images = runs.iter().map(|run| run.plan.transfers.len()).sum();
    let effects = runs.first().map(|run| run.options.effects).unwrap_or_default();
    let command = match effects {
        Effects::Applied => "mirror",
        Effects::Planned => "mirror --plan",
    };
    let scope = targets::scope_of_all(command, parts, images);
    let progress = Arc::new(ProgressDisplay::begin(&RunScope { effects, ..scope }));
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

/// Only documents have the content of images: reports, and plans.
fn content_record(arguments: &MirrorArgs) -> ContentRecord {
    let mut formats = arguments.report.iter().map(|(format, _)| *format);
    let is_needed = arguments.planning.plan.is_some()
        || arguments.format == TextOrJson::Json
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

pub(super) fn exit_of(report: &MirrorReport) -> Exit {
    if report.has_failed() { Exit::Failed } else { Exit::Done }
}
