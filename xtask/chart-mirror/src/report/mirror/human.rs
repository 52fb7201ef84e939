//! Reports for people. Plain text: whatever decorates it is the terminal's.

use std::fmt::Write as _;

use crate::commands::mirror::result::{CopyOutcome, ImageReport, MirrorReport, MirrorTotals};
use crate::plan::Transfer;
use crate::report::common::{bytes, count, insecure, seconds};
use registry::Error;

/// The lines of a dry run, in the very words of the documentation.
pub fn dry_run(transfers: &[Transfer]) -> String {
    let mut text = String::new();
    for transfer in transfers {
        let (source, target) = (transfer.source_reference(), transfer.target_reference());
        let _ = writeln!(text, "Copying {source} to {target} (dry-run)");
    }
    text
}

/// One line about one image that has ended.
pub fn image(image: &ImageReport) -> String {
    match &image.outcome {
        CopyOutcome::UpToDate => format!("up to date  {}", image.target),
        // The report tells the whole of it, with what to do.
        CopyOutcome::Failed { error } => {
            format!("failed      {}: {}: {}", image.source, error.side, error.operation)
        }
        CopyOutcome::Copied(copied) => {
            let mut parts = vec![format!("{} moved", bytes(copied.moved.bytes))];
            if copied.mounted.blobs > 0 {
                parts.push(format!("{} mounted", bytes(copied.mounted.bytes)));
            }
            if copied.present.blobs > 0 {
                parts.push(format!("{} there already", bytes(copied.present.bytes)));
            }
            if copied.attachments > 0 {
                parts.push(count(copied.attachments, "attachment"));
            }
            if copied.foreign_layers > 0 {
                parts.push(format!(
                    "{} left where they are",
                    count(copied.foreign_layers, "foreign layer")
                ));
            }
            if let Some(subset) = image.subset.as_ref().filter(|it| it.made_from.is_some()) {
                parts.push(format!("{} alone", subset.platforms));
            }
            format!("copied      {} ({})", image.target, parts.join(", "))
        }
    }
}

/// The end of a mirror run: every failure, then the sum.
pub fn human(report: &MirrorReport) -> String {
    let mut text = String::new();
    for (image, error) in report.failures() {
        let _ = writeln!(text, "{}", trouble("error", image, error));
    }
    for image in &report.images {
        for refused in &image.refused {
            let _ = writeln!(text, "{}", trouble("warning", image, refused));
        }
    }
    text.extend(report.repositories.iter().map(super::ecr::human));
    report.images.iter().filter_map(made_anew).for_each(|line| text += &line);
    let totals = report.totals();
    let _ = writeln!(
        text,
        "{} to {}: {} copied, {} up to date, {} failed in {}",
        count(totals.images as u64, "image"),
        report.destination,
        totals.copied,
        totals.up_to_date,
        totals.failed,
        seconds(report.took.as_secs_f64()),
    );
    let _ = writeln!(
        text,
        "{}; requests: {} to sources, {} to the destination",
        amounts(&totals),
        report.requests.source,
        report.requests.destination,
    );
    if totals.unpinned > 0 {
        let _ = writeln!(
            text,
            "{} of {} unpinned: the tag decides what is copied, until `cargo xtask pin` writes what it names",
            totals.unpinned,
            count(totals.images as u64, "image"),
        );
    }
    let is_unrecorded = |image: &&ImageReport| {
        image.pinned && image.subset.as_ref().is_some_and(|subset| !subset.recorded)
    };
    let unrecorded = report.images.iter().filter(is_unrecorded).count();
    if unrecorded > 0 {
        let _ = writeln!(
            text,
            "{unrecorded} of {} without a record of its platforms: the source is asked each time, until \
             `cargo xtask pin` has written it",
            count(totals.images as u64, "image"),
        );
    }
    text.push_str(&insecure(&report.insecure));
    if totals.failed > 0 {
        let _ = writeln!(
            text,
            "run the same command again when the causes are mended: only what is missing is copied"
        );
    }
    text
}

/// `20.3 MB moved (103 blobs), 12.9 MB mounted (51 blobs)`: what there was of it.
fn amounts(totals: &MirrorTotals) -> String {
    let all =
        [(totals.moved, "moved"), (totals.mounted, "mounted"), (totals.skipped, "there already")];
    let mut parts: Vec<String> = all
        .iter()
        .filter(|(amount, _)| amount.blobs > 0)
        .map(|(amount, what)| {
            format!("{} {what} ({})", bytes(amount.bytes), count(amount.blobs, "blob"))
        })
        .collect();
    if totals.attachments > 0 {
        parts.push(count(totals.attachments, "attachment"));
    }
    if parts.is_empty() { "no blob moved".to_owned() } else { parts.join(", ") }
}

/// An index that is not the source's any more. Where it was there already, that was told before.
fn made_anew(image: &ImageReport) -> Option<String> {
    let (CopyOutcome::Copied(copied), Some(subset)) = (&image.outcome, &image.subset) else {
        return None;
    };
    Some(format!(
        "made anew: {} holds {} alone, {}\n  made from {}\n",
        image.target,
        subset.platforms,
        copied.digest,
        subset.made_from.as_ref()?
    ))
}

fn trouble(level: &str, image: &ImageReport, error: &Error) -> String {
    let mut text = format!("{level}: {} to {}\n  {error}", image.source, image.target);
    if let Some(hint) = error.hint() {
        let _ = write!(text, "\n  hint: {hint}");
    }
    text
}
