//! Writes a merged bundle, whole or in parts. Each blob is hashed while it is copied.

use std::collections::BTreeMap;

use layout::{
    Damage, FileContent, IfComplete, LayoutError, LayoutLocation, LayoutVerification, LayoutWriter,
    PartPlan, parallel,
};
use messages::Advice;
use oci::Digest;

use super::contents::{Contents, Source};
use super::inputs::Input;
use crate::bundle::bundle_inventory::BundleInventory;
use crate::commands::bundle::free_space::{self, room_for};
use crate::layouts::threads;

/// Everything that is no blob, by name.
type Files = BTreeMap<String, FileContent>;

/// Divides the blobs among parts; `None` if the bundle is not to be divided.
///
/// # Errors
/// If a part cannot even hold what is in every part.
pub(super) fn divided(
    split: Option<u64>,
    contents: &Contents,
    files: &Files,
    inventory: &BundleInventory,
) -> Result<Option<PartPlan>, LayoutError> {
    let Some(limit) = split else { return Ok(None) };
    let blobs = contents.blobs.iter().map(|(digest, source)| (digest.clone(), source.size));
    let mut common: Vec<u64> = contents.manifests.values().map(|source| source.size).collect();
    for content in files.values() {
        common.push(content.size()?);
    }
    common.push(LayoutWriter::index_text(&contents.entries).len() as u64);
    // With the digits of the number of parts.
    common.push(inventory.text().len() as u64 + 10);
    PartPlan::new(&blobs.collect(), &common, limit).map(Some)
}

/// # Errors
/// If a bundle is damaged, there is not enough space, or the result cannot be written.
pub(super) fn write(
    output: &LayoutLocation,
    divided: Option<PartPlan>,
    inputs: &[Input],
    contents: &Contents,
    files: Files,
) -> Result<(), Advice> {
    let parts = divided.as_ref().map_or(1, PartPlan::count);
    let writer = match divided {
        Some(plan) => LayoutWriter::open_parts(output, plan, threads(), &|_| {})?,
        None => LayoutWriter::open(output, IfComplete::Refuse, threads(), &|_| {})?,
    };
    check_free_space(output, parts, &writer, contents, &files)?;
    let all: Vec<_> = contents.manifests.iter().chain(&contents.blobs).collect();
    let copied =
        parallel::map(threads(), &all, |(digest, source)| copy(&writer, inputs, digest, **source));
    let copied = copied.into_iter().collect::<Result<Vec<Option<Damage>>, LayoutError>>()?;
    let damages = copied.into_iter().flatten().collect();
    LayoutVerification { damages, ..LayoutVerification::default() }.into_result()?;
    for (name, content) in files {
        writer.add_file(&name, content)?;
    }
    Ok(writer.finish(&contents.entries)?)
}

fn copy(
    writer: &LayoutWriter,
    inputs: &[Input],
    digest: &Digest,
    source: Source,
) -> Result<Option<Damage>, LayoutError> {
    let Some(blob) = writer.begin_blob(digest, source.size)? else { return Ok(None) };
    match inputs[source.bundle].open.layout.reader(digest)? {
        Some(reader) => blob.copy(&reader),
        // Only what is there was chosen.
        None => Ok(None),
    }
}

/// Manifests and files are in every part.
fn check_free_space(
    output: &LayoutLocation,
    parts: u32,
    writer: &LayoutWriter,
    contents: &Contents,
    files: &Files,
) -> Result<(), Advice> {
    let missing = |all: &BTreeMap<Digest, Source>| -> Vec<(Digest, u64)> {
        let missing = all.iter().filter(|(digest, source)| !writer.has(digest, source.size));
        missing.map(|(digest, source)| (digest.clone(), source.size)).collect()
    };
    let sizes = |contents: &[(Digest, u64)]| -> Vec<u64> {
        contents.iter().map(|(_, size)| *size).collect()
    };
    let (manifests, blobs) = (missing(&contents.manifests), missing(&contents.blobs));
    let files = files.values().map(FileContent::size).collect::<Result<Vec<u64>, LayoutError>>()?;
    let in_each = room_for(sizes(&manifests).into_iter().chain(files));
    let needed = in_each.saturating_mul(u64::from(parts));
    let needed = needed.saturating_add(room_for(sizes(&blobs).into_iter()));
    let begun = manifests.iter().chain(&blobs).map(|(digest, size)| (digest, *size));
    free_space::require(output, needed.saturating_sub(writer.bytes_begun(begun)?), "")
}
