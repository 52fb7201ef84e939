//! The chart at the destinations that have a place for charts: whether it is there, and with the same digest.

use crate::chart::ChartContent;
use crate::commands::chart_copy::{ChartPlan, planned_chart};
use crate::commands::verify::{context::Context, finding::Finding, findings::Findings};
use crate::files::folder_of;
use crate::list::finding_code::{Check, Code};
use messages::Advice;
use oci::{Digest, Repository, Tag};
use registry::{HostSide, Side};

/// A chart to look for at a destination.
pub(in crate::commands::verify) struct ChartCheck {
    /// The name of the destination.
    pub(super) destination: String,
    pub(super) target: Repository,
    pub(super) tag: Tag,
    pub(super) expected: Expected,
}

/// What the tag has to name.
pub(super) enum Expected {
    Digest(Digest),
    /// The same as the tag of the chart's own registry.
    AtSource(Repository),
    /// The source is not checked, so nothing is known to compare with.
    Anything,
}

/// Finds out what to expect. Blocks while helm fetches the chart, which it does only if the source is checked
/// as well.
pub(in crate::commands::verify) fn prepare(
    context: &Context<'_>,
    findings: &mut Findings<'_>,
) -> Vec<ChartCheck> {
    let mut checks = Vec::new();
    for (name, plan) in plans(context) {
        match plan.and_then(|plan| check_of(context, &name, &plan)) {
            Ok(check) => checks.push(check),
            Err(error) => {
                let error = format!("destination `{name}`: {error:#}");
                findings.add(Finding::from_error(Check::Destination, Code::CheckNotRun, error));
            }
        }
    }
    checks
}

/// The chart at each destination that has it.
fn plans(context: &Context<'_>) -> Vec<(String, anyhow::Result<ChartPlan>)> {
    let (list, options) = (context.input.list, context.options);
    let is_required = options.charts.is_some();
    let has_chart = list.chart().is_some() || options.chart.chart.is_some();
    // Only some images were requested, or a list without a chart shares the destination.
    if !is_required && (!options.images.is_empty() || !has_chart) {
        return Vec::new();
    }
    let destinations = context.destinations.iter();
    let with_charts: Vec<_> = destinations
        .filter_map(|(name, at)| Some((name, at, options.charts.as_ref().or(at.charts.as_ref())?)))
        .collect();
    if with_charts.is_empty() {
        return Vec::new();
    }
    let chart = planned_chart(list, folder_of(context.input.file), &options.chart);
    let chart = chart.map_err(|error| format!("{error:#}"));
    let plan = |destination, charts| match &chart {
        Ok(chart) => Ok(ChartPlan::new(chart.clone(), destination, charts)?),
        Err(error) => Err(anyhow::anyhow!(error.clone())),
    };
    let plans = with_charts.into_iter();
    plans.map(|(name, at, charts)| (name.clone(), plan(at, charts))).collect()
}

fn check_of(context: &Context<'_>, name: &str, plan: &ChartPlan) -> anyhow::Result<ChartCheck> {
    let (destination, target) = (name.to_owned(), plan.target.clone());
    let checks_source = context.includes(Check::Source);
    if checks_source || plan.chart.is_known() {
        let content = plan.chart.content()?;
        let expected = match content {
            ChartContent::Made(artifact) => Expected::Digest(artifact.manifest.digest.clone()),
            ChartContent::InRegistry { digest: Some(digest), .. } => {
                Expected::Digest(digest.clone())
            }
            ChartContent::InRegistry { repository, .. } if checks_source => {
                Expected::AtSource(repository.clone())
            }
            ChartContent::InRegistry { .. } => Expected::Anything,
        };
        return Ok(ChartCheck { destination, target, tag: content.tag().clone(), expected });
    }
    let tag = plan.chart.tag.clone().ok_or_else(|| {
        Advice::new(format!("the version of the chart `{}` is not known", plan.chart.source))
            .with_hint("give `[chart]` a `version`, or check the source as well")
    })?;
    Ok(ChartCheck { destination, target, tag, expected: Expected::Anything })
}

impl ChartCheck {
    /// The registries that the check contacts.
    pub(super) fn hosts(&self) -> Vec<HostSide> {
        let mut hosts = vec![(self.target.registry().clone(), Side::Destination)];
        if let Expected::AtSource(source) = &self.expected {
            hosts.push((source.registry().clone(), Side::Source));
        }
        hosts
    }
}
