//! Opens the layout of an export, whole or in parts, and divides its blobs among the parts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use oci::Digest;

use super::contents::BlobFile;
use super::options::ExportOptions;
use super::plan::ExportPlan;
use crate::bundle::bundle_inventory::BundleInventory;
use crate::layouts::{MeasuredImages, threads};
use layout::{IfComplete, LayoutError, LayoutLocation, LayoutWriter, PartPlan};
use registry_server::WritableLayout;

/// More than an entry of the index has, in bytes, without its name, which it has twice.
const INDEX_ENTRY: u64 = 400;

/// Opens a layout that is not divided: a new one, or one that an interrupted run left.
///
/// # Errors
/// If something has its name, or it cannot be written.
pub(super) async fn open_whole(output: &LayoutLocation) -> anyhow::Result<Arc<WritableLayout>> {
    let output = output.clone();
    open(move || LayoutWriter::open(&output, IfComplete::Refuse, threads(), &|_| {})).await
}

/// The same for one in parts.
///
/// # Errors
/// As [`open_whole`].
pub(super) async fn open_parts(
    output: &LayoutLocation,
    plan: PartPlan,
) -> anyhow::Result<Arc<WritableLayout>> {
    let output = output.clone();
    open(move || LayoutWriter::open_parts(&output, plan, threads(), &|_| {})).await
}

/// What an interrupted run left is hashed, which takes a while.
async fn open(
    open: impl FnOnce() -> Result<LayoutWriter, LayoutError> + Send + 'static,
) -> anyhow::Result<Arc<WritableLayout>> {
    let opened = tokio::task::spawn_blocking(move || WritableLayout::new(open()?)).await?;
    Ok(Arc::new(opened?))
}

/// Divides the blobs; `None` if the bundle is not to be divided.
///
/// # Errors
/// If a part cannot even hold what is in every part.
pub(super) fn plan(
    plan: &ExportPlan,
    options: &ExportOptions,
    measured: &MeasuredImages,
    absent: &BTreeSet<Digest>,
    inventory: &BundleInventory,
    archives: &[BlobFile],
) -> anyhow::Result<Option<PartPlan>> {
    let Some(limit) = options.split else { return Ok(None) };
    let blobs = measured.blobs.iter().filter(|(digest, _)| !absent.contains(digest));
    let blobs: BTreeMap<Digest, u64> =
        blobs.map(|(digest, blob)| (digest.clone(), blob.size)).collect();
    let mut common: Vec<u64> =
        measured.manifests.values().map(|manifest| manifest.bytes.len() as u64).collect();
    for (_, content) in &plan.files {
        common.push(content.size()?);
    }
    common.extend(archives.iter().map(|file| file.blob.size));
    // With the digits of the number of parts.
    common.push(inventory.text().len() as u64 + 10);
    let names: u64 = measured.names.keys().map(|name| name.len() as u64 * 2).sum();
    common.push(names + measured.manifests.len() as u64 * INDEX_ENTRY);
    Ok(Some(PartPlan::new(&blobs, &common, limit)?))
}
