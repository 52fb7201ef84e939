//! `PlannedRun`: what `mirror --plan` writes and `mirror --apply` carries out. It is made from the reports of a run
//! that has written nothing.

use std::collections::BTreeSet;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::planned_error::PlannedError;
use super::result::{ChartOutcome, ChartReport, CopyOutcome, ImageReport, MirrorReport};
use crate::copy::{Amount, Copied, PlannedBlob};
use crate::plan::Shard;
use messages::Advice;
use messages::program::command;
use oci::{Digest, Reference};

/// The version of the format.
const VERSION: u32 = 1;
/// Of the document, so that no other report is taken for a plan.
const COMMAND: &str = "mirror --plan";

/// The plan of a run over lists and destinations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlannedRun {
    version: u32,
    command: String,
    /// How many machines carry it out; each image has its `shard`.
    pub shards: Option<u32>,
    pub parts: Vec<PlannedPart>,
    pub totals: PlanTotals,
}

/// The plan for one list at one destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlannedPart {
    /// The file of the list.
    pub list: String,
    /// What `-d` named; null if it was not given.
    pub requested_destination: Option<String>,
    /// The name of the destination, or its address.
    pub destination: String,
    pub options: PlannedOptions,
    pub images: Vec<PlannedImage>,
    /// The chart; null if it is not mirrored.
    pub chart: Option<ChartInPlan>,
    /// The repositories in ECR that would be created.
    pub repositories: Vec<String>,
    /// Why this part cannot be copied; null if it can.
    pub error: Option<String>,
}

/// The flags that decide what a run copies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlannedOptions {
    pub attachments: bool,
    pub repair: bool,
    pub pinned: bool,
}

/// What would happen to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The tag is new at the destination.
    Create,
    /// The tag names something else now, or parts of the image or its attachments are missing.
    Update,
    UpToDate,
    /// It cannot be copied.
    Fail,
}

/// One image of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlannedImage {
    pub source: Reference,
    pub target: Reference,
    pub action: Action,
    /// What the tag at the destination names now; null if it does not exist.
    pub now: Option<Digest>,
    /// What it will name.
    pub then: Option<Digest>,
    /// What the tag at the source names, if that is another digest: the destination selects platforms.
    pub made_from: Option<Digest>,
    /// Blobs to send, to mount, and those that are there.
    pub moved: Amount,
    pub mounted: Amount,
    pub skipped: Amount,
    pub manifests: u64,
    pub attachments: u64,
    /// The blobs to send or to mount.
    pub blobs: Vec<PlannedBlob>,
    /// Whether all of its manifests were read.
    pub complete: bool,
    /// The platforms that its index declares, as far as its manifests were read.
    pub platforms: BTreeSet<String>,
    /// The machine that copies it, from 1.
    pub shard: Option<u32>,
    /// Why it cannot be copied.
    pub error: Option<PlannedError>,
}

/// The chart of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChartInPlan {
    pub source: String,
    pub target: String,
    pub action: Action,
    pub now: Option<Digest>,
    pub then: Option<Digest>,
    pub error: Option<PlannedError>,
}

/// A plan in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PlanTotals {
    pub images: usize,
    pub create: usize,
    pub update: usize,
    pub up_to_date: usize,
    pub fail: usize,
    pub moved: Amount,
    pub mounted: Amount,
    /// The least requests that carry it out, without those for tokens.
    pub requests: u64,
}

impl PlannedRun {
    /// Makes a plan, for one machine.
    pub fn new(parts: Vec<PlannedPart>) -> Self {
        let mut totals = PlanTotals::default();
        parts.iter().for_each(|part| totals += part.totals());
        Self { version: VERSION, command: COMMAND.to_owned(), shards: None, parts, totals }
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// If the text is something else.
    pub fn parse(name: &str, text: &[u8]) -> Result<Self, Advice> {
        let hint = format!("{} writes a plan", command("mirror --plan plan.json"));
        let refuse = |why: String| Advice::new(format!("`{name}` {why}")).with_hint(hint.clone());
        let document: serde_json::Value = serde_json::from_slice(text)
            .map_err(|error| refuse(format!("is not a plan: {error}")))?;
        if document["command"] != COMMAND || document["version"] != VERSION {
            return Err(refuse(format!("is not a plan in version {VERSION} of the format")));
        }
        serde_json::from_value(document).map_err(|error| refuse(format!("is not a plan: {error}")))
    }

    /// Whether an image or the chart cannot be copied, or a part cannot run.
    pub fn has_failed(&self) -> bool {
        let is_failed = |part: &PlannedPart| {
            let chart = part.chart.as_ref().map(|chart| chart.action);
            let mut actions = part.images.iter().map(|image| image.action).chain(chart);
            part.error.is_some() || actions.any(|action| action == Action::Fail)
        };
        self.parts.iter().any(is_failed)
    }
}

impl PlannedPart {
    /// Takes over the report of a run that has written nothing.
    #[must_use]
    pub fn with_report(self, report: &MirrorReport) -> Self {
        let repositories = report.repositories.as_ref();
        Self {
            images: report.images.iter().map(PlannedImage::new).collect(),
            chart: report.chart.as_ref().map(ChartInPlan::new),
            repositories: repositories.map(|them| them.created.clone()).unwrap_or_default(),
            ..self
        }
    }

    /// Why the chart cannot be copied.
    pub(super) fn chart_error(&self) -> Option<&PlannedError> {
        self.chart.as_ref()?.error.as_ref()
    }

    pub fn totals(&self) -> PlanTotals {
        let mut totals = PlanTotals { images: self.images.len(), ..PlanTotals::default() };
        for image in &self.images {
            match image.action {
                Action::Create => totals.create += 1,
                Action::Update => totals.update += 1,
                Action::UpToDate => totals.up_to_date += 1,
                Action::Fail => totals.fail += 1,
            }
            totals.moved += image.moved;
            totals.mounted += image.mounted;
            totals.requests += least_requests(image.manifests, &image.moved, &image.mounted);
        }
        totals
    }
}

/// The least requests for an image: a look at the tag; each manifest is read and pushed, each blob requested, begun and
/// sent, or mounted.
pub(in crate::commands) fn least_requests(manifests: u64, moved: &Amount, mounted: &Amount) -> u64 {
    let of_blobs = moved.blobs.saturating_mul(3).saturating_add(mounted.blobs);
    manifests.saturating_mul(2).saturating_add(of_blobs).saturating_add(1)
}

impl PlannedImage {
    /// Whether something has to be sent.
    pub fn is_copied(&self) -> bool {
        matches!(self.action, Action::Create | Action::Update)
    }

    /// Whether the machine of this shard copies it.
    pub fn is_copied_by(&self, shard: Option<Shard>) -> bool {
        self.is_copied() && shard.is_none_or(|shard| self.shard == Some(shard.index))
    }

    /// Whether the report of a shard is about it.
    pub fn is_in(&self, shard: Shard) -> bool {
        match self.is_copied() {
            true => self.shard == Some(shard.index),
            false => shard.has(self.target.repository().path()),
        }
    }

    /// The digest that is copied from the source.
    pub fn at_source(&self) -> Option<&Digest> {
        self.made_from.as_ref().or(self.then.as_ref())
    }

    fn new(report: &ImageReport) -> Self {
        let (source, target) = (report.source.clone(), report.target.clone());
        let then = report.digest.clone();
        let mut image = Self {
            source,
            target,
            action: Action::UpToDate,
            now: then.clone(),
            then,
            made_from: report.made_from().cloned(),
            moved: Amount::default(),
            mounted: Amount::default(),
            skipped: Amount::default(),
            manifests: 0,
            attachments: 0,
            blobs: Vec::new(),
            complete: false,
            platforms: BTreeSet::new(),
            shard: None,
            error: None,
        };
        match &report.outcome {
            CopyOutcome::UpToDate => {}
            CopyOutcome::Failed { error } => {
                image.action = Action::Fail;
                image.error = Some(PlannedError::new(error));
            }
            CopyOutcome::Copied(Copied { before, counters, content, .. }) => {
                image.action = action(before.as_ref());
                image.now.clone_from(before);
                image.moved = counters.moved;
                image.mounted = counters.mounted;
                image.skipped = counters.present;
                image.manifests = counters.manifests;
                image.attachments = counters.attachments;
                image.blobs.clone_from(&counters.planned);
                if let Some(content) = content {
                    image.complete = content.is_complete;
                    image.platforms.clone_from(&content.platforms);
                }
            }
        }
        image
    }
}

impl ChartInPlan {
    fn new(report: &ChartReport) -> Self {
        let then = report.digest.clone();
        let (action, now, error) = match &report.outcome {
            ChartOutcome::UpToDate => (Action::UpToDate, then.clone(), None),
            ChartOutcome::Copied(copied) => {
                (action(copied.before.as_ref()), copied.before.clone(), None)
            }
            ChartOutcome::Failed { error } => (Action::Fail, None, Some(PlannedError::new(error))),
            ChartOutcome::NotFetched { error } => {
                (Action::Fail, None, Some(PlannedError::of_no_request(error)))
            }
        };
        let (source, target) = (report.source.clone(), report.target.clone());
        Self { source, target, action, now, then, error }
    }
}

fn action(before: Option<&Digest>) -> Action {
    if before.is_some() { Action::Update } else { Action::Create }
}

impl AddAssign for PlanTotals {
    fn add_assign(&mut self, other: Self) {
        self.images += other.images;
        self.create += other.create;
        self.update += other.update;
        self.up_to_date += other.up_to_date;
        self.fail += other.fail;
        self.moved += other.moved;
        self.mounted += other.mounted;
        self.requests += other.requests;
    }
}
