//! The command `mirror`: plans what goes where, copies it, and returns a report.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{anyhow, bail};

use super::chart_copy::{ChartCopy, ChartPlan, planned_chart};
use super::signature_keys::signature_policy;
use crate::chart::{ChartOptions, PlannedChart};
use crate::copy::{CopyOptions, ExistingContent, Progress, TagCheck, copy_all};
use crate::ecr::{Repositories, RepositoryPlan};
use crate::layouts::{self, WrittenLayout};
use crate::list::{Attachments, Creation, Destination, ImageList};
use crate::plan::{Publication, Selection, Shard, Transfer, registry_settings, transfers};
use crate::timestamp::Timestamp;
use layout::LayoutLocation;
use messages::Advice;
use oci::{Digest, RepositoryPath};
use registry::auth::credentials::Environment;
use registry::known::kind::Profile;
use registry::{Access, Registries, RetryPolicy, Settings};
use result::{ChartReport, ImageReport, MirrorReport, ShardReport};

pub mod result;

/// What to mirror, and how.
#[derive(Default)]
pub struct MirrorOptions {
    pub destination: Option<String>,
    pub only: Vec<String>,
    /// The shard of this machine; `None`: everything.
    pub shard: Option<Shard>,
    /// Where the chart goes, if the destination does not determine it.
    pub charts: Option<RepositoryPath>,
    /// Most requests at a time to one registry.
    pub concurrency: Option<usize>,
    /// Whether attachments are copied, if the destination does not require it.
    pub attachments: Attachments,
    pub existing: ExistingContent,
    pub pins: Pins,
    pub retry: RetryPolicy,
    /// The layout that is read instead of the sources.
    pub source: Option<LayoutLocation>,
    /// Blobs that the destination is known to have, each with a repository there.
    pub present: Vec<(Digest, RepositoryPath)>,
}

/// What a pinned image is copied by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pins {
    /// The tag has to name the pinned digest, as far as the policy of the list requires.
    #[default]
    MatchTags,
    /// The pinned digest alone.
    Alone,
}

/// The transfers of a run, and their destination.
pub struct MirrorPlan {
    pub destination: Destination,
    pub transfers: Vec<Transfer>,
    pub chart: Option<ChartPlan>,
    shard: Option<PlannedShard>,
    fetched: Option<Result<ChartCopy, Advice>>,
}

/// The shard of this machine, and the positions of its transfers in the whole run.
struct PlannedShard {
    shard: Shard,
    positions: Vec<usize>,
}

/// Decides what goes where, without any request.
///
/// # Errors
/// When there is no such destination, or the selection does not fit the list.
pub fn plan(list: &ImageList, options: &MirrorOptions) -> anyhow::Result<MirrorPlan> {
    let mut destination = list.choose(options.destination.as_deref())?;
    let transfers = transfers(list, &destination, &Selection::new(&options.only)?)?;
    check_depth(list, &destination, transfers.iter().map(|transfer| transfer.target.path()))?;
    match &options.charts {
        Some(charts) => destination.charts = Some(charts.clone()),
        // Only some images were requested.
        None if !options.only.is_empty() => destination.charts = None,
        None => {}
    }
    let mut plan = MirrorPlan::new(destination, transfers);
    if let Some(shard) = options.shard {
        plan.keep_only(shard);
    }
    Ok(plan)
}

/// Checks the depth of paths before any request: the error that a registry returns for a path that is too
/// deep looks like a missing permission.
fn check_depth<'p>(
    list: &ImageList,
    destination: &Destination,
    paths: impl Iterator<Item = &'p RepositoryPath>,
) -> Result<(), Advice> {
    let registry = &destination.address.registry;
    let profile = Profile::of_host(registry, list.registries().get(registry));
    let limits = [profile.max_path_depth, destination.max_path_depth];
    let Some(most) = limits.into_iter().flatten().min() else { return Ok(()) };
    let is_deep = |path: &&str| path.split('/').count() > most;
    let mut deep: Vec<&str> = paths.map(RepositoryPath::as_str).filter(is_deep).collect();
    deep.sort_unstable();
    deep.dedup();
    if deep.is_empty() {
        return Ok(());
    }
    let deep = deep.join("`, `");
    let message = format!(
        "`{registry}` accepts paths of at most {most} parts, but these have more: `{deep}`"
    );
    Err(Advice::new(message).with_hint(format!(
        "give the images shorter paths with `target`, the chart with `charts`, or set `max-path-depth = {most}` for the destination"
    )))
}

/// Copies what is planned. Images that fail are in the report, and do not stop the others.
///
/// # Errors
/// When nothing could be tried, for example because of contradictory credentials or missing
/// certificates.
pub async fn run(
    list: &ImageList,
    plan: &MirrorPlan,
    options: &MirrorOptions,
    environment: &dyn Environment,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<MirrorReport> {
    let mut settings = registry_settings(list, options.concurrency, options.retry);
    let layout = layouts_of(plan, options, &mut settings)?;
    let registries = connect(plan, settings, environment)?;
    let mut report = copy(list, plan, options, &registries, environment, progress).await?;
    report.unfinished = finish(layout, &report)?;
    Ok(report)
}

/// The registries of a plan.
pub(super) fn connect(
    plan: &MirrorPlan,
    mut settings: Settings,
    environment: &dyn Environment,
) -> Result<Registries, Advice> {
    settings.destination_access = Access::Push;
    settings.embedded.extend(plan.fetched_chart().and_then(ChartCopy::embedded));
    let hosts = plan.all_transfers().into_iter().flat_map(|transfer| transfer.hosts());
    Registries::new(settings, hosts, environment)
}

/// Copies what is planned, between registries that are connected.
pub(super) async fn copy(
    list: &ImageList,
    plan: &MirrorPlan,
    options: &MirrorOptions,
    registries: &Registries,
    environment: &dyn Environment,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<MirrorReport> {
    let began = Instant::now();
    let chart = plan.fetched_chart();
    let transfers = plan.all_transfers();
    let copy = CopyOptions {
        attachments: plan.destination.attachments.max(options.attachments),
        existing: options.existing,
        tags: match options.pins {
            Pins::MatchTags => TagCheck::of(list.policy()),
            Pins::Alone => TagCheck::Skipped,
        },
    };
    let of_chart = chart.map(|chart| chart.transfer.source_reference());
    let signatures = Arc::new(signature_policy(list.policy())?.except(of_chart));
    let repositories = repositories(plan, environment)?.map(Arc::new);
    let present = &options.present;
    let copied =
        copy_all(registries, &transfers, copy, present, signatures, repositories.clone(), progress);
    let mut results = copied.await?;
    let of_chart = chart.and_then(|chart| Some(ImageReport::new(&chart.transfer, results.pop()?)));
    let results = plan.transfers.iter().zip(results);
    let images = results.map(|(transfer, result)| ImageReport::new(transfer, result));
    Ok(MirrorReport {
        destination: plan.destination.to_string(),
        shard: plan.shard_report(),
        images: images.collect(),
        chart: plan.chart_report(of_chart),
        unfinished: None,
        requests: registries.requests(),
        seconds: began.elapsed().as_secs_f64(),
        ended: Timestamp::now(),
        insecure: registries.insecure(),
        repositories: repositories.and_then(|repositories| repositories.report()),
    })
}

/// Opens the layouts that the run reads or writes. Returns the written one.
pub(super) fn layouts_of(
    plan: &MirrorPlan,
    options: &MirrorOptions,
    settings: &mut Settings,
) -> Result<Option<WrittenLayout>, Advice> {
    let destination = plan.destination.layout.as_ref();
    layouts::check_different(options.source.as_ref(), destination)?;
    if let Some(source) = &options.source {
        layouts::read_sources(source, settings)?;
    }
    destination.map(|layout| layouts::write(layout, settings)).transpose()
}

/// Completes a layout, unless something failed. Returns where it stays until then.
pub(super) fn finish(
    layout: Option<WrittenLayout>,
    report: &MirrorReport,
) -> Result<Option<String>, Advice> {
    match layout {
        None => Ok(None),
        Some(layout) if report.has_failed() => Ok(layout.unfinished()),
        Some(layout) => layout.finish().map(|()| None),
    }
}

/// Creates repositories, if the destination does not create them on push.
fn repositories(
    plan: &MirrorPlan,
    environment: &dyn Environment,
) -> anyhow::Result<Option<Repositories>> {
    let Some(plan) = plan.repositories() else { return Ok(None) };
    if let (Creation::Create, Some(file)) = (plan.creation, &plan.options.lifecycle_policy_file) {
        // Checked now: an error later could leave half of the repositories created without their policy.
        let name = file.display();
        let text = regular_file::read(file, regular_file::LARGEST)
            .map_err(|error| anyhow!("cannot read the lifecycle policy `{name}`: {error}"))?;
        if let Err(error) = serde_json::from_slice::<serde_json::Value>(&text) {
            bail!("the lifecycle policy `{name}` is not JSON: {error}");
        }
    }
    let search_path = environment.variable("PATH").unwrap_or_default();
    Ok(Some(Repositories::new(plan, search_path)))
}

impl MirrorPlan {
    pub(super) fn new(destination: Destination, transfers: Vec<Transfer>) -> Self {
        Self { destination, transfers, chart: None, shard: None, fetched: None }
    }

    /// Leaves the rest to other machines.
    fn keep_only(&mut self, shard: Shard) {
        let all = std::mem::take(&mut self.transfers).into_iter().enumerate();
        let kept = all.filter(|(_, transfer)| shard.has(transfer.target.path()));
        let (positions, transfers) = kept.unzip();
        self.transfers = transfers;
        self.shard = Some(PlannedShard { shard, positions });
    }

    fn shard_report(&self) -> Option<ShardReport> {
        self.shard.as_ref().map(|PlannedShard { shard, positions }| ShardReport {
            index: Some(shard.index),
            count: shard.count,
            positions: positions.clone(),
            missing: Vec::new(),
        })
    }

    /// The repositories that may have to be created first.
    pub fn repositories(&self) -> Option<RepositoryPlan> {
        let mut plan = RepositoryPlan::of(&self.destination, &self.transfers)?;
        let of_chart = self.chart.iter().map(|chart| chart.target.path());
        for path in of_chart {
            if !plan.repositories.contains(path) {
                plan.repositories.push(path.clone());
            }
        }
        Some(plan)
    }

    /// Adds the chart of the list, or the one that the options name, if the destination has a place for charts.
    /// `folder` is the folder of images.toml.
    ///
    /// # Errors
    /// If the options ask for a chart and neither they nor the list name one, or if the chart cannot be read.
    pub fn add_chart(
        &mut self,
        list: &ImageList,
        folder: &Path,
        options: &MirrorOptions,
        chart: &ChartOptions,
    ) -> anyhow::Result<()> {
        let Some(charts) = &self.destination.charts else { return Ok(()) };
        // A destination may be shared with lists that have no chart.
        if list.chart().is_none() && chart.chart.is_none() && options.charts.is_none() {
            return Ok(());
        }
        let (chart, charts) = (planned_chart(list, folder, chart)?, charts.clone());
        Ok(self.set_chart(list, chart, &charts)?)
    }

    /// Adds a chart, below the path `charts` of the destination.
    pub(super) fn set_chart(
        &mut self,
        list: &ImageList,
        chart: Arc<PlannedChart>,
        charts: &RepositoryPath,
    ) -> Result<(), Advice> {
        let chart = ChartPlan::new(chart, &self.destination, charts)?;
        check_depth(list, &self.destination, std::iter::once(chart.target.path()))?;
        let of_other_shard =
            self.shard.as_ref().is_some_and(|it| !it.shard.has(chart.target.path()));
        self.chart = (!of_other_shard).then_some(chart);
        Ok(())
    }

    /// The chart, if it could be fetched.
    pub(super) fn fetched_chart(&self) -> Option<&ChartCopy> {
        self.fetched.as_ref()?.as_ref().ok()
    }

    /// What a list publishes at a destination: the images, and the chart if it was fetched.
    pub fn publications(&self, list: &str, destination: &str) -> Vec<Publication> {
        let chart = self.chart.as_ref().map(|plan| plan.chart.source.clone());
        let of_images = self.transfers.iter().map(|transfer| (transfer, None));
        let of_chart = self.fetched_chart().map(|chart_copy| (&chart_copy.transfer, chart));
        let publication = |(transfer, chart): (&Transfer, Option<String>)| Publication {
            list: list.to_owned(),
            destination: destination.to_owned(),
            transfer: transfer.clone(),
            chart,
        };
        of_images.chain(of_chart).map(publication).collect()
    }

    /// With the chart, which is last.
    fn all_transfers(&self) -> Vec<Transfer> {
        let chart = self.fetched_chart().map(|chart| chart.transfer.clone());
        self.transfers.iter().cloned().chain(chart).collect()
    }

    /// Whether there is nothing to fetch: no chart, or one that is known.
    pub fn knows_chart(&self) -> bool {
        self.chart.as_ref().is_none_or(|plan| plan.chart.is_known())
    }

    /// Fetches the chart. If that fails, the error is in the report. Blocks while helm runs.
    pub fn fetch_chart(&mut self) {
        self.fetched = self.chart.as_ref().map(ChartPlan::fetch);
    }

    /// # Errors
    /// If there is a chart and it could not be fetched.
    pub(super) fn check_chart(&self) -> Result<(), Advice> {
        match &self.fetched {
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(_)) | None => Ok(()),
        }
    }

    fn chart_report(&self, copied: Option<ImageReport>) -> Option<ChartReport> {
        let plan = self.chart.as_ref()?;
        let source = plan.chart.source.clone();
        match (&self.fetched, copied) {
            (_, Some(copied)) => Some(ChartReport::copied(source, copied)),
            (Some(Err(error)), None) => {
                Some(ChartReport::not_fetched(source, plan.target_name(), error.clone()))
            }
            (_, None) => None,
        }
    }
}
