//! The report of `inventory`: what was written to a file.

use std::collections::{BTreeMap, BTreeSet};

use super::common::{bytes, count};
use crate::bundle::destination_inventory::DestinationInventory;
use messages::printable::printable;
use messages::program::command;
use oci::{Digest, RepositoryPath};

/// How many lost blobs a message names.
const MOST_NAMED: usize = 5;

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

/// Blobs that a destination has lost.
pub fn lost(lost: &BTreeSet<(RepositoryPath, Digest)>) -> String {
    let named = lost.iter().take(MOST_NAMED);
    let named: String = named.map(|(path, digest)| format!("\n  {path}@{digest}")).collect();
    let more = lost.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    format!(
        "error: the destination lacks {} of images that it has; the inventory leaves them out:{named}{more}\n\
         hint: the next bundle has them, and {} --repair copies them",
        count(lost.len() as u64, "blob"),
        command("bundle import").trim_matches('`'),
    )
}
