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
    let blobs: Vec<_> = blobs.map(|(digest, blob)| (digest, blob.size)).collect();
    let files = plan.files.iter().map(|(_, content)| content.size());
    let files = files.collect::<Result<Vec<u64>, LayoutError>>()?;
    let manifests = measured.manifests.iter();
    let manifests = manifests.map(|(digest, it)| (digest, it.bytes.len() as u64));
    let manifests = manifests.filter(|(digest, size)| is_missing(digest, *size));
    let manifests: Vec<_> = manifests.collect();
    let begun = layout.writer().bytes_begun(blobs.iter().chain(&manifests).copied())?;
    let sizes = |contents: &[(&Digest, u64)]| -> Vec<u64> {
        contents.iter().map(|(_, size)| *size).collect()
    };
    let archives = archives.iter().map(|file| file.blob.size);
    let in_each = room_for(sizes(&manifests).into_iter().chain(files).chain(archives));
    let in_all = in_each.saturating_mul(u64::from(parts));
    let needed = in_all.saturating_add(room_for(sizes(&blobs).into_iter())).saturating_sub(begun);
    let otherwise = ", or leave out what the destination has with `--against`";
    free_space::require(&plan.output, needed, otherwise)
}
