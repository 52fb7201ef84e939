//! `mirror --plan` and `mirror --apply`.

use std::path::Path;

use anyhow::Context as _;

use super::mirror_parts::{MirrorCommand, Prepared, copy_all};
use super::parts::Part;
use super::report_files::write_each;
use super::targets;
use crate::cli::exit::Exit;
use crate::cli::flags::{MirrorArgs, TextOrJson};
use crate::cli::{runtime, terminal};
use crate::commands::mirror::planned::{PlannedPart, PlannedRun};
use crate::commands::mirror::planned_error::MAKE_ANOTHER_PLAN;
use crate::commands::mirror::stale::{self, PlanChange};
use crate::commands::mirror::{MirrorRun, shards};
use crate::commands::report_page::SavedReport;
use crate::copy::Effects;
use crate::files::write_atomically;
use crate::plan::Shard;
use crate::report;
use crate::report::mirror::ReportFormat;
use crate::workspace::OpenList;
use messages::Advice;
use messages::program::command;
use registry::auth::credentials::ProcessEnvironment;

/// How many changes an error names.
const SHOWN: usize = 20;
/// The largest plan that is read, in bytes: enough for 100,000 images.
const LARGEST_PLAN: u64 = 256 << 20;

/// What is not written about a plan.
pub(super) fn refuse_metrics(arguments: &MirrorArgs) -> Result<(), Advice> {
    let mut formats = arguments.report.iter().map(|(format, _)| *format);
    if arguments.planning.plan.is_none() || formats.all(|it| it != ReportFormat::Prometheus) {
        return Ok(());
    }
    Err(Advice::new("`--plan` copies nothing, so it has no metrics for `--report prometheus=`")
        .with_hint("use `json=` or `html=` for a plan; `--apply` writes metrics"))
}

/// Asks the registries what a run would do, and writes it to a file. `since` are earlier reports for the page.
pub(super) fn plan(
    command: &mut MirrorCommand<'_>,
    parts: &[Part<'_>],
    file: &Path,
    since: &[SavedReport],
) -> anyhow::Result<Exit> {
    let arguments = command.arguments;
    let prepared = prepare_without_effects(command, parts)?;
    let runs: Vec<MirrorRun<'_>> = prepared.iter().map(Prepared::run).collect();
    let (results, together) =
        copy_all(&runs, &parts.iter().collect::<Vec<_>>(), command.timeline.as_ref())?;
    if together.is_none() {
        return Err(runtime::Interrupted.into());
    }
    let options = command.options;
    let planned = parts.iter().zip(&results).map(|(part, result)| {
        let empty = PlannedPart {
            list: part.open.file.display().to_string(),
            requested_destination: part.destination.clone(),
            destination: targets::name_of(&part.open.list, part.destination.clone()),
            options,
            images: Vec::new(),
            chart: None,
            repositories: Vec::new(),
            error: None,
        };
        match result {
            Ok(report) => empty.with_report(report),
            Err(error) => PlannedPart { error: Some(format!("{error:#}")), ..empty },
        }
    });
    let mut plan = PlannedRun::new(planned.collect());
    if let Some(count) = arguments.planning.shards {
        shards::divide(&mut plan, count);
    }
    let text = serde_json::to_string_pretty(&plan)? + "\n";
    write_atomically(file, &text).with_context(|| format!("no plan in `{}`", file.display()))?;
    let rate = arguments.planning.rate;
    let written = write_each(&arguments.report, |format, _| {
        Ok(match format {
            ReportFormat::Html => report::html::page_of_plan(text.clone(), since, rate),
            ReportFormat::Json | ReportFormat::Prometheus => text.clone(),
        })
    });
    match arguments.format {
        TextOrJson::Json => terminal::result(&text)?,
        TextOrJson::Human => {
            let name = file.display().to_string();
            let presentation = terminal::presentation();
            terminal::result(&report::mirror::planned(&plan, &name, rate, presentation))?;
        }
    }
    written.map(|()| if plan.has_failed() { Exit::Failed } else { Exit::Done })
}

/// The parts of a run that writes nothing.
fn prepare_without_effects(
    command: &mut MirrorCommand<'_>,
    parts: &[Part<'_>],
) -> anyhow::Result<Vec<Prepared>> {
    let mut prepared = Vec::new();
    for part in parts {
        let mut one = command.prepare_with_chart(part)?;
        if let Some(layout) = &one.plan.destination.layout {
            // It would be created.
            let advice =
                Advice::new(format!("`--plan` needs a registry, and {layout} is a layout"));
            return Err(advice.with_hint("`-t` shows what a layout would get").into());
        }
        one.options.effects = Effects::Planned;
        prepared.push(one);
    }
    Ok(prepared)
}

/// Reads a plan.
///
/// # Errors
/// If the file cannot be read or has no plan, or if the plan was made for other machines.
pub(super) fn read(file: &Path, shard: Option<Shard>) -> anyhow::Result<PlannedRun> {
    let name = file.display().to_string();
    let text = regular_file::read(file, LARGEST_PLAN)
        .map_err(|error| anyhow::anyhow!("cannot read the plan `{name}`: {error}"))?;
    let plan = PlannedRun::parse(&name, &text)?;
    let count = shard.map(|shard| shard.count);
    if count != plan.shards {
        let machines = |count: Option<u32>| {
            count.map_or("one machine".to_owned(), |it| format!("{it} shards"))
        };
        let message =
            format!("`{name}` was made for {}, not for {}", machines(plan.shards), machines(count));
        let hint = match (plan.shards, count) {
            (Some(count), None) => {
                let first = command(format!("mirror --apply {name} --shard 1/{count}"));
                format!("{first} carries out the first shard")
            }
            _ => format!("{} makes one for 4 machines", command("mirror --plan FILE --shards 4")),
        };
        return Err(Advice::new(message).with_hint(hint).into());
    }
    Ok(plan)
}

/// The parts of a plan, with their lists.
///
/// # Errors
/// If a list is not there, or a part could not be planned.
pub(super) fn parts<'l>(plan: &PlannedRun, lists: &'l [OpenList]) -> Result<Vec<Part<'l>>, Advice> {
    let part = |planned: &PlannedPart| {
        let PlannedPart { list, destination, .. } = planned;
        if let Some(error) = &planned.error {
            return Err(Advice::new(format!("{list} to {destination} was not planned: {error}"))
                .with_hint(MAKE_ANOTHER_PLAN));
        }
        let open = lists.iter().find(|open| open.file.display().to_string() == *list);
        let open = open.ok_or_else(|| {
            let hint = "apply a plan in the folder where it was made, with the same `--images` and `--member`";
            Advice::new(format!("the plan is about `{list}`, which is not a list of this run"))
                .with_hint(hint)
        })?;
        Ok(Part { open, destination: planned.requested_destination.clone() })
    };
    plan.parts.iter().map(part).collect()
}

/// Prepares what a plan says, unless something has changed.
pub(super) fn prepare(
    command: &mut MirrorCommand<'_>,
    plan: &PlannedRun,
    parts: &[Part<'_>],
) -> anyhow::Result<Vec<Prepared>> {
    let (mut prepared, mut changed) = (Vec::new(), Vec::new());
    let shard = command.arguments.shard;
    for (part, planned) in parts.iter().zip(&plan.parts) {
        command.options = planned.options;
        let mut one = command.prepare_with_chart(part)?;
        changed.extend(
            one.plan.chart_change(planned).map(|what| format!("{}: {what}", planned.destination)),
        );
        let found =
            runtime::block_on(stale::compare(&one.run(), planned, shard, &ProcessEnvironment))?;
        let changes = found.changes.iter();
        changed.extend(changes.map(|PlanChange { target, what }| format!("{target}: {what}")));
        one.plan.keep_planned(planned, shard, found.requests);
        prepared.push(one);
    }
    if changed.is_empty() {
        return Ok(prepared);
    }
    let shown: Vec<String> = changed.iter().take(SHOWN).map(|line| format!("\n  {line}")).collect();
    let more = match changed.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    let message =
        format!("the plan is out of date, and nothing was copied:{}{more}", shown.concat());
    Err(Advice::new(message).with_hint(MAKE_ANOTHER_PLAN).into())
}
