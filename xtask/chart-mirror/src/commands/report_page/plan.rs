//! Reads plans of `mirror --plan`: the fields that the page shows.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::model::{PageOutcome, PageRun, PlanNumbers, PlanShard, RunNumbers, StateAt};
use super::saved::{SavedContent, SavedError};
use crate::commands::mirror::planned::least_requests;
use crate::copy::Amount;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SavedPlan {
    shards: Option<u32>,
    parts: Vec<PlanPart>,
}

/// The plan for one list at one destination.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct PlanPart {
    list: String,
    requested_destination: Option<String>,
    destination: String,
    images: Option<Vec<PlanImage>>,
    /// Like an image.
    chart: Option<PlanImage>,
    repositories: Vec<String>,
    /// Why it cannot be copied.
    error: Option<String>,
    /// Of the whole plan.
    #[serde(skip)]
    shards: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct PlanImage {
    pub(super) source: String,
    target: String,
    action: String,
    now: Option<String>,
    pub(super) then: Option<String>,
    moved: Amount,
    mounted: Amount,
    skipped: Amount,
    manifests: u64,
    blobs: Vec<PlanBlob>,
    complete: bool,
    platforms: BTreeSet<String>,
    shard: Option<u32>,
    error: Option<SavedError>,
    /// Made of the blobs and platforms; `None` if it is not copied, and for the chart.
    #[serde(skip)]
    pub(super) content: Option<SavedContent>,
}

#[derive(Debug, Deserialize)]
struct PlanBlob {
    digest: String,
    size: u64,
}

impl SavedPlan {
    pub(super) fn into_parts(self) -> impl Iterator<Item = PlanPart> {
        let shards = self.shards;
        self.parts.into_iter().map(move |mut part| {
            let images = part.images.iter_mut().flatten().chain(&mut part.chart);
            images.for_each(PlanImage::collect_content);
            PlanPart { shards, ..part }
        })
    }
}

impl PlanPart {
    /// Whether it has the fields of a plan.
    pub(super) fn is_plan(&self) -> bool {
        self.images.is_some() || self.error.is_some()
    }

    /// The images, and the chart.
    pub(super) fn images(&self) -> impl Iterator<Item = &PlanImage> {
        self.images.iter().flatten().chain(&self.chart)
    }

    pub(super) fn run(&self) -> PageRun {
        PageRun {
            command: "mirror --plan".to_owned(),
            list: Some(self.list.clone()),
            destination: self.requested_destination.clone().unwrap_or(self.destination.clone()),
            numbers: match &self.error {
                Some(error) => RunNumbers::NotRun { error: error.clone() },
                None => RunNumbers::Planned(self.numbers()),
            },
            ..PageRun::default()
        }
    }

    fn numbers(&self) -> PlanNumbers {
        let images = || self.images.iter().flatten();
        let with = |outcome| images().filter(|image| image.outcome() == outcome).count();
        let sum = |number: fn(&PlanImage) -> u64| images().map(number).fold(0, u64::saturating_add);
        PlanNumbers {
            images: images().count(),
            create: with(PageOutcome::ToCreate),
            update: with(PageOutcome::ToUpdate),
            up_to_date: with(PageOutcome::UpToDate),
            fail: with(PageOutcome::Blocked),
            moved: sum(|image| image.moved.bytes),
            mounted: sum(|image| image.mounted.bytes),
            requests: sum(|it| least_requests(it.manifests, &it.moved, &it.mounted)),
            repositories: self.repositories.clone(),
            shards: self.shards.map(|count| self.by_shard(count)).unwrap_or_default(),
        }
    }

    /// What each machine copies: its images, and their distinct blobs.
    fn by_shard(&self, count: u32) -> Vec<PlanShard> {
        let in_shard = |index: u32| {
            let images = self.images.iter().flatten();
            let images: Vec<&PlanImage> = images.filter(|it| it.shard == Some(index)).collect();
            let blobs = images.iter().flat_map(|image| &image.blobs);
            let blobs: BTreeMap<&str, u64> = blobs.map(|it| (&*it.digest, it.size)).collect();
            let bytes = blobs.into_values().fold(0, u64::saturating_add);
            PlanShard { images: images.len(), bytes }
        };
        // A plan has at most 1000.
        (1..=count.min(1000)).map(in_shard).collect()
    }
}

impl PlanImage {
    fn collect_content(&mut self) {
        // Nothing is known of the content of the chart.
        if !self.is_copied() || !self.complete && self.blobs.is_empty() {
            return;
        }
        let blobs = self.blobs.iter().map(|blob| (blob.digest.clone(), blob.size));
        self.content = Some(SavedContent {
            is_complete: self.complete && self.skipped.blobs == 0,
            platforms: self.platforms.clone(),
            blobs: blobs.collect(),
        });
    }

    fn is_copied(&self) -> bool {
        matches!(self.outcome(), PageOutcome::ToCreate | PageOutcome::ToUpdate)
    }

    fn outcome(&self) -> PageOutcome {
        match self.action.as_str() {
            "create" => PageOutcome::ToCreate,
            "update" => PageOutcome::ToUpdate,
            "up-to-date" => PageOutcome::UpToDate,
            _ => PageOutcome::Blocked,
        }
    }

    pub(super) fn state(&self, run: usize) -> StateAt {
        StateAt {
            run,
            outcome: self.outcome(),
            target: self.target.clone(),
            digest: self.then.clone(),
            before: self.is_copied().then(|| self.now.clone().unwrap_or_default()),
            moved: self.moved.bytes,
            mounted: self.mounted.bytes,
            skipped: self.skipped.bytes,
            shard: self.shard,
            error: self.error.as_ref().map(SavedError::text),
            warnings: Vec::new(),
        }
    }
}
