//! Refuses to begin a bundle that the disk has no room for.

use std::collections::BTreeSet;

use oci::Digest;

use super::contents::BlobFile;
use super::plan::ExportPlan;
use crate::layouts::MeasuredImages;
use layout::{FileContent, free_space};
use messages::Advice;
use registry_server::WritableLayout;

/// More than a header, padding and lines in lists take, in bytes.
const OVERHEAD: u64 = 4 << 10;

/// # Errors
/// If the bundle needs more bytes than are free, beside what an interrupted run left.
pub(super) fn check_free_space(
    plan: &ExportPlan,
    measured: &MeasuredImages,
    absent: &BTreeSet<Digest>,
    archives: &[BlobFile],
    layout: &WritableLayout,
    parts: u32,
) -> Result<(), Advice> {
    let is_missing = |digest: &Digest, size| !layout.writer().has(digest, size);
    let blobs = measured.blobs.iter().filter(|(digest, _)| !absent.contains(digest));
    let blobs = blobs.filter(|(digest, blob)| is_missing(digest, blob.size));
    let blobs = blobs.map(|(_, blob)| blob.size + OVERHEAD);
    let manifests = measured.manifests.values().map(|it| it.bytes.len() as u64 + OVERHEAD);
    let files = plan.files.iter().map(|(_, content)| match content {
        FileContent::Bytes(bytes) => bytes.len() as u64 + OVERHEAD,
        FileContent::Path(path) => std::fs::metadata(path).map_or(0, |it| it.len()) + OVERHEAD,
    });
    let archives = archives.iter().map(|file| file.blob.size + OVERHEAD);
    let in_each = manifests.chain(files).chain(archives).fold(0, u64::saturating_add);
    let in_all = in_each.saturating_mul(u64::from(parts));
    let needed = blobs.fold(in_all, u64::saturating_add);
    let path = plan.output.path();
    let free = free_space(path)?;
    if needed <= free {
        return Ok(());
    }
    let message = format!(
        "{}: the bundle needs {needed} more bytes, and {free} are free there; nothing was written",
        plan.output
    );
    Err(Advice::new(message).with_hint(
        "free some space, write it to another disk, or leave out what the destination has with `--against`",
    ))
}
