//! Reads the reports of `mirror`.

use chart_mirror::commands::mirror::result::{CopyOutcome, ImageReport, MirrorReport};

pub(super) fn failures(report: &MirrorReport) -> Vec<String> {
    report.failures().map(|(image, error)| format!("{}: {error}", image.source)).collect()
}

/// `copied`, `up to date` or `failed`, for each image in the order of the list.
pub(super) fn outcomes(report: &MirrorReport) -> Vec<&'static str> {
    let outcome = |image: &ImageReport| match &image.outcome {
        CopyOutcome::Copied(_) => "copied",
        CopyOutcome::UpToDate => "up to date",
        CopyOutcome::Failed { .. } => "failed",
    };
    report.images.iter().map(outcome).collect()
}
