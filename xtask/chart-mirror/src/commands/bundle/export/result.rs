//! `ExportReport`: the result of `bundle export`.

use serde::Serialize;

use crate::bundle::bundle_inventory::BundleInventory;
use crate::commands::mirror::result::MirrorReport;
use crate::copy::Amount;
use layout::LayoutLocation;

/// What a run wrote.
#[derive(Debug)]
pub struct ExportReport {
    pub output: LayoutLocation,
    /// How each list was copied into the bundle.
    pub lists: Vec<MirrorReport>,
    pub state: ExportState,
    pub totals: ExportTotals,
    pub seconds: f64,
}

/// What is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportState {
    /// The bundle, or its parts.
    Written(Vec<LayoutLocation>),
    /// Images failed while they were written. The next run continues with these.
    Unfinished(Vec<LayoutLocation>),
    /// Images failed before anything was written.
    NothingWritten,
}

/// A bundle in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct ExportTotals {
    pub images: usize,
    pub charts: usize,
    /// The distinct blobs in the bundle.
    pub stored: Amount,
    /// The blobs that the destination has.
    pub left_out: Amount,
    /// The destination that has them; null without `--against`.
    pub against: Option<String>,
}

impl ExportReport {
    pub(super) fn new(output: &LayoutLocation, lists: Vec<MirrorReport>) -> Self {
        let (state, totals) = (ExportState::NothingWritten, ExportTotals::default());
        Self { output: output.clone(), lists, state, totals, seconds: 0.0 }
    }

    /// Whether an image or a chart failed.
    pub fn has_failed(&self) -> bool {
        self.lists.iter().any(MirrorReport::has_failed)
    }
}

impl ExportTotals {
    pub(super) fn of(inventory: &BundleInventory) -> Self {
        let blobs = inventory.blobs.values();
        let stored = Amount { blobs: blobs.len() as u64, bytes: blobs.sum() };
        let mut left_out: Vec<_> =
            inventory.left_out().map(|blob| (&blob.digest, blob.size)).collect();
        left_out.dedup();
        Self {
            images: inventory.images.len(),
            charts: inventory.charts.len(),
            stored,
            left_out: Amount {
                blobs: left_out.len() as u64,
                bytes: left_out.iter().map(|(_, size)| size).sum(),
            },
            against: inventory.against.as_ref().map(|against| against.destination.clone()),
        }
    }
}
