//! The command `mirror`: plans what goes where, copies it, and returns a report.

use std::path::Path;
use std::sync::Arc;

use super::chart_copy::{ChartCopy, ChartPlan, planned_chart};
use crate::chart::{ChartOptions, PlannedChart};
use crate::copy::{ContentRecord, Copied, Effects, ExistingContent};
use crate::ecr::RepositoryPlan;
use crate::list::{Attachments, Destination, ImageList};
use crate::plan::{Publication, Selection, Shard, Transfer, transfers};
use applied::AppliedPlan;
use layout::LayoutLocation;
use messages::Advice;
use oci::{Digest, RepositoryPath};
use planned::{ChartInPlan, PlannedPart};
use registry::known::kind::Profile;
use registry::{Error, Requests, RetryPolicy, Trace};
use result::{ChartReport, ImageReport, ShardReport};

pub use run::{MirrorRun, run};
pub(super) use run::{connect, copy, finish, layouts_of};
pub use together::{Together, run_together};

mod applied;
pub mod planned;
pub mod planned_error;
pub mod result;
mod run;
pub mod shards;
pub mod stale;
pub mod timeline;
mod together;

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
    /// Whether the destination is changed.
    pub effects: Effects,
    pub pins: Pins,
    /// Whether the report has the content of images.
    pub content: ContentRecord,
    pub retry: RetryPolicy,
    /// Records the requests of the run.
    pub trace: Option<Arc<Trace>>,
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
    /// The plan that the run carries out.
    applied: Option<AppliedPlan>,
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

impl MirrorPlan {
    pub(super) fn new(destination: Destination, transfers: Vec<Transfer>) -> Self {
        let (chart, shard, fetched, applied) = (None, None, None, None);
        Self { destination, transfers, chart, shard, fetched, applied }
    }

    /// Leaves the rest to other machines.
    fn keep_only(&mut self, shard: Shard) {
        let all = std::mem::take(&mut self.transfers).into_iter().enumerate();
        let kept = all.filter(|(_, transfer)| shard.has(transfer.target.path()));
        let (positions, transfers) = kept.unzip();
        self.transfers = transfers;
        self.shard = Some(PlannedShard { shard, positions });
    }

    /// Keeps what a plan says that has to be copied, by the machine of a shard. `compared` are the requests that compared
    /// the plan with the registries.
    pub fn keep_planned(
        &mut self,
        planned: &PlannedPart,
        shard: Option<Shard>,
        compared: Requests,
    ) {
        let all = std::mem::take(&mut self.transfers);
        let (applied, transfers) = AppliedPlan::new(planned, shard, compared, all);
        self.transfers = transfers;
        if let Some(shard) = shard {
            self.shard = Some(PlannedShard { shard, positions: applied.positions.clone() });
            // The chart is small. One machine copies it.
            if shard.index > 1 {
                (self.chart, self.fetched) = (None, None);
            }
        }
        if let (Some(_), Some(error)) = (&self.chart, planned.chart_error()) {
            self.fetched = Some(Err(error.during_planning()));
        }
        self.applied = Some(applied);
    }

    /// How the chart differs from a plan.
    pub fn chart_change(&self, planned: &PlannedPart) -> Option<String> {
        let (now, planned) = (self.fetched_chart(), planned.chart.as_ref());
        let digest = now.and_then(|chart| chart.transfer.digest.as_ref());
        let then = planned.and_then(|chart| chart.then.as_ref());
        match (now, planned) {
            (None, None) => None,
            // Its error is in the report.
            (_, Some(ChartInPlan { error: Some(_), .. })) if self.chart.is_some() => None,
            (Some(_), Some(_)) if digest.is_none() || digest == then => None,
            (Some(_), Some(chart)) => Some(format!("the chart {} has changed", chart.source)),
            (Some(_), None) => Some("a chart would be copied that was not planned".to_owned()),
            (None, Some(chart)) => Some(format!("the chart {} cannot be copied now", chart.source)),
        }
    }

    /// The requests that compared a plan with the registries.
    fn compared(&self) -> Requests {
        self.applied.as_ref().map(|applied| applied.compared).unwrap_or_default()
    }

    /// The reports about the images, with those that a plan has settled.
    fn image_reports(
        &self,
        results: impl IntoIterator<Item = Result<Copied, Error>>,
    ) -> Vec<ImageReport> {
        let results = self.transfers.iter().zip(results);
        let copied = results.map(|(transfer, result)| ImageReport::new(transfer, result));
        match &self.applied {
            Some(applied) => applied.reports(copied),
            None => copied.collect(),
        }
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
