//! The report of `init` as plain text.

use crate::chart::inventory::Obstacle;
use crate::commands::init::InitReport;
use crate::commands::pin::result::PinOutcome;
use crate::report::common::count;
use crate::report::presentation::Presentation;
use crate::report::{pin, probe};
use messages::program::command;

/// What was written, what was not settled, and what to do next.
pub fn text(report: &InitReport, presentation: Presentation) -> String {
    let mut text = String::new();
    if let Some(pins) = report.pins.as_ref().filter(|pins| !pins.is_settled()) {
        text += &pin::unsettled(pins, presentation);
    }
    text += &probe::open(&report.probed, &report.suggestion);
    text.extend(report.obstacles.iter().map(obstacle));
    for file in &report.values {
        text += &format!("written     {}\n", file.display());
    }
    let images = report.list.images();
    let pinned = images.iter().filter(|image| image.digest.is_some()).count();
    text += &format!(
        "written     {}: {}, {pinned} pinned\n",
        report.file.display(),
        count(images.len() as u64, "image")
    );
    text + &next(report)
}

fn obstacle(obstacle: &Obstacle) -> String {
    format!("warning: not listed: {obstacle}\n")
}

/// The commands that come next.
fn next(report: &InitReport) -> String {
    let unpinned = report.list.images().iter().any(|image| image.digest.is_none());
    let missing = report.pins.iter().flat_map(|pins| &pins.images);
    let missing = missing.filter(|image| matches!(image.outcome, PinOutcome::Missing));
    let corrections = missing.map(|image| {
        format!("  correct `source` or `tag` of {} in {}\n", image.source, report.file.display())
    });
    let is_local = report.list.destinations().is_empty();
    let to = if is_local { " -d REGISTRY" } else { "" };
    let mut steps = Vec::new();
    if unpinned {
        steps.push((command("pin"), "record the digest of every tag"));
    }
    let mirror = match report.list.destinations().len() {
        0 | 1 => command(format_args!("mirror{to}")),
        _ => command("mirror --all-destinations"),
    };
    steps.push((mirror, "copy the images"));
    if is_local {
        let write = command("values -d REGISTRY --write");
        steps.push((write, "write the Helm values that make the chart use them"));
    }
    steps.push((command(format_args!("verify{to}")), "check that everything agrees"));
    let widest = steps.iter().map(|(step, _)| step.len() - 2).max().unwrap_or_default();
    let lines = steps
        .iter()
        .map(|(step, what)| format!("  {:<widest$}  # {what}\n", step.trim_matches('`')));
    format!("next:\n{}{}", corrections.collect::<String>(), lines.collect::<String>())
}
