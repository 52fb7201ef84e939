//! The reports of `report merge`.

use serde::Serialize;
use serde_json::{Value, json};

use super::common::{requests, seconds};
use super::json::document;
use super::mirror::totals_of;
use super::parts::{self, Part, PartTotals};
use crate::commands::report_merge::{MergedReports, MergedRun, PartName, ShardRun};

/// A run without a shard that failed is reported as `mirror` would have reported it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Run<'a> {
    #[serde(flatten)]
    run: &'a ShardRun,
    /// Why shards could not run.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    not_run: &'a [String],
}

/// What the runs came to: the images that failed, the totals, and the shards without a report.
pub fn human(merged: &MergedReports) -> String {
    let parts = merged.runs.iter().map(|run| heading(&run.part) + &human_run(run));
    parts.collect::<Vec<_>>().join("\n")
}

fn heading(part: &PartName) -> String {
    match part {
        PartName { list: None, .. } => String::new(),
        PartName { list: Some(list), destination: None } => parts::heading(list),
        PartName { list: Some(list), destination: Some(to) } => {
            parts::heading(&format!("{list} to {to}"))
        }
    }
}

fn human_run(merged: &MergedRun) -> String {
    let mut text = String::new();
    if let Some(run) = &merged.run {
        text.extend(run.images.iter().filter_map(failure));
        let (outcomes, amounts) = totals_of(&run.totals, &run.destination);
        let elapsed = seconds(run.seconds);
        let sent = run.requests.as_ref().map(|sent| format!("; requests: {}", requests(sent)));
        text += &format!("{outcomes} in {elapsed}\n{amounts}{}\n", sent.unwrap_or_default());
        if let (missing @ [_, ..], Some(shard)) = (merged.missing(), &run.shard) {
            let missing: Vec<_> = missing.iter().map(u32::to_string).collect();
            text += &format!("without a report: shard {} of {}\n", missing.join(", "), shard.count);
        }
    }
    text.extend(merged.errors.iter().map(|error| format!("could not run: {error}\n")));
    text
}

/// The error of an image that failed.
fn failure(image: &Value) -> Option<String> {
    let error = image.get("error")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let hint = error["hint"].as_str().map(|hint| format!("  hint: {hint}\n")).unwrap_or_default();
    let (source, target) = (text(&image["source"]), text(&image["target"]));
    Some(format!("error: {source} to {target}\n  {}\n{hint}", text(&error["message"])))
}

/// One document, like that of a run without shards.
pub fn json(merged: &MergedReports) -> String {
    if let [MergedRun { part: PartName { list: None, .. }, run: Some(run), errors }] =
        &merged.runs[..]
    {
        return document("mirror", Run { run, not_run: errors });
    }
    let count = |is: fn(&MergedRun) -> bool| merged.runs.iter().filter(|run| is(run)).count();
    let totals = PartTotals {
        parts: merged.runs.len(),
        done: count(|run| run.is_complete() && !run.has_failed()),
        failed: count(|run| run.is_complete() && run.has_failed()),
        not_run: count(|run| !run.is_complete()),
        together: merged.together,
    };
    let parts = merged.runs.iter().map(|merged| {
        let report = match &merged.run {
            Some(run) => json!(Run { run, not_run: &merged.errors }),
            None => json!({ "error": merged.errors.join("; ") }),
        };
        Part::new(
            merged.part.list.clone().unwrap_or_default(),
            merged.part.destination.clone(),
            report,
        )
    });
    parts::json("mirror", parts.collect(), totals)
}
