//! `BundleTotals`: a bundle in numbers.

use serde::Serialize;

use crate::bundle::bundle_inventory::BundleInventory;
use crate::copy::Amount;

/// A bundle in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct BundleTotals {
    pub images: usize,
    pub charts: usize,
    /// The distinct blobs in the bundle.
    pub stored: Amount,
    /// The blobs that the destination has.
    pub left_out: Amount,
    /// The destination that has them; null without `--against`.
    pub against: Option<String>,
}

impl BundleTotals {
    pub fn of(inventory: &BundleInventory) -> Self {
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
