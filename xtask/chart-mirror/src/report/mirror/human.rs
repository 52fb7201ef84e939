//! The reports of `mirror` as plain text.

use std::fmt::Write as _;

use crate::commands::mirror::result::{CopyOutcome, ImageReport, MirrorReport, MirrorTotals};
use crate::plan::Transfer;
use crate::report::common::{bytes, count, hint_line, insecure, is_are, seconds};
use registry::Error;

/// The lines of a dry run, in the format of `copy_images.sh`.
pub fn dry_run(transfers: &[Transfer]) -> String {
    let mut text = String::new();
    for transfer in transfers {
        let (source, target) = (transfer.source_reference(), transfer.target_reference());
        let _ = writeln!(text, "Copying {source} to {target} (dry-run)");
    }
    text
}

/// One line about an image that is finished.
pub fn image(image: &ImageReport) -> String {
    match &image.outcome {
        CopyOutcome::UpToDate => format!("up to date  {}", image.target),
        // The report at the end has the whole error and the hint.
        CopyOutcome::Failed { error } => {
            format!("failed      {}: {}: {}", image.source, error.side, error.operation)
        }
        CopyOutcome::Copied(copied) => {
            let counters = &copied.counters;
            let mut parts = vec![format!("{} moved", bytes(counters.moved.bytes))];
            if counters.mounted.blobs > 0 {
                parts.push(format!("{} mounted", bytes(counters.mounted.bytes)));
            }
            if counters.present.blobs > 0 {
                parts.push(format!("{} already present", bytes(counters.present.bytes)));
            }
            if counters.attachments > 0 {
                parts.push(count(counters.attachments, "attachment"));
            }
            if counters.foreign_layers > 0 {
                parts.push(format!(
                    "{} not copied",
                    count(counters.foreign_layers, "foreign layer")
                ));
            }
            if let Some(subset) = image.subset.as_ref().filter(|it| it.made_from.is_some()) {
                parts.push(format!("only {}", subset.platforms));
            }
            format!("copied      {} ({})", image.target, parts.join(", "))
        }
    }
}

/// The end of a run: all errors and warnings, then the totals.
pub fn human(report: &MirrorReport) -> String {
    let mut text = String::new();
    for (image, error) in report.failures() {
        text += &problem("error", image, error);
    }
    for image in &report.images {
        for refused in &image.refused {
            text += &problem("warning", image, refused);
        }
    }
    text.extend(report.repositories.iter().map(super::ecr::human));
    text.extend(report.images.iter().filter_map(rewritten));
    let totals = report.totals();
    let images = count(totals.images as u64, "image");
    let _ = writeln!(
        text,
        "{images} to {}: {} copied, {} up to date, {} failed in {}",
        report.destination,
        totals.copied,
        totals.up_to_date,
        totals.failed,
        seconds(report.seconds),
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
            "{} of {images} {} not pinned: the tag decides what is copied; run `cargo xtask pin` to \
             record digests",
            totals.unpinned,
            is_are(totals.unpinned),
        );
    }
    let is_unrecorded = |image: &&ImageReport| {
        image.pinned && image.subset.as_ref().is_some_and(|subset| !subset.recorded)
    };
    let unrecorded = report.images.iter().filter(is_unrecorded).count();
    if unrecorded > 0 {
        let _ = writeln!(
            text,
            "{unrecorded} of {images} {} pinned, but not for the platforms of this destination, so every \
             run asks the source; run `cargo xtask pin` to record these digests",
            is_are(unrecorded),
        );
    }
    text += &insecure(&report.insecure);
    if totals.failed > 0 {
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

fn problem(level: &str, image: &ImageReport, error: &Error) -> String {
    let hint = hint_line("  ", error);
    format!("{level}: {} to {}\n  {error}\n{hint}", image.source, image.target)
}
