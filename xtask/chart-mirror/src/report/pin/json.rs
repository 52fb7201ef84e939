//! The report of `pin` as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::commands::pin::result::{Change, Mode, PinOutcome, PinReport, PinTotals, PinnedImage};
use crate::report::json::document;
use oci::{Digest, Reference};
use registry::Error;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::report) struct Pins<'a> {
    /// Whether nothing was to be written.
    check: bool,
    /// Whether the digests of tags that have moved were to be written.
    update: bool,
    images: Vec<Image<'a>>,
    totals: PinTotals,
    requests: SourceRequests,
    seconds: f64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SourceRequests {
    source: u64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Image<'a> {
    source: &'a Reference,
    #[cfg_attr(test, schemars(extend("enum" = PinOutcome::NAMES)))]
    outcome: &'static str,
    /// The digest that images.toml had before the run.
    pin: Option<&'a Digest>,
    /// The digest that the tag names, if it is known.
    digest: Option<&'a Digest>,
    /// Whether `digest` was written to images.toml.
    written: bool,
    /// Digests of subsets of the platforms that images.toml does not record yet; null if a record is
    /// to be removed.
    subsets: BTreeMap<String, Option<&'a Digest>>,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Error>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a Change>,
}

/// One document.
pub fn json(report: &PinReport) -> String {
    let pins = Pins {
        check: report.mode == Mode::Check,
        update: report.mode == Mode::Update,
        images: report.images.iter().map(|pinned| image(pinned, report.mode)).collect(),
        totals: report.totals(),
        requests: SourceRequests { source: report.requests },
        seconds: report.took.as_secs_f64(),
    };
    document("pin", pins)
}

fn image(image: &PinnedImage, mode: Mode) -> Image<'_> {
    let subsets = image.subsets.iter();
    let (error, change) = match &image.outcome {
        PinOutcome::Failed(error) => (Some(error), None),
        PinOutcome::Moved { change, .. } => (None, Some(change)),
        _ => (None, None),
    };
    Image {
        source: &image.source,
        outcome: image.outcome.name(),
        pin: image.pin.as_ref(),
        digest: image.digest(),
        written: image.written(mode).is_some(),
        subsets: subsets.map(|(platforms, it)| (platforms.to_string(), it.as_ref())).collect(),
        warnings: &image.warnings,
        error,
        change,
    }
}
