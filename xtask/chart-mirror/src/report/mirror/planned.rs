//! The plan of a run as plain text.

use crate::commands::mirror::planned::{Action, PlannedImage, PlannedPart, PlannedRun};
use crate::report::common::{bytes, count, seconds};
use crate::report::failures::{Failure, by_cause};
use crate::report::presentation::Presentation;
use messages::printable::printable;
use messages::program::command;

/// What would happen to each image that is not up to date, why the others cannot be copied, and what it comes to. `rate`
/// is in bytes per second.
pub fn planned(
    plan: &PlannedRun,
    file: &str,
    rate: Option<u64>,
    presentation: Presentation,
) -> String {
    let mut text: String = plan.parts.iter().map(|part| one_part(part, plan.parts.len())).collect();
    text += &failures(plan, presentation);
    let totals = &plan.totals;
    text += &format!(
        "{}: {} to create, {} to update, {} up to date, {} cannot be copied\n{} to send, {} to mount; at least {}",
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
    if let Some((chart, verb)) = part.chart.as_ref().and_then(|it| Some((it, verb(it.action)?))) {
        text += &format!("{verb:<11} {}\n", printable(&chart.target));
    }
    text.extend(
        part.repositories.iter().map(|name| format!("repository  {name} (to be created)\n")),
    );
    text
}

/// `None` for an image that is up to date or cannot be copied.
fn one_image(image: &PlannedImage) -> Option<String> {
    let amounts =
        format!("{} to send, {} to mount", bytes(image.moved.bytes), bytes(image.mounted.bytes));
    let detail = match (image.action, &image.now) {
        (Action::Update, Some(now)) if Some(now) != image.then.as_ref() => {
            format!("{amounts}; names {} now", now.short())
        }
        _ => amounts,
    };
    Some(format!("{:<11} {} ({detail})\n", verb(image.action)?, image.target))
}

/// What is done to an image or the chart; `None` for nothing.
fn verb(action: Action) -> Option<&'static str> {
    match action {
        Action::Create => Some("create"),
        Action::Update => Some("update"),
        Action::UpToDate | Action::Fail => None,
    }
}

/// What cannot be copied: each cause once, with its images.
fn failures(plan: &PlannedRun, presentation: Presentation) -> String {
    let label = presentation.style.error("error");
    let mut text = String::new();
    let mut errors = Vec::new();
    for part in &plan.parts {
        let images = part.images.iter();
        let images = images.map(|it| (it.source.to_string(), it.target.to_string(), &it.error));
        let chart = part.chart.iter();
        let chart = chart.map(|it| (it.source.clone(), it.target.clone(), &it.error));
        for (source, target, error) in images.chain(chart) {
            let Some(error) = error else { continue };
            let name = printable(&format!("{source} to {target}"));
            match error.at_registry() {
                Some(error) => errors.push((name, error)),
                None => {
                    text += &format!("{label}: {name}\n  {}\n", printable(&error.message));
                    let hint = error.hint.iter();
                    text.extend(hint.map(|hint| format!("  hint: {}\n", printable(hint))));
                }
            }
        }
    }
    let failures = errors.iter().map(|(name, error)| Failure { name: name.clone(), error });
    text.extend(by_cause(failures).iter().map(|group| group.text(&label, presentation)));
    text
}

#[cfg(test)]
pub(in crate::report) mod tests {
    use super::*;
    use crate::commands::mirror::planned::PlannedOptions;
    use crate::commands::mirror::shards;
    use crate::copy::PlannedBlob;
    use crate::report::examples;
    use oci::Digest;

    /// An example with every action, for two machines.
    pub(in crate::report) fn plan() -> PlannedRun {
        let mut part = PlannedPart {
            list: "images.toml".to_owned(),
            requested_destination: Some("production".to_owned()),
            destination: "production".to_owned(),
            options: PlannedOptions::default(),
            images: Vec::new(),
            chart: None,
            repositories: Vec::new(),
            error: None,
        }
        .with_report(&examples::mirror());
        let blob = |name: &str, size| PlannedBlob { digest: Digest::of(name.as_bytes()), size };
        for (image, own) in part.images.iter_mut().zip(["one", "two"]) {
            image.blobs = vec![blob("shared", 5_000_000), blob(own, 123_456)];
            image.mounted = Default::default();
            image.skipped = Default::default();
        }
        part.images[0].action = Action::Update;
        part.images[0].now = Some(Digest::of(b"before"));
        let mut plan = PlannedRun::new(vec![part]);
        shards::divide(&mut plan, 2);
        plan
    }

    pub(in crate::report) fn json() -> String {
        serde_json::to_string_pretty(&plan()).unwrap() + "\n"
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        assert_eq!(PlannedRun::parse("plan.json", json().as_bytes()).unwrap(), plan());
    }

    #[test]
    fn each_cause_is_reported_once_with_its_images_and_the_rest_line_by_line() {
        let mut plan = plan();
        let failed = plan.parts[0].images[3].clone();
        plan.parts[0].images.extend((0..6).map(|_| failed.clone()));
        let text = planned(&plan, "plan.json", Some(1_000_000), Presentation::default());
        assert!(text.contains("error: 7 images: destination: put manifest: https://"), "{text}");
        assert_eq!(text.matches("DENIED").count(), 1, "{text}");
        for words in
            ["names sha256:", "and 2 more; `-v` lists all", "hint: create it", "10.2 s at 1.0 MB"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}
