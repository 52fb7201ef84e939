//! Updates: the chart names another tag of an image than the list; pure.
//!
//! One unused entry and one unlisted tag of the same source belong together. With more of either, no rule
//! can know which belong together, so they are reported.

use std::collections::BTreeMap;

use super::counterpart::{Counterpart, Unclear};
use super::entry::{InventoryEntry, Mismatch};
use crate::chart::image_reference::is_version;
use crate::list::{Image, Placeholder};
use oci::Repository;

/// Marks the entries that belong together.
pub(super) fn mark(entries: &mut [InventoryEntry]) {
    let mut sources: BTreeMap<Repository, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (position, entry) in entries.iter().enumerate() {
        match (entry.mismatch(), &entry.listed) {
            (Some(Mismatch::Unused), Some(image)) => {
                sources.entry(image.chart_source().clone()).or_default().0.push(position);
            }
            (Some(Mismatch::Unlisted), None) if entry.tag.as_ref().is_some_and(is_version) => {
                sources.entry(entry.source.clone()).or_default().1.push(position);
            }
            _ => {}
        }
    }
    for (unused, unlisted) in sources.into_values() {
        match (unused.as_slice(), unlisted.as_slice()) {
            ([], _) | (_, []) => {}
            ([old], [new]) => mark_pair(entries, *old, *new),
            _ => {
                let listed = unused.iter().filter_map(|old| entries[*old].listed.as_ref());
                let listed = listed.map(Image::reference).collect();
                let named = unlisted.iter().map(|new| entries[*new].reference()).collect();
                let unclear = Unclear::Several { listed, named };
                for position in unused.into_iter().chain(unlisted) {
                    entries[position].counterpart = Some(Counterpart::Unclear(unclear.clone()));
                }
            }
        }
    }
}

fn mark_pair(entries: &mut [InventoryEntry], old: usize, new: usize) {
    let (Some(image), Some(tag)) = (entries[old].listed.clone(), entries[new].tag.clone()) else {
        return;
    };
    let listed = image.reference();
    let is_mapped = image.replaces.as_ref().is_some_and(|replaced| replaced.tag.is_some());
    let has_digest = image.replaces.is_none() && entries[new].digest.is_some();
    let needs_digest = image.values.iter().any(|(_, value)| value.uses(Placeholder::Digest));
    let unclear = if is_mapped {
        Some(Unclear::MappedTag { listed })
    } else if needs_digest && !has_digest {
        Some(Unclear::NeedsDigest { listed })
    } else {
        None
    };
    if let Some(unclear) = unclear {
        for position in [old, new] {
            entries[position].counterpart = Some(Counterpart::Unclear(unclear.clone()));
        }
        return;
    }
    entries[old].counterpart = Some(Counterpart::UpdatedTo(image.source.tagged(&tag)));
    entries[new].counterpart = Some(Counterpart::Updates(Box::new(image)));
}
