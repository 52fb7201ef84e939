//! The report of `pin` as JSON.

use serde::Serialize;

use crate::commands::pin::result::{Mode, PinReport, PinTotals, PinnedImage};
use crate::report::json::document;
use oci::Registry;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::report) struct Pins<'a> {
    /// Whether nothing was to be written.
    check: bool,
    /// Whether the digests of tags that have moved were to be written.
    update: bool,
    images: &'a [PinnedImage],
    totals: PinTotals,
    requests: SourceRequests,
    /// Registries whose certificates were not verified.
    insecure: &'a [Registry],
    seconds: f64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SourceRequests {
    source: u64,
}

/// One document.
pub fn json(report: &PinReport) -> String {
    let pins = Pins {
        check: report.mode == Mode::Check,
        update: report.mode == Mode::Update,
        images: &report.images,
        totals: report.totals(),
        requests: SourceRequests { source: report.requests },
        insecure: &report.insecure,
        seconds: report.seconds,
    };
    document("pin", pins)
}
