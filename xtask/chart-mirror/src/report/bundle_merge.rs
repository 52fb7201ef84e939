//! The report of `bundle merge`.

use std::fmt::Write as _;

use serde::Serialize;

use super::common::{bytes, count, seconds};
use super::json::document;
use crate::commands::bundle::merge::result::{LeftBehind, MergeReport, TakenList};
use crate::commands::bundle::open_bundle::ITSELF;
use crate::commands::bundle::totals::BundleTotals;
use messages::printable::printable;

/// The JSON report of `bundle merge`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) struct Merged<'a> {
    /// The bundle that was written.
    output: String,
    /// The bundle or its parts.
    locations: Vec<String>,
    /// What was merged, from the oldest to the newest.
    bundles: &'a [String],
    /// The lists of the merged bundle.
    lists: &'a [TakenList],
    /// Images of the bundles that the merged one does not have.
    left_behind: &'a [LeftBehind],
    totals: &'a BundleTotals,
    seconds: f64,
}

/// What was taken, what was not, and the summary.
pub fn merged(report: &MergeReport) -> String {
    let mut text = String::new();
    for TakenList { file, bundle, .. } in &report.lists {
        let _ = writeln!(text, "{} of {}", printable(file), printable(bundle));
    }
    let (replaced, unlisted): (Vec<_>, Vec<_>) =
        report.left_behind.iter().partition(|image| image.replaced_by.is_some());
    if !replaced.is_empty() {
        text += "\nreplaced by a newer image:\n";
        text += &replaced.into_iter().map(line).collect::<String>();
    }
    if !unlisted.is_empty() {
        text += "\nleft out, because the newest list does not have it:\n";
        text += &unlisted.into_iter().map(line).collect::<String>();
    }
    if !report.left_behind.is_empty() {
        text.push('\n');
    }
    text + &summary(report)
}

fn line(image: &LeftBehind) -> String {
    let LeftBehind { list, source, digest, bundle, .. } = image;
    let list = if list == ITSELF { String::new() } else { format!(", list {}", printable(list)) };
    format!("  {source}  {digest}  in {}{list}\n", printable(bundle))
}

/// What was written.
pub fn summary(report: &MergeReport) -> String {
    let BundleTotals { images, charts, stored, left_out, against } = &report.totals;
    let written = super::bundle::range(&report.locations);
    let mut text = format!("{written}: {}", count(*images as u64, "image"));
    if *charts > 0 {
        let _ = write!(text, " and {}", count(*charts as u64, "chart"));
    }
    let _ = writeln!(
        text,
        ", {} in {}, from {}, in {}",
        bytes(stored.bytes),
        count(stored.blobs, "blob"),
        count(report.bundles.len() as u64, "bundle"),
        seconds(report.seconds)
    );
    if report.locations.len() > 1 {
        let places = super::bundle::names(&report.locations);
        let _ = writeln!(text, "{}: {places}", count(report.locations.len() as u64, "part"));
    }
    if let Some(against) = against {
        let (amount, blobs) = (bytes(left_out.bytes), count(left_out.blobs, "blob"));
        let against = printable(against);
        let _ = writeln!(text, "not in it: {amount} in {blobs}, which {against} has to have");
    }
    text
}

/// The JSON report of a merge.
pub fn merged_json(report: &MergeReport) -> String {
    document(
        "bundle merge",
        Merged {
            output: report.output.to_string(),
            locations: report.locations.iter().map(ToString::to_string).collect(),
            bundles: &report.bundles,
            lists: &report.lists,
            left_behind: &report.left_behind,
            totals: &report.totals,
            seconds: report.seconds,
        },
    )
}
