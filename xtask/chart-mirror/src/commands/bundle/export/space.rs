//! The space that an export takes.

use std::collections::BTreeSet;

use oci::Digest;

use super::contents::BlobFile;
use super::plan::ExportPlan;
use crate::commands::bundle::free_space::{self, room_for};
use crate::layouts::MeasuredImages;
use layout::LayoutError;
use messages::Advice;
use registry_server::WritableLayout;

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
    let files = plan.files.iter().map(|(_, content)| content.size());
    let files = files.collect::<Result<Vec<u64>, LayoutError>>()?;
    let manifests = measured.manifests.values().map(|it| it.bytes.len() as u64);
    let archives = archives.iter().map(|file| file.blob.size);
    let in_each = room_for(manifests.chain(files).chain(archives));
    let in_all = in_each.saturating_mul(u64::from(parts));
    let needed = in_all.saturating_add(room_for(blobs.map(|(_, blob)| blob.size)));
    let otherwise = ", or leave out what the destination has with `--against`";
    free_space::require(&plan.output, needed, otherwise)
}
