//! The files of a bundle beside its images: the archives of charts, and the inventory.

use std::collections::BTreeSet;

use oci::{Descriptor, Digest, RepositoryPath, Tag};

use super::options::ExportOptions;
use super::plan::{ExportPlan, ListExport};
use crate::bundle::bundle_inventory::{
    BundleInventory, BundledChart, BundledImage, CountedOn, FILE, INDEX,
};
use crate::bundle::difference::LeftOut;
use crate::chart::package::{ChartArtifact, ChartLayers};
use crate::commands::mirror::result::MirrorReport;
use crate::layouts::MeasuredImages;
use crate::list::Attachments;
use layout::{FileContent, LayoutWriter};
use messages::Advice;
use registry_server::WritableLayout;

/// The largest chart, in bytes, as for one on disk.
const LARGEST_CHART: u64 = 100 << 20;

/// A file of a bundle that is also a blob in it.
pub(super) struct BlobFile {
    pub(super) name: String,
    pub(super) blob: Descriptor,
}

/// What the bundle will have, from the reports of the first pass. `absent` are the digests that are left out.
pub(super) fn inventory(
    plan: &ExportPlan,
    options: &ExportOptions,
    reports: &[MirrorReport],
    measured: &MeasuredImages,
    left_out: Vec<LeftOut>,
    absent: &BTreeSet<Digest>,
) -> BundleInventory {
    let mut inventory = BundleInventory::new();
    for (list, report) in plan.lists.iter().zip(reports) {
        inventory.lists.push(list.listed.clone());
        inventory.platforms = list.mirror.destination.platforms.clone();
        let attachments = list.mirror.destination.attachments.max(options.attachments);
        inventory.attachments |= attachments != Attachments::Ignore;
        inventory.images.extend(images(list, report));
        inventory.charts.extend(chart(list, report));
    }
    inventory.against = options
        .against
        .as_ref()
        .map(|against| CountedOn { destination: against.address.clone(), left_out });
    let blobs = measured.blobs.iter().filter(|(digest, _)| !absent.contains(digest));
    inventory.blobs = blobs.map(|(digest, blob)| (digest.clone(), blob.size)).collect();
    inventory
}

fn images<'a>(
    list: &'a ListExport,
    report: &'a MirrorReport,
) -> impl Iterator<Item = BundledImage> + 'a {
    report.images.iter().enumerate().filter_map(|(number, image)| {
        let target = list.at_destination.as_ref().map(|(_, transfers)| &transfers[number]);
        Some(BundledImage {
            list: list.listed.name.clone(),
            source: image.source.clone(),
            digest: image.digest.clone()?,
            made_from: image.made_from().cloned(),
            target: target.map(|transfer| transfer.target_reference()),
        })
    })
}

fn chart(list: &ListExport, report: &MirrorReport) -> Option<BundledChart> {
    let (plan, copy) = (list.mirror.chart.as_ref()?, list.mirror.fetched_chart()?);
    let transfer = &copy.transfer;
    Some(BundledChart {
        list: list.listed.name.clone(),
        source: plan.chart.source.clone(),
        name: format!("{}:{}", transfer.target.path(), transfer.tag),
        digest: report.chart.as_ref()?.digest.clone()?,
        archive: archive_name(copy.artifact.as_deref(), &plan.chart.name, &transfer.tag),
    })
}

/// `charts/stackstate-4.5.6.tgz`
fn archive_name(made: Option<&ChartArtifact>, name: &RepositoryPath, tag: &Tag) -> String {
    // In tags, helm writes `_` for `+`.
    let of_registry = || format!("{name}-{}.tgz", tag.as_str().replace('_', "+"));
    format!("charts/{}", made.map_or_else(of_registry, ChartArtifact::file_name))
}

/// The archives of the charts, with their signatures.
///
/// # Errors
/// If what a registry has is no chart.
pub(super) fn archives(
    inventory: &BundleInventory,
    measured: &MeasuredImages,
) -> Result<Vec<BlobFile>, Advice> {
    let mut files = Vec::new();
    for chart in &inventory.charts {
        let layers = measured.manifests.get(&chart.digest).and_then(ChartLayers::of);
        let Some(layers) = layers.filter(|layers| layers.archive.size <= LARGEST_CHART) else {
            let message =
                format!("`{}` is not a chart of helm, or too large for one", chart.source);
            let hint = "correct `[chart]`, or leave it out with `--no-chart`";
            return Err(Advice::new(message).with_hint(hint));
        };
        let provenance = layers.provenance.filter(|layer| layer.size <= LARGEST_CHART);
        files.extend(
            provenance.map(|blob| BlobFile { name: format!("{}.prov", chart.archive), blob }),
        );
        files.push(BlobFile { name: chart.archive.clone(), blob: layers.archive });
    }
    Ok(files)
}

/// Adds the files to the inventory. The digests of the index and of the archives are not known until these are
/// written; all digests are equally long.
///
/// # Errors
/// If a file cannot be read.
pub(super) fn announce_files(
    plan: &ExportPlan,
    inventory: &mut BundleInventory,
    archives: &[BlobFile],
) -> Result<(), Advice> {
    for (name, content) in &plan.files {
        inventory.files.insert(name.clone(), content.digest()?);
    }
    let later = archives.iter().map(|file| file.name.clone()).chain([INDEX.to_owned()]);
    inventory.files.extend(later.map(|name| (name, Digest::of(b""))));
    Ok(())
}

/// Adds everything that is no blob, at last the inventory.
///
/// # Errors
/// If a name is not possible in a bundle, or a file cannot be read.
pub(super) fn add_files(
    plan: &ExportPlan,
    layout: &WritableLayout,
    inventory: &mut BundleInventory,
    archives: &[BlobFile],
) -> Result<(), Advice> {
    let writer = layout.writer();
    for (name, content) in &plan.files {
        writer.add_file(name, content.clone())?;
    }
    let index = LayoutWriter::index_text(&layout.entries());
    inventory.files.insert(INDEX.to_owned(), Digest::of(index.as_bytes()));
    for BlobFile { name, blob } in archives {
        let reader = writer.reader(&blob.digest)?;
        let reader = reader.ok_or_else(|| Advice::new(format!("`{name}` was not written")))?;
        let content = reader.read_all(LARGEST_CHART)?;
        inventory.files.insert(name.clone(), Digest::of(&content));
        writer.add_file(name, FileContent::Bytes(content))?;
    }
    Ok(writer.add_file(FILE, FileContent::Bytes(inventory.text().into_bytes()))?)
}
