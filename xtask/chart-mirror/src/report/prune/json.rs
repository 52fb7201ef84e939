//! The report of `prune` as JSON.

use serde::Serialize;

use crate::commands::prune::result::{
    Catalog, MissingImages, PruneMode, PruneReport, PruneTotals, PrunedRepository,
};
use crate::report::json::document;
use oci::Registry;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::report) struct Pruning<'a> {
    destination: &'a str,
    /// Whether the tags were to be deleted.
    apply: bool,
    /// The repositories that the destination declares as owned.
    repositories: &'a [PrunedRepository],
    /// Whether repositories that no list has any more were found.
    catalog: &'a Catalog,
    /// How many images of the lists the destination has.
    images: MissingImages,
    totals: PruneTotals,
    requests: DestinationRequests,
    /// Registries whose certificates were not verified.
    insecure: &'a [Registry],
    seconds: f64,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DestinationRequests {
    destination: u64,
}

/// One document.
pub fn json(report: &PruneReport) -> String {
    let pruning = Pruning {
        destination: &report.destination,
        apply: report.mode == PruneMode::Apply,
        repositories: &report.repositories,
        catalog: &report.catalog,
        images: report.images,
        totals: report.totals(),
        requests: DestinationRequests { destination: report.requests },
        insecure: &report.insecure,
        seconds: report.seconds,
    };
    document("prune", pruning)
}
