//! The report of `init` as plain text.

use std::path::Path;

use crate::chart::inventory::Obstacle;
use crate::commands::init::InitReport;
use crate::commands::init::from_list::FromListReport;
use crate::commands::pin::result::PinOutcome;
use crate::formats::RefusedEntry;
use crate::list::ImageList;
use crate::report::common::count;
use crate::report::presentation::Presentation;
use crate::report::{pin, probe};
use messages::printable::printable_within;
use messages::program::command;

/// The longest entry that is repeated, in characters.
const LONGEST: usize = 300;

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
    text += &written(&report.file, &report.list);
    text + &next(report)
}

fn written(file: &Path, list: &ImageList) -> String {
    let images = list.images();
    let pinned = images.iter().filter(|image| image.digest.is_some()).count();
    let count = count(images.len() as u64, "image");
    format!("written     {}: {count}, {pinned} pinned\n", file.display())
}

fn is_unpinned(list: &ImageList) -> bool {
    list.images().iter().any(|image| image.digest.is_none())
}

/// What was taken from the list of another tool, what was not, and what to do next.
pub fn from_list(report: &FromListReport) -> String {
    let source = report.source.display();
    let refused = report.refused.iter().map(|RefusedEntry { place, written, reason }| {
        let written = printable_within(LONGEST, written);
        format!("warning: not taken over: {source}: {place}: `{written}`: {reason}\n")
    });
    let mut text: String = refused.collect();
    text.extend(report.notes.iter().map(|note| format!("note: {source}: {note}\n")));
    text += &written(&report.file, &report.list);
    let mut steps = Vec::new();
    let chart = if report.list.chart().is_some() { "" } else { " -c CHART" };
    if is_unpinned(&report.list) {
        steps.push((command("pin"), "record the digest of every tag"));
    }
    steps.push((command(format_args!("images{chart}")), "compare the list with the chart"));
    steps.push((
        command(format_args!("values --probe --write{chart}")),
        "find the Helm values that move the images",
    ));
    steps.extend(steps_of_all(&report.list));
    format!("{text}next:\n{}", steps_text(&steps))
}

fn obstacle(obstacle: &Obstacle) -> String {
    format!("warning: not listed: {obstacle}\n")
}

/// The commands that come next.
fn next(report: &InitReport) -> String {
    let missing = report.pins.iter().flat_map(|pins| &pins.images);
    let missing = missing.filter(|image| matches!(image.outcome, PinOutcome::Missing));
    let corrections = missing.map(|image| {
        format!("  correct `source` or `tag` of {} in {}\n", image.source, report.file.display())
    });
    let mut steps = Vec::new();
    if is_unpinned(&report.list) {
        steps.push((command("pin"), "record the digest of every tag"));
    }
    steps.extend(steps_of_all(&report.list));
    format!("next:\n{}{}", corrections.collect::<String>(), steps_text(&steps))
}

/// The commands that every new list leads to.
fn steps_of_all(list: &ImageList) -> Vec<(String, &'static str)> {
    let is_local = list.destinations().is_empty();
    let to = if is_local { " -d REGISTRY" } else { "" };
    let mirror = match list.destinations().len() {
        0 | 1 => command(format_args!("mirror{to}")),
        _ => command("mirror --all-destinations"),
    };
    let mut steps = vec![(mirror, "copy the images")];
    if is_local {
        let write = command("values -d REGISTRY --write");
        steps.push((write, "write the Helm values that make the chart use them"));
    }
    steps.push((command(format_args!("verify{to}")), "check that everything agrees"));
    steps
}

fn steps_text(steps: &[(String, &str)]) -> String {
    let widest = steps.iter().map(|(step, _)| step.len() - 2).max().unwrap_or_default();
    let lines = steps
        .iter()
        .map(|(step, what)| format!("  {:<widest$}  # {what}\n", step.trim_matches('`')));
    lines.collect()
}
