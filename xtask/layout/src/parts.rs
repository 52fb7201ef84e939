//! Parts: which blobs are in which part of a bundle, and `parts.json`, which records it in each part.

use std::collections::{BTreeMap, BTreeSet};

use oci::Digest;
use serde::{Deserialize, Serialize};

use crate::LayoutLocation;
use crate::failure::{LayoutError, refused};
use crate::name::{ItemName, PARTS};
use crate::tar::{header, padding};

/// Smaller parts would hold little but headers.
const SMALLEST_ROOM: u64 = 64 << 10;

/// An extended header, and a line in `SHA256SUMS`.
const MOST_PER_ITEM: u64 = 1536 + 400;

/// How the large content of a bundle is divided among its parts. Everything else, such as manifests, is in
/// every part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartPlan {
    count: u32,
    blobs: BTreeMap<Digest, PartedBlob>,
}

/// Where a blob is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartedBlob {
    pub size: u64,
    /// The number of a part (from 1) and how many bytes it has, in the order of the content. Only a blob
    /// that is larger than a part has several.
    pub pieces: Vec<(u32, u64)>,
}

/// `parts.json`
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    part: u32,
    count: u32,
    blobs: BTreeMap<String, Vec<(u32, u64)>>,
}

impl PartPlan {
    /// Divides blobs among parts that have at most `limit` bytes each. `common` are the sizes of what every
    /// part holds: all manifests and files, also `index.json`. Large blobs are placed first, each in the
    /// first part that has room.
    ///
    /// # Errors
    /// If `limit` leaves too little room beside what every part holds.
    pub fn new(
        blobs: &BTreeMap<Digest, u64>,
        common: &[u64],
        limit: u64,
    ) -> Result<Self, LayoutError> {
        let common: u64 = common.iter().map(|size| MOST_PER_ITEM + size + padding(*size)).sum();
        // The lines of a blob in `parts.json` and `SHA256SUMS`.
        let lists: u64 = blobs.keys().map(|digest| digest.as_str().len() as u64 * 4 + 100).sum();
        let common = common + lists + 4 * MOST_PER_ITEM;
        let smallest = common + SMALLEST_ROOM;
        if limit < smallest {
            let message =
                format!("parts of {limit} bytes are too small: {common} bytes are in every part");
            let hint = format!("a part needs at least {smallest} bytes");
            return Err(LayoutError::new(message).with_hint(hint));
        }
        let room = limit - common;
        let mut by_size: Vec<_> = blobs.iter().collect();
        by_size.sort_by_key(|(digest, size)| (std::cmp::Reverse(**size), *digest));
        let mut left: Vec<u64> = Vec::new();
        let mut plan = Self { count: 0, blobs: BTreeMap::new() };
        for (digest, size) in by_size {
            let overhead = stored_size(&ItemName::Piece(digest.clone(), u32::MAX), 0) + 512;
            let mut pieces = Vec::new();
            let mut rest = *size;
            while rest + overhead > room {
                let piece = room - overhead;
                left.push(0);
                pieces.push((left.len() as u32, piece));
                rest -= piece;
            }
            if rest > 0 || pieces.is_empty() {
                let needed = rest + overhead;
                let at = left.iter().position(|left| *left >= needed).unwrap_or_else(|| {
                    left.push(room);
                    left.len() - 1
                });
                left[at] -= needed;
                pieces.push((at as u32 + 1, rest));
            }
            plan.blobs.insert(digest.clone(), PartedBlob { size: *size, pieces });
        }
        plan.count = left.len().max(1) as u32;
        Ok(plan)
    }

    pub fn count(&self) -> u32 {
        self.count
    }

    pub fn blobs(&self) -> &BTreeMap<Digest, PartedBlob> {
        &self.blobs
    }

    /// The location of a part: `OUT-1.tar`, or `OUT-1` for a directory.
    fn location_of(&self, whole: &LayoutLocation, part: u32) -> LayoutLocation {
        let path = whole.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        match (whole, path.extension()) {
            (LayoutLocation::Archive(_), Some(end)) => {
                whole.at(path.with_file_name(format!("{stem}-{part}.{}", end.to_string_lossy())))
            }
            _ => whole.at(whole.with_suffix(&format!("-{part}"))),
        }
    }

    /// The locations of all parts.
    pub fn locations(&self, whole: &LayoutLocation) -> Vec<LayoutLocation> {
        (1..=self.count).map(|part| self.location_of(whole, part)).collect()
    }

    /// The names of the items that hold a blob, each with its part and its size. `None` if it is whole in
    /// every part.
    pub(crate) fn items(&self, digest: &Digest) -> Option<Vec<(u32, ItemName, u64)>> {
        let blob = self.blobs.get(digest)?;
        if let [(part, size)] = blob.pieces[..] {
            return Some(vec![(part, ItemName::Blob(digest.clone()), size)]);
        }
        let pieces = (1..).zip(&blob.pieces);
        let item = |(number, (part, size)): (u32, &(u32, u64))| {
            (*part, ItemName::Piece(digest.clone(), number), *size)
        };
        Some(pieces.map(item).collect())
    }

    pub(crate) fn render(&self, part: u32) -> String {
        let blobs = self.blobs.iter();
        let blobs = blobs.map(|(digest, blob)| (digest.to_string(), blob.pieces.clone()));
        let document = Document { part, count: self.count, blobs: blobs.collect() };
        serde_json::json!(document).to_string()
    }

    /// Parses `parts.json`: the plan, and the number of the part that it is in.
    pub(crate) fn parse(
        location: &LayoutLocation,
        text: &[u8],
    ) -> Result<(Self, u32), LayoutError> {
        let bad = |why: String| refused(location, PARTS, why);
        let document: Document =
            serde_json::from_slice(text).map_err(|why| bad(format!("it is not valid: {why}")))?;
        let Document { part, count, blobs } = document;
        let is_part = |part: u32| (1..=count).contains(&part);
        if !is_part(part) {
            return Err(bad(format!("it is part {part} of {count}")));
        }
        let mut plan = Self { count, blobs: BTreeMap::new() };
        for (digest, pieces) in blobs {
            let size = pieces.iter().try_fold(0u64, |sum, (_, size)| sum.checked_add(*size));
            let digest: Digest =
                digest.parse().map_err(|why| bad(format!("`{}`: {why}", digest.escape_debug())))?;
            let are_parts = pieces.iter().all(|(part, _)| is_part(*part)) && !pieces.is_empty();
            let Some(size) = size.filter(|_| are_parts) else {
                return Err(bad(format!("the pieces of {digest} are not in parts 1 to {count}")));
            };
            plan.blobs.insert(digest, PartedBlob { size, pieces });
        }
        // Missing parts are counted and named one by one.
        let pieces = plan.blobs.values().flat_map(|blob| &blob.pieces);
        let used: BTreeSet<u32> = pieces.map(|(part, _)| *part).collect();
        if used.len().max(1) != count as usize {
            return Err(bad(format!("{} of {count} parts have a blob", used.len())));
        }
        Ok((plan, part))
    }
}

/// The size of an item in an archive.
fn stored_size(name: &ItemName, size: u64) -> u64 {
    header(&name.to_string(), size).len() as u64 + size + padding(size)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn plan(sizes: &[u64], limit: u64) -> PartPlan {
        let blobs = sizes.iter().enumerate();
        let blobs = blobs.map(|(n, size)| (Digest::of(n.to_string().as_bytes()), *size));
        PartPlan::new(&blobs.collect(), &[1000], limit).unwrap()
    }

    #[test]
    fn parts_are_filled_and_only_a_blob_larger_than_a_part_is_cut() {
        let limit = 1 << 20;
        let sizes = [700_000, 600_000, 300_000, 200_000, 5_000_000, 0, 1];
        let plan = plan(&sizes, limit);
        let mut used = vec![0; plan.count() as usize];
        for (digest, blob) in plan.blobs() {
            assert_eq!(blob.pieces.iter().map(|(_, size)| size).sum::<u64>(), blob.size);
            assert_eq!(blob.pieces.len() > 1, blob.size > limit, "{digest}");
            for (part, name, size) in plan.items(digest).unwrap() {
                used[part as usize - 1] += stored_size(&name, size);
            }
        }
        assert!(used.iter().all(|used| *used > 0 && *used <= limit), "{used:?}");
        assert_eq!(plan.count(), 7, "{used:?}");
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let location = LayoutLocation::Archive(PathBuf::from("a/out.tar"));
        let plan = plan(&[5, 900_000], 500_000);
        let read = PartPlan::parse(&location, plan.render(2).as_bytes()).unwrap();
        assert_eq!(read, (plan.clone(), 2));
        assert_eq!(plan.location_of(&location, 2).to_string(), "oci-archive:a/out-2.tar");
        let folder = LayoutLocation::Directory(PathBuf::from("a/out.1"));
        assert_eq!(plan.location_of(&folder, 2).to_string(), "oci:a/out.1-2");
        let too_high = plan.render(9);
        assert!(PartPlan::parse(&location, too_high.as_bytes()).is_err());
        let counts =
            |count: u32| plan.render(2).replace("\"count\":2", &format!("\"count\":{count}"));
        assert!(PartPlan::parse(&location, counts(2).as_bytes()).is_ok());
        let error = PartPlan::parse(&location, counts(u32::MAX).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("2 of 4294967295 parts have a blob"), "{error}");
    }

    #[test]
    fn parts_without_room_are_refused() {
        let error = PartPlan::new(&BTreeMap::new(), &[1000], 2000).unwrap_err().to_string();
        assert!(error.contains("too small"), "{error}");
    }
}
