//! The checks `source` and `destination`: one HEAD per image and side, within the queues of the
//! registries. This file sends them; `judge` turns the results into findings.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};

use super::values;
use crate::commands::signature_keys::signature_policy;
use crate::commands::verify::{context::Context, finding::Finding, findings::Findings};
use crate::copy::complete::{self, BlobChecks, Missing};
use crate::copy::{IMAGES_AT_ONCE, Progress, SignaturePolicy, platforms, signed};
use crate::layouts;
use crate::list::finding_code::{Check, Code};
use crate::list::{Destination, Image, ImageList};
use crate::plan::{Selection, Transfer, registry_settings, transfers};
use crate::signatures::PublicKeys;
use judge::{AtDestination, AtSource, Supply};
use oci::{Digest, Platforms, Registry, Repository, Tag};
use registry::auth::credentials::Environment;
use registry::{Error, ManifestName, Registries, RemoteRepository, Requests, Side};

mod charts;
mod judge;

use charts::Expected;
pub(in crate::commands::verify) use charts::{ChartCheck, prepare as prepare_charts};

/// How many requests the checks sent, and the registries whose certificates were not verified.
#[derive(Default)]
pub(in crate::commands::verify) struct Usage {
    pub(in crate::commands::verify) requests: Requests,
    pub(in crate::commands::verify) insecure: Vec<Registry>,
}

/// One image as the registries returned it.
#[derive(Default)]
struct Observed {
    source: Option<Result<AtSource, Error>>,
    /// In the order of the destinations.
    destinations: Vec<Result<AtDestination, Error>>,
}

/// A destination with the transfers to it, in the order of the list.
struct DestinationPlan<'a> {
    name: &'a str,
    transfers: Vec<Transfer>,
}

struct Observer<'a> {
    context: &'a Context<'a>,
    plans: &'a [DestinationPlan<'a>],
    registries: &'a Registries,
    checked: BlobChecks,
    signatures: SignaturePolicy,
}

pub(in crate::commands::verify) async fn check(
    context: &Context<'_>,
    charts: &[ChartCheck],
    environment: &dyn Environment,
    progress: &dyn Progress,
    findings: &mut Findings<'_>,
) -> anyhow::Result<Usage> {
    let list = context.input.list;
    let plans = match context.includes(Check::Destination) {
        true => plan(list, &context.destinations, findings),
        false => Vec::new(),
    };
    if !context.includes(Check::Source) && plans.is_empty() {
        return Ok(Usage::default());
    }
    let registries = connect(context, &plans, charts, environment)?;
    let observer = Observer {
        context,
        plans: &plans,
        registries: &registries,
        checked: BlobChecks::default(),
        signatures: match context.includes(Check::Source) {
            true => signature_policy(list.policy())?,
            false => SignaturePolicy::default(),
        },
    };
    let images = list.images().iter().enumerate();
    let selected: Vec<usize> =
        images.filter(|(_, image)| context.selects(image)).map(|(number, _)| number).collect();
    for number in &selected {
        // All are announced before the first request, so that they share tokens.
        observer.open(*number)?;
    }
    progress.checking("querying registries", selected.len());
    let mut observations = stream::iter(selected)
        .map(async |number| {
            let observed = observer.observe(number).await;
            progress.image_checked();
            (number, observed)
        })
        .buffer_unordered(IMAGES_AT_ONCE);
    while let Some((number, observed)) = observations.next().await {
        observer.judge(number, &observed?, findings);
    }
    for chart in charts {
        observer.check_chart(chart, findings).await?;
    }
    let usage = Usage { requests: registries.requests(), insecure: registries.insecure() };
    for registry in &usage.insecure {
        // Another registry may stand in for a source, so every registry that is not a target is one.
        let is_target = |transfer: &Transfer| transfer.target.registry() == registry;
        let is_destination = plans.iter().any(|plan| plan.transfers.iter().any(is_target));
        let check = if is_destination { Check::Destination } else { Check::Source };
        judge::insecure(findings, check, registry);
    }
    Ok(usage)
}

/// The transfers to each destination. A destination that cannot be planned for is a finding.
fn plan<'a>(
    list: &ImageList,
    destinations: &'a BTreeMap<String, Destination>,
    findings: &mut Findings<'_>,
) -> Vec<DestinationPlan<'a>> {
    if destinations.is_empty() {
        findings.add(values::no_destination(Check::Destination));
    }
    let mut plans = Vec::new();
    for (name, destination) in destinations {
        match transfers(list, destination, &Selection::default()) {
            Ok(transfers) => plans.push(DestinationPlan { name, transfers }),
            Err(error) => {
                let message = format!("destination `{name}`: {error}");
                let destination = Some(name.clone());
                let finding = Finding::from_error(Check::Destination, Code::CheckNotRun, message);
                findings.add(Finding { destination, ..finding });
            }
        }
    }
    plans
}

fn connect(
    context: &Context<'_>,
    plans: &[DestinationPlan<'_>],
    charts: &[ChartCheck],
    environment: &dyn Environment,
) -> anyhow::Result<Registries> {
    let list = context.input.list;
    let options = context.options;
    let mut settings = registry_settings(list, options.concurrency, options.retry);
    if let Some(source) = &options.source {
        layouts::read_sources(source, &mut settings)?;
    }
    if context.includes(Check::Destination) {
        for layout in context.destinations.values().filter_map(|it| it.layout.as_ref()) {
            layouts::read(layout, &mut settings)?;
        }
    }
    let sources = list.images().iter().filter(|_| context.includes(Check::Source));
    let sources = sources.map(|image| (image.source.registry().clone(), Side::Source));
    let transfers = plans.iter().flat_map(|plan| &plan.transfers);
    let targets = transfers.map(|transfer| transfer.target.registry().clone());
    let hosts = sources.chain(targets.map(|registry| (registry, Side::Destination)));
    let hosts = hosts.chain(charts.iter().flat_map(ChartCheck::hosts));
    Ok(Registries::new(settings, hosts, environment)?)
}

impl Observer<'_> {
    /// The repositories of an image: at the source, if that is checked, and at each destination.
    fn open(
        &self,
        number: usize,
    ) -> anyhow::Result<(Option<RemoteRepository>, Vec<RemoteRepository>)> {
        let image = &self.context.input.list.images()[number];
        let is_read = self.context.includes(Check::Source);
        let source = is_read.then(|| self.registries.repository(&image.source, Side::Source));
        let targets = self.plans.iter().map(|plan| &plan.transfers[number].target);
        let targets = targets.map(|target| self.registries.repository(target, Side::Destination));
        Ok((source.transpose()?, targets.collect::<Result<_, _>>()?))
    }

    async fn observe(&self, number: usize) -> anyhow::Result<Observed> {
        let list = self.context.input.list;
        let image = &list.images()[number];
        let mut observed = Observed::default();
        let (source, targets) = self.open(number)?;
        if let Some(source) = source {
            let required = list.policy().require_platforms.as_ref();
            let keys = self.signatures.keys_for(&image.reference());
            observed.source = Some(at_source(&source, image, required, keys.as_ref()).await);
        }
        for (plan, target) in self.plans.iter().zip(&targets) {
            let tag = &plan.transfers[number].tag;
            observed.destinations.push(self.at_destination(target, tag).await);
        }
        Ok(observed)
    }

    async fn at_destination(
        &self,
        target: &RemoteRepository,
        tag: &Tag,
    ) -> Result<AtDestination, Error> {
        let tag = target.resolve_strictly(&ManifestName::Tag(tag.clone())).await?;
        let missing = match &tag {
            Some(digest) if self.context.options.deep => {
                complete::missing(target, digest, &self.checked).await?
            }
            _ => Missing::default(),
        };
        Ok(AtDestination { tag, missing })
    }

    fn judge(&self, number: usize, observed: &Observed, findings: &mut Findings<'_>) {
        let image = &self.context.input.list.images()[number];
        let mut at_source = None;
        let supply = Supply::of(observed.source.as_ref());
        if let Some(source) = &observed.source {
            judge::source(findings, image, source);
            at_source = source.as_ref().ok().and_then(|source| source.tag.as_ref());
        }
        for (plan, observed) in self.plans.iter().zip(&observed.destinations) {
            let transfer = &plan.transfers[number];
            // An unpinned image is compared with the source, if the source was checked. A subset of its
            // platforms has another digest than the source has.
            let expected = match &transfer.platforms {
                None => transfer.pin().or(at_source),
                Some(_) => transfer.pin(),
            };
            findings.of_destination(Some(plan.name));
            let mirror = format!("mirror -d {}", plan.name);
            let target = transfer.target_reference();
            let mirror = (supply, mirror.as_str());
            judge::destination(findings, Some(image), &target, expected, mirror, observed);
            let exists = observed.as_ref().is_ok_and(|observed| observed.tag.is_some());
            // The check `list` reports images without a digest.
            let is_reported = image.digest.is_none() && self.context.includes(Check::List);
            if exists && expected.is_none() && !is_reported {
                judge::incomparable(findings, image, transfer);
            }
        }
        findings.of_destination(None);
    }
}

/// The chart, which is an image without an entry in the list.
impl Observer<'_> {
    async fn check_chart(
        &self,
        chart: &ChartCheck,
        findings: &mut Findings<'_>,
    ) -> anyhow::Result<()> {
        let expected = match &chart.expected {
            Expected::Digest(digest) => Some(digest.clone()),
            Expected::Anything => None,
            Expected::AtSource(source) => self.at_chart_source(source, chart, findings).await?,
        };
        let target = self.registries.repository(&chart.target, Side::Destination)?;
        let observed = self.at_destination(&target, &chart.tag).await;
        let flag = match &self.context.options.charts {
            Some(charts) => format!(" --with-chart {charts}"),
            None => String::new(),
        };
        let mirror = format!("mirror -d {}{flag}", chart.destination);
        let target = chart.target.tagged(&chart.tag);
        let mirror = (Supply::Possible, mirror.as_str());
        judge::destination(findings, None, &target, expected.as_ref(), mirror, &observed);
        Ok(())
    }

    async fn at_chart_source(
        &self,
        source: &Repository,
        chart: &ChartCheck,
        findings: &mut Findings<'_>,
    ) -> anyhow::Result<Option<Digest>> {
        let remote = self.registries.repository(source, Side::Source)?;
        let found = remote.resolve(&ManifestName::Tag(chart.tag.clone())).await;
        match &found {
            Ok(Some(_)) => {}
            Ok(None) => {
                let message = format!("the source has no chart `{}`", source.tagged(&chart.tag));
                let hint = "check the chart and its version; some registries answer like this without credentials";
                findings
                    .add_once(Finding::new(Check::Source, Code::SourceMissing, message).hint(hint));
            }
            Err(error) => judge::unreachable(findings, Check::Source, None, error),
        }
        Ok(found.ok().flatten())
    }
}

async fn at_source(
    source: &RemoteRepository,
    image: &Image,
    required: Option<&Platforms>,
    keys: Option<&PublicKeys>,
) -> Result<AtSource, Error> {
    let resolve = async |name: ManifestName| source.resolve(&name).await;
    let tag: Option<Digest> = resolve(ManifestName::Tag(image.tag.clone())).await?;
    let has_pin = match &image.digest {
        Some(pin) if tag.as_ref() == Some(pin) => true,
        // Moved, or gone: find out whether the pinned content can still be copied.
        Some(pin) => resolve(ManifestName::Digest(pin.clone())).await?.is_some(),
        None => false,
    };
    let digest = image.digest.clone().filter(|_| has_pin).or_else(|| tag.clone());
    let signature = match (keys, &digest) {
        (Some(keys), Some(digest)) => {
            signed::mismatch(&signed::find(source, digest, keys).await?, keys)
        }
        _ => None,
    };
    let lacks = match (required, digest) {
        (Some(required), Some(digest)) => {
            let manifest = source.manifest(&ManifestName::Digest(digest)).await?;
            platforms::lacks(source, &manifest, required).await?
        }
        _ => None,
    };
    Ok(AtSource { tag, has_pin, lacks, signature })
}
