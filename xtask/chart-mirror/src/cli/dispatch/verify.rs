//! `verify`, from flags to reports: one on stdout, one in each requested file, and the job summary of
//! GitHub Actions.

use std::path::Path;

use super::parts::{self, Unnamed};
use super::report_files::{earlier_reports, refuse_shared_files, successes_in, write_each};
use super::targets::{self, Charts};
use crate::cli::exit::Exit;
use crate::cli::flags::{Flags, VerifyArgs};
use crate::cli::runtime::Interrupted;
use crate::cli::terminal::{ProgressDisplay, RunScope};
use crate::cli::{runtime, terminal};
use crate::commands::publications::Publications;
use crate::commands::report_page::SavedReport;
use crate::commands::verify::{
    Input, Verification, VerifyOptions, VerifyReport, not_run, unusable,
};
use crate::files::append;
use crate::list::Problems;
use crate::list::finding_code::Check;
use crate::report::presentation::Presentation;
use crate::report::verify::{self, Format};
use crate::workspace::{self, OpenList, Opened, Unreadable};
use messages::Advice;
use registry::auth::credentials::ProcessEnvironment;

/// Why a list was not checked.
const INTERRUPTED: &str = "the run was interrupted";

pub(super) fn run(flags: &Flags, arguments: &VerifyArgs) -> anyhow::Result<Exit> {
    let file = &flags.list_file()?;
    let since = &earlier_reports(&arguments.since.since, page_of(arguments))?;
    refuse_shared_files(file, &arguments.report, &[])?;
    let opened = match workspace::open(file, &flags.member) {
        Ok(opened) => opened,
        Err(error) => return refuse(file, error, arguments, since),
    };
    let Opened { lists, unreadable, others } = opened;
    let files = lists.iter().map(|open| &open.file);
    for file in files.chain(unreadable.iter().map(|list| &list.file)) {
        refuse_shared_files(file, &arguments.report, &[])?;
    }
    let (mut reports, mut interrupted) = (Vec::new(), None);
    let charts = Charts::requested(arguments.with_chart.with_chart.as_ref(), &arguments.image);
    let all = lists.iter().chain(&others);
    let published = targets::publications(all, &arguments.destination, Unnamed::All, charts);
    // What no list has may be in one that cannot be read.
    let lists = match unreadable.is_empty() {
        true => parts::with_images(lists, &arguments.image)?,
        false => parts::with_any_image(lists, &arguments.image)?,
    };
    if !lists.is_empty() {
        (reports, interrupted) = verify_each(flags, arguments, &lists, &published)?;
    }
    for Unreadable { file, error } in &unreadable {
        reports.push(unusable(&runtime::name_in_reports(file), error));
    }
    let report = match <[VerifyReport; 1]>::try_from(reports) {
        Ok([only]) => only,
        Err(several) => VerifyReport::of_several(runtime::name_in_reports(file), several),
    };
    // Files first: the reader of stdout may be gone.
    let written = write_reports(&report, arguments, since);
    let text = rendered(arguments.format, &report, terminal::presentation(), since);
    match arguments.format {
        Format::Human | Format::Github => terminal::result(&text),
        _ => terminal::result_for_programs(&text, &verify::summary(&report)),
    }?;
    written?;
    if let Some(interrupted) = interrupted {
        return Err(interrupted);
    }
    if !unreadable.is_empty() {
        let names: Vec<String> =
            unreadable.iter().map(|list| list.file.display().to_string()).collect();
        let message = format!("lists that cannot be used: `{}`", names.join("`, `"));
        return Err(Advice::new(message).with_hint("the report has their problems").into());
    }
    Ok(exit_of(&report))
}

fn exit_of(report: &VerifyReport) -> Exit {
    if report.passes() { Exit::Done } else { Exit::Failed }
}

/// The result for a list that cannot be opened. Programs that read reports learn about it as well. For people
/// it goes to stderr.
fn refuse(
    file: &Path,
    error: anyhow::Error,
    arguments: &VerifyArgs,
    since: &[SavedReport],
) -> anyhow::Result<Exit> {
    let of_member = error.downcast_ref::<Problems>().map(Problems::file_name);
    let report = unusable(&runtime::name_in_reports(of_member.map_or(file, Path::new)), &error);
    if arguments.format != Format::Human {
        terminal::result(&rendered(arguments.format, &report, Presentation::default(), since))?;
    }
    write_reports(&report, arguments, since)?;
    Err(error)
}

/// A report for each list. An interruption is returned beside the reports: those of the lists that were not
/// checked have findings about it.
fn verify_each(
    flags: &Flags,
    arguments: &VerifyArgs,
    lists: &[OpenList],
    published: &Publications,
) -> anyhow::Result<(Vec<VerifyReport>, Option<anyhow::Error>)> {
    let (mut reports, mut interrupted) = (Vec::new(), None);
    for open in lists {
        let file_name = &runtime::name_in_reports(&open.file);
        if interrupted.is_none() && runtime::is_interrupted() {
            interrupted = Some(Interrupted.into());
        }
        if interrupted.is_some() {
            reports.push(not_run(file_name, checks(arguments), INTERRUPTED));
            continue;
        }
        let conflicts = &published.conflicts_of(&open.file);
        let input = Input { list: &open.list, file: &open.file, file_name, conflicts };
        let globs = parts::globs_of(open, lists, &arguments.image);
        match verified(flags, arguments, globs, input) {
            // Helm was interrupted as well, so what failed may be due to that.
            Ok(report) if !report.passes() && runtime::is_interrupted() => {
                reports.push(not_run(file_name, checks(arguments), INTERRUPTED));
                interrupted = Some(Interrupted.into());
            }
            Ok(report) => reports.push(report),
            Err(error) if error.is::<Interrupted>() && lists.len() > 1 => {
                reports.push(not_run(file_name, checks(arguments), INTERRUPTED));
                interrupted = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok((reports, interrupted))
}

fn checks(arguments: &VerifyArgs) -> Vec<Check> {
    match arguments.only.as_slice() {
        [] => Check::ALL.to_vec(),
        only => only.to_vec(),
    }
}

fn verified(
    flags: &Flags,
    arguments: &VerifyArgs,
    images: Vec<String>,
    input: Input<'_>,
) -> anyhow::Result<VerifyReport> {
    let options = VerifyOptions {
        destinations: match arguments.destination.all_destinations {
            true => Vec::new(),
            false => arguments.destination.destination.clone(),
        },
        images,
        checks: checks(arguments).into_iter().collect(),
        deep: arguments.deep,
        strict: arguments.strict,
        chart: arguments.chart.options(),
        charts: arguments.with_chart.with_chart.clone(),
        concurrency: arguments.jobs.map(usize::from),
        source: arguments.source.source.clone(),
        retry: flags.patience(),
    };
    let mut verification = Verification::begin(input, &options)?;
    let progress = ProgressDisplay::begin(&RunScope {
        list: Some(input.file_name.to_owned()),
        destinations: verification.destinations(),
        images: Some(verification.images()),
        ..RunScope::of("verify")
    });
    // Outside of the runtime: an interruption ends helm at once, and this program unless it has other lists.
    verification.check_files_and_chart(&progress);
    let result = if verification.needs_registries() {
        runtime::block_on(async {
            verification.check_registries(&ProcessEnvironment, &progress).await;
            Ok(())
        })
    } else {
        Ok(())
    };
    let result = result.map(|()| verification.finish());
    progress.finish(parts::exit_of(&result, exit_of));
    result
}

/// The format of the page, if it is requested.
fn page_of(arguments: &VerifyArgs) -> Option<Format> {
    let mut formats = arguments.report.iter().map(|(format, _)| *format).chain([arguments.format]);
    formats.find(|format| *format == Format::Html)
}

fn rendered(
    format: Format,
    report: &VerifyReport,
    presentation: Presentation,
    since: &[SavedReport],
) -> String {
    match format {
        Format::Html => verify::html(report, since),
        format => format.render(report, presentation),
    }
}

/// Writes every report that can be written, even if another fails.
fn write_reports(
    report: &VerifyReport,
    arguments: &VerifyArgs,
    since: &[SavedReport],
) -> anyhow::Result<()> {
    let mut formats = arguments.report.iter().map(|(format, _)| *format).chain([arguments.format]);
    if let Some(summary) = runtime::step_summary()
        && formats.any(|format| format == Format::Github)
        && let Err(error) =
            append(&summary, &Format::Markdown.render(report, Presentation::default()))
    {
        // The summary is an extra and does not decide about the run.
        terminal::message(&format!("warning: no job summary: {error:#}"));
    }
    write_each(&arguments.report, |format, file| {
        Ok(match format {
            Format::Prometheus => verify::prometheus(report, &successes_in(file)?),
            format => rendered(format, report, Presentation::default(), since),
        })
    })
}
