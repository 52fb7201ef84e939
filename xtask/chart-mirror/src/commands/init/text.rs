//! The text of a new list, with comments for people who read it; pure.

use std::collections::{BTreeMap, BTreeSet};

use super::NamedDestination;
use crate::chart::inventory::Obstacle;
use crate::commands::list_edit::not_listed;
use crate::list::Chart;
use crate::list::edit::chart_section;
use crate::values::probe::{Outcome, ProbeResult, Suggestion};
use messages::printable::printable_within;

/// The limit for one remark, in characters.
const LONGEST: usize = 300;

/// A list without images.
pub(super) fn draft(
    chart: &Chart,
    destinations: &[NamedDestination],
    schema: Option<&str>,
) -> String {
    let mut text = schema.map(|schema| format!("#:schema {schema}\n#\n")).unwrap_or_default();
    text += &format!(
        "# The images of the chart `{}`: where each comes from, and which values of the chart name it.\n\n",
        chart.name
    );
    if chart.repository.is_none() && !chart.name.starts_with('.') && !chart.name.contains("://") {
        text += "# A name such as `REPOSITORY/CHART` needs a repository that was added to helm; `repository` with its\n\
                 # address works everywhere.\n";
    }
    text += &chart_section(chart);
    if chart.renderings.iter().all(|rendering| rendering.set.is_empty()) {
        text += "# An image counts only if a rendering uses it. To render features that are off by default, add\n\
                 # `[[chart.rendering]]` with a `name` and what it sets: `set = { \"backup.enabled\" = true }`.\n";
    }
    for NamedDestination { name, address } in destinations {
        text += &format!("\n[destinations.{name}]\nregistry = \"{address}\"\n");
    }
    text
}

/// Adds what probing did not settle, above the entry of each image, and what cannot be listed, at the end.
pub(super) fn with_remarks(
    text: &str,
    probed: &ProbeResult,
    suggestion: &Suggestion,
    obstacles: &[Obstacle],
) -> String {
    let mut text = text.to_owned();
    for (image, remarks) in remarks(probed, suggestion) {
        let Some((source, tag)) = image.rsplit_once(':') else { continue };
        let entry = format!("[[image]]\nsource = \"{source}\"\ntag = \"{tag}\"\n");
        let comments: String = remarks.iter().map(|remark| comment(remark)).collect();
        text = text.replacen(&entry, &format!("{comments}{entry}"), 1);
    }
    for obstacle in obstacles {
        text += &format!("\n{}", not_listed(obstacle));
    }
    text
}

fn comment(text: &str) -> String {
    let lines = text.lines().map(|line| printable_within(LONGEST, line.trim()));
    lines.map(|line| format!("# {line}\n")).collect()
}

/// Why images stay where they are, by their references.
fn remarks(probed: &ProbeResult, suggestion: &Suggestion) -> BTreeMap<String, BTreeSet<String>> {
    let mut remarks: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for place in &probed.places {
        let template = place.place.template.as_deref().unwrap_or("a template");
        let remark = match &place.outcome {
            Outcome::Movable | Outcome::MovableWithSwitch => continue,
            Outcome::Fixed => format!("No value of the chart moves it in {template}."),
            Outcome::Refused(refusal) => format!(
                "The chart refuses other images in {template}: `{}`: {}",
                refusal.path, refusal.words
            ),
            Outcome::Unsettled { reason, .. } => {
                format!("Not settled: which value moves it in {template}: {reason}.")
            }
        };
        remarks.entry(place.image()).or_default().insert(remark);
    }
    for unsettled in &suggestion.unsettled {
        let remark = format!("Not settled: {}", unsettled.problem);
        remarks.entry(unsettled.image.clone()).or_default().insert(remark);
    }
    remarks
}
