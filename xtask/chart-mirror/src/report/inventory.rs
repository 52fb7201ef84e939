//! The report of `inventory`: what was written to a file.

use std::collections::BTreeMap;

use super::common::{bytes, count};
use crate::bundle::destination_inventory::DestinationInventory;
use messages::printable::printable;

/// One line about the inventory in a file.
pub fn human(inventory: &DestinationInventory, file: &str) -> String {
    let held = inventory.repositories.values();
    let tags: usize = held.clone().map(|held| held.tags.len()).sum();
    // A blob in several repositories is stored once.
    let blobs: BTreeMap<_, u64> = held.flat_map(|held| held.blobs.clone()).collect();
    format!(
        "{}: {} has {} with {}, {}\n",
        printable(file),
        inventory.address,
        count(tags as u64, "image"),
        count(blobs.len() as u64, "blob"),
        bytes(blobs.values().sum())
    )
}
