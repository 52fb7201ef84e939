//! The command `bundle import`: mirrors the images of a bundle to a destination.

use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};

use super::open_bundle::{ListOrigin, OpenBundle};
use crate::bundle::bundle_inventory::BundledChart;
use crate::bundle::difference::LeftOut;
use crate::chart::PlannedChart;
use crate::commands::chart_copy::ChartPlan;
use crate::commands::mirror::result::MirrorReport;
use crate::commands::mirror::{self, MirrorOptions, MirrorPlan};
use crate::commands::publications::ListAt;
use crate::copy::{ExistingContent, Progress};
use crate::layouts::BundleStorage;
use crate::list::{Attachments, ImageList};
use crate::plan::{Transfer, registry_settings};
use messages::Advice;
use messages::program::command;
use oci::{Descriptor, Reference, Registry, Repository, RepositoryPath};
use registry::auth::credentials::Environment;
use registry::known::settings::RegistrySettings;
use registry::{Registries, RetryPolicy, Settings, Side};
use registry_server::ServedRegistry;

/// Blobs that are looked for at a time.
const CHECKS_AT_ONCE: usize = 64;

/// How many missing blobs an error names.
const MOST_NAMED: usize = 5;

/// What to import, and where to.
#[derive(Default)]
pub struct ImportOptions {
    pub destination: Option<String>,
    pub only: Vec<String>,
    /// Where the chart goes, if the destination does not determine it.
    pub charts: Option<RepositoryPath>,
    pub concurrency: Option<usize>,
    pub existing: ExistingContent,
    pub retry: RetryPolicy,
}

/// A list of images to import.
pub struct ImportedList<'a> {
    pub list: &'a ImageList,
    /// The file of the list in the bundle, if it is there.
    pub file: &'a Path,
    pub origin: ListOrigin,
}

/// Copies the images of a list from a bundle that was verified. Images that fail are in the report.
///
/// # Errors
/// Before anything is pushed: if the list, the bundle and the destination do not fit together, or the
/// destination lacks what the bundle leaves out.
pub async fn run(
    bundle: &OpenBundle,
    imported: &ImportedList<'_>,
    options: &ImportOptions,
    environment: &dyn Environment,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<MirrorReport> {
    // The keys of a bundle would prove only that it agrees with itself.
    let list = match imported.origin {
        ListOrigin::Bundle => &imported.list.clone().without_signatures(),
        ListOrigin::Site => imported.list,
    };
    let left_out: Vec<&LeftOut> = bundle.inventory.left_out().collect();
    let attachments = match bundle.inventory.attachments {
        true => Attachments::Copy,
        false => Attachments::Ignore,
    };
    let options = MirrorOptions {
        destination: options.destination.clone(),
        only: options.only.clone(),
        charts: options.charts.clone(),
        concurrency: options.concurrency,
        attachments,
        existing: options.existing,
        retry: options.retry,
        present: left_out.iter().map(|it| (it.digest.clone(), it.repository.clone())).collect(),
        ..MirrorOptions::default()
    };
    let mut plan = mirror::plan(list, &options)?;
    fit_to_bundle(&mut plan, bundle, imported.origin)?;
    add_chart(&mut plan, imported, bundle, &options)?;
    let mut settings = registry_settings(list, options.concurrency, options.retry);
    if imported.origin == ListOrigin::Bundle && !bundle.is_signed {
        distrust(&mut settings, &plan.destination.address.registry)?;
    }
    read_from(bundle, &mut settings);
    let layout = mirror::layouts_of(&plan, &options, &mut settings)?;
    let registries = mirror::connect(&plan, settings, environment)?;
    check_left_out(&left_out, &plan, &registries).await?;
    let copied = mirror::copy(list, &plan, &options, &registries, environment, progress);
    let mut report = copied.await?;
    report.unfinished = mirror::finish(layout.as_ref(), &report)?;
    Ok(report)
}

/// A list that may be anyone's does not decide who gets credentials, and which certificates are accepted.
fn distrust(settings: &mut Settings, destination: &Registry) -> Result<(), Advice> {
    settings.registries.retain(|registry, _| registry == destination);
    let keys = settings.registries.get(destination).map(RegistrySettings::trusting_keys);
    let keys = keys.unwrap_or_default();
    if keys.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the list in the bundle sets `{}` for `{destination}`, and no signature proves who wrote it",
        keys.join("`, `")
    );
    Err(Advice::new(message).with_hint(
        "name a list of this site that has these settings with `--images FILE`, or the key of the bundle with \
         `--require-signature KEY`",
    ))
}

/// Reads all sources from the bundle.
fn read_from(bundle: &OpenBundle, settings: &mut Settings) {
    let source = bundle.layout.location().registry();
    let storage = BundleStorage::new(Arc::clone(&bundle.layout), bundle.left_out());
    settings.source = Some(source.clone());
    settings.embedded.insert(source, Arc::new(ServedRegistry::new(Arc::new(storage))));
}

/// Leaves out images that the bundle does not have, if the list is its own, and takes the digests of those of
/// which it has only some platforms.
fn fit_to_bundle(
    plan: &mut MirrorPlan,
    bundle: &OpenBundle,
    origin: ListOrigin,
) -> Result<(), Advice> {
    let inventory = &bundle.inventory;
    let bundled = inventory.images_by_source();
    if origin == ListOrigin::Bundle {
        plan.transfers.retain(|transfer| bundled.contains_key(&transfer.source_reference()));
        if plan.transfers.is_empty() {
            let show = command("bundle list");
            return Err(Advice::new("the bundle has none of the images that are selected")
                .with_hint(format!("{show} shows what it has")));
        }
    }
    let Some(platforms) = &inventory.platforms else { return Ok(()) };
    if plan.destination.platforms.as_ref() != Some(platforms) {
        let takes = match &plan.destination.platforms {
            Some(platforms) => format!("only {platforms}"),
            None => "all platforms".to_owned(),
        };
        let message = format!(
            "the bundle has only {platforms} of each image, and `{}` takes {takes}",
            plan.destination
        );
        let export = command("bundle export -d DESTINATION");
        return Err(Advice::new(message).with_hint(format!(
            "import it to a destination with the same `platforms`, or write one for this destination: {export}"
        )));
    }
    plan.transfers.iter_mut().try_for_each(|transfer| {
        let Some(image) = bundled.get(&transfer.source_reference()) else { return Ok(()) };
        take_digest(transfer, &image.digest)
    })
}

/// The bundle has the rewritten index, which is copied as it is.
fn take_digest(transfer: &mut Transfer, bundled: &oci::Digest) -> Result<(), Advice> {
    let recorded = transfer.platforms.take().and_then(|selection| selection.recorded);
    match recorded {
        Some(recorded) if recorded != *bundled => {
            let reference = transfer.source_reference();
            let message = format!("the bundle has {bundled} of `{reference}`, the list {recorded}");
            Err(Advice::new(message).with_hint("import it with the list that it was written with"))
        }
        _ => {
            transfer.digest = Some(bundled.clone());
            Ok(())
        }
    }
}

/// Adds the chart of the bundle, if the destination has a place for charts.
fn add_chart(
    plan: &mut MirrorPlan,
    imported: &ImportedList<'_>,
    bundle: &OpenBundle,
    options: &MirrorOptions,
) -> Result<(), Advice> {
    let Some(charts) = plan.destination.charts.clone() else { return Ok(()) };
    let Some(bundled) = bundle.chart_of(imported.file, imported.origin) else {
        return match options.charts {
            None => Ok(()),
            Some(_) => Err(Advice::new("the bundle has no chart of this list")
                .with_hint("write one with the chart, or leave out `--with-chart`")),
        };
    };
    plan.set_chart(imported.list, Arc::new(planned_chart(bundled)?), &charts)?;
    plan.fetch_chart();
    Ok(())
}

fn planned_chart(bundled: &BundledChart) -> Result<PlannedChart, Advice> {
    let name = bundled.name.parse::<Reference>().map_err(|why| {
        Advice::new(format!("the chart `{}` in the bundle: {why}", bundled.name.escape_debug()))
    })?;
    PlannedChart::in_registry(bundled.source.clone(), &name, bundled.digest.clone())
}

/// The chart of a list in the bundle, if the destination has a place for it, or `charts` is one.
pub fn chart_plan(
    bundle: &OpenBundle,
    at: ListAt<'_>,
    origin: ListOrigin,
    charts: Option<&RepositoryPath>,
) -> Option<ChartPlan> {
    let charts = charts.or(at.destination.charts.as_ref())?;
    let chart = planned_chart(bundle.chart_of(at.file, origin)?).ok()?;
    ChartPlan::new(Arc::new(chart), at.destination, charts).ok()
}

/// Asks the destination for the blobs that the bundle leaves out.
async fn check_left_out(
    left_out: &[&LeftOut],
    plan: &MirrorPlan,
    registries: &Registries,
) -> anyhow::Result<()> {
    let registry = &plan.destination.address.registry;
    let mut checks = stream::iter(left_out)
        .map(async |blob| {
            let repository = Repository::new(registry.clone(), blob.repository.clone());
            let repository = registries.repository(&repository, Side::Destination)?;
            let (digest, size) = (blob.digest.clone(), blob.size);
            let media_type = String::new();
            let descriptor = Descriptor { media_type, digest, size, platform: None };
            let is_there = repository.has_blob(&descriptor).await?;
            anyhow::Ok((!is_there).then_some(*blob))
        })
        .buffer_unordered(CHECKS_AT_ONCE);
    let mut missing = Vec::new();
    while let Some(found) = checks.next().await {
        missing.extend(found?);
    }
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort();
    let named = missing.iter().take(MOST_NAMED);
    let named =
        named.map(|blob| format!("\n  {}@{} ({} bytes)", blob.repository, blob.digest, blob.size));
    let more = missing.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    let message = format!(
        "the bundle counts on blobs that `{}` does not have; nothing was pushed:{}{more}",
        plan.destination,
        named.collect::<String>()
    );
    let (inventory, export) = (command("inventory -d DESTINATION"), command("bundle export"));
    anyhow::bail!(Advice::new(message).with_hint(format!(
        "{inventory} writes down what is there now; write the bundle again with that, or without \
         `--against`: {export}"
    )))
}
