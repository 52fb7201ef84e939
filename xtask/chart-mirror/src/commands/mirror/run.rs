//! Copies what is planned for one list at one destination.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{anyhow, bail};

use super::result::{ImageReport, MirrorReport};
use super::{MirrorOptions, MirrorPlan, Pins};
use crate::commands::chart_copy::charts_made_here;
use crate::commands::signature_keys::signature_policy;
use crate::copy::{
    Batch, Copied, Copies, CopyOptions, Effects, Progress, SignaturePolicy, TagCheck,
};
use crate::ecr::{Creates, Repositories};
use crate::layouts::{self, WrittenLayout};
use crate::list::{Creation, ImageList};
use crate::plan::{Transfer, registry_settings};
use crate::timestamp::Timestamp;
use messages::Advice;
use registry::auth::credentials::Environment;
use registry::{Access, Error, Registries, Requests, Settings};

/// One list at one destination.
#[derive(Clone, Copy)]
pub struct MirrorRun<'a> {
    pub list: &'a ImageList,
    pub plan: &'a MirrorPlan,
    pub options: &'a MirrorOptions,
}

/// A run that is ready to be copied.
pub(super) struct Prepared<'a> {
    run: MirrorRun<'a>,
    /// With the chart, which is last.
    transfers: Vec<Transfer>,
    signatures: Arc<SignaturePolicy>,
    repositories: Option<Arc<Repositories>>,
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
    settings.trace = options.trace.clone();
    let layout = layouts_of(plan, options, &mut settings)?;
    let registries = connect(plan, settings, environment)?;
    let mut report = copy(list, plan, options, &registries, environment, progress).await?;
    report.unfinished = finish(layout.as_ref(), &report)?;
    Ok(report)
}

/// The registries of a plan.
pub(in crate::commands) fn connect(
    plan: &MirrorPlan,
    mut settings: Settings,
    environment: &dyn Environment,
) -> Result<Registries, Advice> {
    settings.destination_access = Access::Push;
    settings.embedded.extend(charts_made_here(plan.fetched_chart().into_iter()));
    let hosts = plan.all_transfers().into_iter().flat_map(|transfer| transfer.hosts());
    Registries::new(settings, hosts, environment)
}

/// Copies what is planned, between registries that are connected.
pub(in crate::commands) async fn copy(
    list: &ImageList,
    plan: &MirrorPlan,
    options: &MirrorOptions,
    registries: &Registries,
    environment: &dyn Environment,
    progress: Arc<dyn Progress>,
) -> anyhow::Result<MirrorReport> {
    let began = Instant::now();
    let prepared = Prepared::new(MirrorRun { list, plan, options }, environment)?;
    progress.copying(prepared.transfers());
    let batch = prepared.batch(progress);
    let copies = Copies::new(registries, std::slice::from_ref(&batch))?;
    let results = copies.run(batch).await?;
    let mut requests = registries.requests();
    requests += plan.compared();
    Ok(prepared.report(results, Some(requests), registries, began))
}

impl<'a> Prepared<'a> {
    /// # Errors
    /// When keys or a lifecycle policy cannot be read.
    pub(super) fn new(run: MirrorRun<'a>, environment: &dyn Environment) -> anyhow::Result<Self> {
        let of_chart = run.plan.fetched_chart().map(|chart| chart.transfer.source_reference());
        let signatures = Arc::new(signature_policy(run.list.policy())?.except(of_chart));
        let creates = match run.options.effects {
            Effects::Applied => Creates::All,
            Effects::Planned => Creates::None,
        };
        let repositories = repositories(run.plan, environment, creates)?.map(Arc::new);
        Ok(Self { run, transfers: run.plan.all_transfers(), signatures, repositories })
    }

    pub(super) fn transfers(&self) -> &[Transfer] {
        &self.transfers
    }

    /// The requests that compared a plan with the registries.
    pub(super) fn compared(&self) -> Requests {
        self.run.plan.compared()
    }

    pub(super) fn batch(&self, progress: Arc<dyn Progress>) -> Batch<'_> {
        let MirrorRun { list, plan, options } = self.run;
        let copy = CopyOptions {
            attachments: plan.destination.attachments.max(options.attachments),
            existing: options.existing,
            tags: match options.pins {
                Pins::MatchTags => TagCheck::of(list.policy()),
                Pins::Alone => TagCheck::Skipped,
            },
            content: options.content,
            effects: options.effects,
        };
        Batch {
            transfers: &self.transfers,
            options: copy,
            present: &options.present,
            signatures: Arc::clone(&self.signatures),
            repositories: self.repositories.clone(),
            progress,
        }
    }

    /// The report about the results, which are in the order of the transfers. `requests`: those of this run alone.
    pub(super) fn report(
        &self,
        mut results: Vec<Result<Copied, Error>>,
        requests: Option<Requests>,
        registries: &Registries,
        began: Instant,
    ) -> MirrorReport {
        let plan = self.run.plan;
        let chart = plan.fetched_chart();
        let of_chart =
            chart.and_then(|chart| Some(ImageReport::new(&chart.transfer, results.pop()?)));
        MirrorReport {
            destination: plan.destination.to_string(),
            shard: plan.shard_report(),
            images: plan.image_reports(results),
            chart: plan.chart_report(of_chart),
            unfinished: None,
            requests,
            seconds: began.elapsed().as_secs_f64(),
            ended: Timestamp::now(),
            insecure: registries.insecure(),
            repositories: self.repositories.as_ref().and_then(|repositories| repositories.report()),
        }
    }
}

/// Opens the layouts that the run reads or writes. Returns the written one.
pub(in crate::commands) fn layouts_of(
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
pub(in crate::commands) fn finish(
    layout: Option<&WrittenLayout>,
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
    creates: Creates,
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
    Ok(Some(Repositories::new(plan, search_path, creates)))
}
