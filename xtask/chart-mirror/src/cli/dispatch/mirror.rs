//! `mirror`, from flags to its report.

use std::sync::Arc;

use crate::cli::exit::Exit;
use crate::cli::flags::{Flags, MirrorArgs, TextOrJson};
use crate::cli::terminal::ProgressDisplay;
use crate::cli::{runtime, terminal};
use crate::commands::mirror::{MirrorOptions, MirrorPlan, Pins};
use crate::commands::{images, mirror};
use crate::copy::ExistingContent;
use crate::list::Attachments;
use crate::list_file;
use crate::report;
use registry::auth::credentials::ProcessEnvironment;

pub(super) fn run(flags: &Flags, arguments: &MirrorArgs) -> anyhow::Result<Exit> {
    let file = flags.list_file()?;
    let mut list = list_file::read(&file)?;
    let chart = arguments.chart.options();
    if !chart.is_empty() {
        let destination = list.choose(arguments.destination.as_deref())?;
        let (of_chart, inventory) = images::of_chart(&list, &file, &chart, &destination)?;
        report::images::warnings(&inventory).iter().for_each(|text| terminal::message(text));
        list = of_chart;
    }
    let attachments = if arguments.attachments { Attachments::Copy } else { Attachments::Ignore };
    let existing =
        if arguments.repair { ExistingContent::Checked } else { ExistingContent::Trusted };
    let options = MirrorOptions {
        destination: arguments.destination.clone(),
        only: arguments.only.clone(),
        concurrency: arguments.jobs.map(usize::from),
        attachments,
        existing,
        pins: if arguments.pinned { Pins::Alone } else { Pins::MatchTags },
        ..MirrorOptions::default()
    };
    let plan = mirror::plan(&list, &options)?;
    if arguments.dry_run {
        return show(&plan, arguments.format);
    }
    let progress = Arc::new(ProgressDisplay::new());
    let events = Arc::clone(&progress) as Arc<_>;
    let report =
        runtime::block_on(mirror::run(&list, &plan, &options, &ProcessEnvironment, events));
    progress.finish();
    let report = report?;
    match arguments.format {
        TextOrJson::Human => terminal::result(&report::mirror::human(&report, terminal::layout())),
        TextOrJson::Json => terminal::result_for_programs(
            &report::mirror::json(&report),
            &report::mirror::summary(&report),
        ),
    }?;
    Ok(if report.failures().next().is_some() { Exit::Failed } else { Exit::Done })
}

/// The dry run.
fn show(plan: &MirrorPlan, format: TextOrJson) -> anyhow::Result<Exit> {
    let (repositories, transfers) = (plan.repositories(), &plan.transfers);
    match format {
        TextOrJson::Human => {
            terminal::result(&report::mirror::dry_run(transfers))?;
            // On stderr, because programs read the lines that `copy_images.sh` prints.
            for line in repositories.iter().map(report::mirror::dry_run_of_ecr) {
                line.lines().for_each(terminal::message);
            }
        }
        TextOrJson::Json => {
            let (destination, repositories) = (plan.destination.to_string(), repositories.as_ref());
            terminal::result(&report::mirror::dry_run_json(&destination, transfers, repositories))?;
        }
    }
    Ok(Exit::Done)
}
