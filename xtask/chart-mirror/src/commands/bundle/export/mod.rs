//! The command `bundle export`: writes a bundle with the engine of `mirror`, in two passes over the same
//! manifests. The first one only measures, so that all sizes are known before a byte is written.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::locations;
use super::totals::BundleTotals;
use crate::commands::mirror::result::MirrorReport;
use crate::commands::mirror::{self, MirrorOptions};
use crate::copy::{Copied, Progress};
use crate::layouts::ExportStorage;
use crate::plan::{Transfer, registry_settings};
use layout::{LayoutLocation, LayoutWriter, PartPlan};
use messages::Advice;
use oci::Digest;
use registry::auth::credentials::Environment;
use registry::{Error, Registries, SourceManifests};
use registry_server::ServedRegistry;
use space::check_free_space;

mod contents;
mod difference;
mod options;
mod parts;
mod plan;
pub mod result;
mod space;

pub use options::{ChartChoice, ExportOptions};
pub use plan::{ExportPlan, ExportedList, ListExport, plan};
use result::{ExportReport, ExportState};

/// The connections of both passes, for each list.
struct Passes<'a> {
    plan: &'a ExportPlan,
    options: &'a ExportOptions,
    storage: Arc<ExportStorage>,
    registries: Vec<Registries>,
    environment: &'a dyn Environment,
}

/// Passes on how many images are done, as a check.
struct Measuring(Arc<dyn Progress>);

impl Progress for Measuring {
    fn image_ended(&self, _: usize, _: &Transfer, _: &Result<Copied, Error>) {
        self.0.image_checked();
    }
}

/// Writes the bundle. Images that fail are in the report.
///
/// # Errors
/// When nothing could be tried, there is not enough space, or the bundle cannot be written. What was written
/// stays under its unfinished name, and the next run continues.
pub async fn run(
    plan: &ExportPlan,
    options: &ExportOptions,
    environment: &dyn Environment,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<ExportReport> {
    let began = Instant::now();
    LayoutWriter::check_new(&plan.output)?;
    let passes = Passes::new(plan, options, environment)?;
    let images = plan.lists.iter().map(|list| list.mirror.transfers.len()).sum();
    progress.checking("measuring the images", images);
    let measuring: Arc<dyn Progress> = Arc::new(Measuring(Arc::clone(&progress)));
    let reports = passes.copy(&measuring).await?;
    let mut report = ExportReport::new(&plan.output, reports);
    if report.has_failed() {
        report.seconds = began.elapsed().as_secs_f64();
        return Ok(report);
    }
    let measured = passes.storage.measured();
    let left_out = difference::left_out(plan, options, &measured);
    let absent: BTreeSet<Digest> = left_out.iter().map(|blob| blob.digest.clone()).collect();
    let mut inventory =
        contents::inventory(plan, options, &report.lists, &measured, left_out, &absent);
    let archives = contents::archives(&inventory, &measured)?;
    contents::announce_files(plan, &mut inventory, &archives)?;
    let divided = parts::plan(plan, options, &measured, &absent, &inventory, &archives)?;
    inventory.parts = divided.as_ref().map_or(1, PartPlan::count);
    let locations = locations(&plan.output, divided.as_ref());
    let layout = match divided {
        Some(divided) => parts::open_parts(&plan.output, divided).await?,
        None => parts::open_whole(&plan.output).await?,
    };
    check_free_space(plan, &measured, &absent, &archives, &layout, inventory.parts)?;
    passes.storage.write_to(Arc::clone(&layout), absent);
    report.lists = passes.copy(&progress).await?;
    report.state = if report.has_failed() {
        ExportState::Unfinished(locations.iter().map(LayoutLocation::unfinished).collect())
    } else {
        contents::add_files(plan, &layout, &mut inventory, &archives)?;
        tokio::task::spawn_blocking(move || layout.finish()).await??;
        ExportState::Written(locations)
    };
    report.totals = BundleTotals::of(&inventory);
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

impl<'a> Passes<'a> {
    fn new(
        plan: &'a ExportPlan,
        options: &'a ExportOptions,
        environment: &'a dyn Environment,
    ) -> Result<Self, Advice> {
        let storage = Arc::new(ExportStorage::default());
        let mut registries = Vec::new();
        for list in &plan.lists {
            let mut settings = registry_settings(&list.list, options.concurrency, options.retry);
            // Both passes see the same content, and send the requests of one.
            settings.source_manifests = SourceManifests::ReadOnce;
            let served = ServedRegistry::new(Arc::clone(&storage) as Arc<_>);
            settings.embedded.insert(plan.output.registry(), Arc::new(served));
            registries.push(mirror::connect(&list.mirror, settings, environment)?);
        }
        Ok(Self { plan, options, storage, registries, environment })
    }

    /// Copies the images of one list after the other, as far as the storage does not have them.
    async fn copy(&self, progress: &Arc<dyn Progress>) -> anyhow::Result<Vec<MirrorReport>> {
        let options = MirrorOptions {
            attachments: self.options.attachments,
            pins: self.options.pins,
            ..MirrorOptions::default()
        };
        let mut reports = Vec::new();
        for (list, registries) in self.plan.lists.iter().zip(&self.registries) {
            let (progress, environment) = (Arc::clone(progress), self.environment);
            let copied =
                mirror::copy(&list.list, &list.mirror, &options, registries, environment, progress);
            reports.push(copied.await?);
        }
        Ok(reports)
    }
}
