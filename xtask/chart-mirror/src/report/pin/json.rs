//! The report of `pin` as JSON.

use serde::Serialize;

use crate::commands::pin::result::{Mode, PinReport, PinTotals, PinnedImage};
use crate::report::json::document;
use oci::Digest;

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
    #[serde(flatten)]
    image: &'a PinnedImage,
    /// The digest that the tag names, if it is known.
    digest: Option<&'a Digest>,
    /// Whether `digest` was written to images.toml.
    written: bool,
}

/// One document.
pub fn json(report: &PinReport) -> String {
    let images = report.images.iter().map(|image| Image {
        image,
        digest: image.digest(),
        written: image.written(report.mode).is_some(),
    });
    let pins = Pins {
        check: report.mode == Mode::Check,
        update: report.mode == Mode::Update,
        images: images.collect(),
        totals: report.totals(),
        requests: SourceRequests { source: report.requests },
        seconds: report.seconds,
    };
    document("pin", pins)
}
