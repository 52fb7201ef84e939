//! The part of the report of `mirror` about the chart.

use crate::commands::mirror::result::{ChartOutcome, ChartReport};
use crate::report::failures::{Failure, by_cause};
use crate::report::presentation::Presentation;
use layout::LayoutLocation;

/// Its error and warnings, and its digest if it was copied.
pub(super) fn human(report: &ChartReport, presentation: Presentation) -> String {
    let ChartReport { source, target, digest, warnings, outcome } = report;
    let name = format!("{source} to {target}");
    let failure = |error| Failure { name: name.clone(), error };
    let mut text = match outcome {
        ChartOutcome::Failed { error } => by_cause([failure(error)])
            .iter()
            .map(|group| group.text(&presentation.style.error("error"), presentation))
            .collect(),
        ChartOutcome::NotFetched { error } => {
            let error = error.to_string().replace("\nhint", "\n  hint");
            format!("{}: {name}\n  {error}\n", presentation.style.error("error"))
        }
        ChartOutcome::Copied(_) => {
            let digest = digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
            // As helm is given it, unless it is in a layout.
            let scheme = if LayoutLocation::is_meant_by(target) { "" } else { "oci://" };
            format!("chart: {scheme}{target}{digest}\n")
        }
        ChartOutcome::UpToDate => String::new(),
    };
    for group in by_cause(warnings.iter().map(failure)) {
        text += &group.text(&presentation.style.warning("warning"), presentation);
    }
    text
}

/// The line below the totals of the images.
pub(super) fn summary(report: &ChartReport) -> String {
    let outcome = match report.outcome {
        ChartOutcome::Copied(_) => "copied",
        ChartOutcome::UpToDate => "up to date",
        ChartOutcome::Failed { .. } | ChartOutcome::NotFetched { .. } => "failed",
    };
    format!("chart {}: {outcome}\n", report.target)
}
