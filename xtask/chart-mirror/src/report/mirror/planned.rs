//! The plan of a run as plain text.

use crate::commands::mirror::planned::{Action, PlannedImage, PlannedPart, PlannedRun};
use crate::report::common::{bytes, count, seconds};
use messages::printable::printable;
use messages::program::command;

/// What would happen to each image that is not up to date, and in sum. `rate` is in bytes per second.
pub fn planned(plan: &PlannedRun, file: &str, rate: Option<u64>) -> String {
    let mut text: String = plan.parts.iter().map(|part| one_part(part, plan.parts.len())).collect();
    let totals = &plan.totals;
    text += &format!(
        "{}: {} to create, {} to update, {} up to date, {} cannot be copied\n{} to send, {} to mount; about {}",
        count(totals.images as u64, "image"),
        totals.create,
        totals.update,
        totals.up_to_date,
        totals.fail,
        bytes(totals.moved.bytes),
        bytes(totals.mounted.bytes),
        count(totals.requests, "request"),
    );
    if let Some(rate) = rate.filter(|rate| *rate > 0) {
        let time = totals.moved.bytes as f64 / rate as f64;
        text += &format!("; {} at {} per second", seconds(time), bytes(rate));
    }
    let shard = plan.shards.map(|count| format!(" --shard 1/{count}")).unwrap_or_default();
    let apply = command(format_args!("mirror --apply {file}{shard}"));
    format!("{text}\nwritten     {}\n{apply} carries it out\n", printable(file))
}

fn one_part(part: &PlannedPart, parts: usize) -> String {
    let mut text = String::new();
    if parts > 1 {
        text += &crate::report::parts::heading(&format!("{} to {}", part.list, part.destination));
    }
    if let Some(error) = &part.error {
        return text + &format!("error: {}\n", printable(error));
    }
    text.extend(part.images.iter().filter_map(one_image));
    if let Some(chart) = part.chart.as_ref().filter(|chart| chart.action != Action::UpToDate) {
        text += &format!("{:<11} {}\n", verb(chart.action), printable(&chart.target));
    }
    text.extend(
        part.repositories.iter().map(|name| format!("repository  {name} (to be created)\n")),
    );
    text
}

/// `None` for an image that is up to date.
fn one_image(image: &PlannedImage) -> Option<String> {
    let amounts =
        format!("{} to send, {} to mount", bytes(image.moved.bytes), bytes(image.mounted.bytes));
    let detail = match (image.action, &image.now, &image.error) {
        (Action::UpToDate, ..) => return None,
        (Action::Fail, _, error) => printable(error.as_deref().unwrap_or_default()),
        (Action::Update, Some(now), _) if Some(now) != image.then.as_ref() => {
            format!("{amounts}; names {} now", now.short())
        }
        _ => amounts,
    };
    Some(format!("{:<11} {} ({detail})\n", verb(image.action), image.target))
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::UpToDate => "up to date",
        Action::Fail => "failed",
    }
}
