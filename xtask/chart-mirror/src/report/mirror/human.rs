//! The reports of `mirror` as plain text.

use crate::commands::chart_copy::ChartPlan;
use crate::commands::mirror::result::{CopyOutcome, ImageReport, MirrorReport, MirrorTotals};
use crate::plan::Transfer;
use crate::report::common::{bytes, count, insecure, is_are, requests, seconds};
use crate::report::failures::{Failure, by_cause};
use crate::report::presentation::Presentation;
use messages::program::command;
use registry::Error;

/// The lines of a dry run, in the format of `copy_images.sh`. The chart is last.
pub fn dry_run(transfers: &[Transfer], chart: Option<&ChartPlan>) -> String {
    let line = |transfer: &Transfer| {
        let (source, target) = (transfer.source_reference(), transfer.target_reference());
        format!("Copying {source} to {target} (dry-run)\n")
    };
    let images = transfers.iter().map(line);
    let chart = chart.map(|chart| {
        format!("Copying {} to {} (dry-run)\n", chart.chart.source, chart.target_name())
    });
    images.chain(chart).collect()
}

/// One line about an image that is finished.
pub fn image(image: &ImageReport) -> String {
    match &image.outcome {
        CopyOutcome::UpToDate => format!("up to date  {}", image.target),
        // The report at the end has the whole error and the hint.
        CopyOutcome::Failed { error } => {
            let code = error.mismatch().map(str::to_owned);
            let cause = code.unwrap_or_else(|| error.shared_cause());
            format!("failed      {}: {cause}", image.source)
        }
        CopyOutcome::Copied(copied) => {
            let counters = &copied.counters;
            let mut parts = vec![format!("{} moved", bytes(counters.moved.bytes))];
            for (amount, verb) in
                [(counters.mounted, "mounted"), (counters.present, "already present")]
            {
                parts.extend((amount.blobs > 0).then(|| format!("{} {verb}", bytes(amount.bytes))));
            }
            if counters.attachments > 0 {
                parts.push(count(counters.attachments, "attachment"));
            }
            if counters.foreign_layers > 0 {
                let layers = count(counters.foreign_layers, "foreign layer");
                parts.push(format!("{layers} not copied"));
            }
            if let Some(subset) = image.subset.as_ref().filter(|it| it.made_from.is_some()) {
                parts.push(format!("only {}", subset.platforms));
            }
            format!("copied      {} ({})", image.target, parts.join(", "))
        }
    }
}

/// The end of a run: all errors and warnings, then the totals.
pub fn human(report: &MirrorReport, presentation: Presentation) -> String {
    let mut text = problems(report, presentation);
    text.extend(report.repositories.iter().map(super::ecr::human));
    text.extend(report.images.iter().filter_map(rewritten));
    text + &summary(report) + &advice(report)
}

/// All errors and warnings, and what became of the chart.
pub(in crate::report) fn problems(report: &MirrorReport, presentation: Presentation) -> String {
    let failed = report.failures().map(failure);
    let warnings = report
        .images
        .iter()
        .flat_map(|image| image.warnings.iter().map(move |error| failure((image, error))));
    let mut text = String::new();
    for group in by_cause(failed) {
        text += &group.text(&presentation.style.error("error"), presentation);
    }
    for group in by_cause(warnings) {
        text += &group.text(&presentation.style.warning("warning"), presentation);
    }
    text.extend(report.chart.iter().map(|chart| super::chart::human(chart, presentation)));
    text
}

/// The totals.
pub fn summary(report: &MirrorReport) -> String {
    let (outcomes, amounts) = totals_of(&report.totals(), &report.destination);
    let chart = report.chart.as_ref().map(super::chart::summary).unwrap_or_default();
    let requests = report.requests.as_ref().map(|sent| format!("; requests: {}", requests(sent)));
    format!(
        "{outcomes} in {}\n{chart}{amounts}{}\n",
        seconds(report.seconds),
        requests.unwrap_or_default()
    )
}

/// What became of the images, and of their bytes.
pub(in crate::report) fn totals_of(totals: &MirrorTotals, destination: &str) -> (String, String) {
    let MirrorTotals { copied, up_to_date, failed, .. } = totals;
    let images = count(totals.images as u64, "image");
    let outcomes = format!(
        "{images} to {destination}: {copied} copied, {up_to_date} up to date, {failed} failed"
    );
    (outcomes, amounts(totals))
}

/// What the totals mean for the next run.
fn advice(report: &MirrorReport) -> String {
    let MirrorTotals { images, unpinned, .. } = report.totals();
    let images = count(images as u64, "image");
    let mut text = String::new();
    if unpinned > 0 {
        text += &format!(
            "{unpinned} of {images} {} not pinned: the tag decides what is copied; {} records digests\n",
            is_are(unpinned),
            command("pin")
        );
    }
    let is_unrecorded = |image: &&ImageReport| {
        image.pinned && image.subset.as_ref().is_some_and(|subset| !subset.recorded)
    };
    let unrecorded = report.images.iter().filter(is_unrecorded).count();
    if unrecorded > 0 {
        text += &format!(
            "{unrecorded} of {images} {} pinned, but not for the platforms of this destination, so every \
             run sends requests to the source; {} records these digests\n",
            is_are(unrecorded),
            command("pin")
        );
    }
    text += &insecure(&report.insecure);
    if let Some(unfinished) = &report.unfinished {
        text +=
            &format!("{} is not complete; until then, it is in {unfinished}\n", report.destination);
    }
    if report.has_failed() {
        text += "fix the causes and run the same command again; only missing content is copied\n";
    }
    text
}

/// `20.3 MB moved (103 blobs), 12.9 MB mounted (51 blobs)`, without amounts that are zero.
fn amounts(totals: &MirrorTotals) -> String {
    let amounts =
        [(totals.moved, "moved"), (totals.mounted, "mounted"), (totals.skipped, "already present")];
    let amounts = amounts.into_iter().filter(|(amount, _)| amount.blobs > 0);
    let mut parts: Vec<String> = amounts
        .map(|(amount, verb)| {
            format!("{} {verb} ({})", bytes(amount.bytes), count(amount.blobs, "blob"))
        })
        .collect();
    if totals.attachments > 0 {
        parts.push(count(totals.attachments, "attachment"));
    }
    if parts.is_empty() { "no blobs moved".to_owned() } else { parts.join(", ") }
}

/// The digests of a rewritten index. Indexes that were up to date were reported by the run that copied
/// them.
fn rewritten(image: &ImageReport) -> Option<String> {
    let (CopyOutcome::Copied(copied), Some(subset)) = (&image.outcome, &image.subset) else {
        return None;
    };
    Some(format!(
        "rewritten: {} contains only {}, {}\n  from {}\n",
        image.target,
        subset.platforms,
        copied.digest,
        subset.made_from.as_ref()?
    ))
}

fn failure<'r>((image, error): (&'r ImageReport, &'r Error)) -> Failure<'r> {
    Failure { name: format!("{} to {}", image.source, image.target), error }
}
