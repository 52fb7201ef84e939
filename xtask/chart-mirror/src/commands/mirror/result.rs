//! `MirrorReport`: the result of `mirror`.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::copy::{Amount, Copied};
use crate::ecr::RepositoryReport;
use crate::plan::Transfer;
use crate::timestamp::Timestamp;
use messages::Advice;
use oci::{Digest, Platforms, Reference, Registry};
use registry::{Error, Requests};

/// What a run did.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MirrorReport {
    pub destination: String,
    /// The shard of this machine; null for a whole run.
    pub shard: Option<ShardReport>,
    /// Where an image layout stays until a run completes it, because images failed; null otherwise.
    pub unfinished: Option<String>,
    pub images: Vec<ImageReport>,
    /// The chart; null if it is not mirrored.
    pub chart: Option<ChartReport>,
    /// Null if this is a part of a run with several lists or destinations, which share requests.
    pub requests: Option<Requests>,
    pub seconds: f64,
    /// When the run ended, in UTC.
    pub ended: Timestamp,
    /// Registries whose certificates were not verified.
    pub insecure: Vec<Registry>,
    /// What was done about repositories in ECR; null if nothing was pushed there.
    pub repositories: Option<RepositoryReport>,
}

/// Which images of a run the report is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ShardReport {
    /// From 1; null if the reports of several shards were joined.
    pub index: Option<u32>,
    /// How many shards the run has.
    pub count: u32,
    /// The position of each image in the whole run, from 0.
    pub positions: Vec<usize>,
    /// The shards whose reports were missing when reports were joined.
    pub missing: Vec<u32>,
}

/// The result for one image.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ImageReport {
    pub source: Reference,
    pub target: Reference,
    /// Whether images.toml has a digest for it.
    pub pinned: bool,
    /// The digest that the tag at the destination names, if it is known.
    pub digest: Option<Digest>,
    #[serde(flatten)]
    pub subset: Option<SubsetReport>,
    /// Attachments that the destination refused.
    #[serde(skip)]
    pub refused: usize,
    /// What did not keep the image from being copied: refused attachments, a tag that does not name the pinned
    /// digest, and a signature that is missing or not valid.
    pub warnings: Vec<Error>,
    #[serde(flatten)]
    pub outcome: CopyOutcome,
}

/// The result for the chart.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChartReport {
    /// Its repository with name and version, or its path.
    pub source: String,
    /// The reference at the destination, without a tag if the chart could not be fetched and its version is
    /// not known.
    pub target: String,
    /// The digest that the tag at the destination names, if it is known.
    pub digest: Option<Digest>,
    /// Attachments that the destination refused.
    pub warnings: Vec<Error>,
    #[serde(flatten)]
    pub outcome: ChartOutcome,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum ChartOutcome {
    Copied(Copied),
    UpToDate,
    Failed {
        error: Error,
    },
    /// Nothing was pushed.
    NotFetched {
        error: Advice,
    },
}

/// The platforms that the destination selects, and the index that contains only these.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct SubsetReport {
    pub platforms: Platforms,
    /// Whether the list records the digest of the rewritten index.
    #[serde(skip)]
    pub recorded: bool,
    /// The digest at the source, if the index was rewritten.
    pub made_from: Option<Digest>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum CopyOutcome {
    Copied(Copied),
    UpToDate,
    Failed { error: Error },
}

/// A report in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct MirrorTotals {
    pub images: usize,
    pub copied: usize,
    pub up_to_date: usize,
    pub failed: usize,
    pub unpinned: usize,
    /// Images whose index was rewritten for some of its platforms.
    #[serde(rename = "made-anew")]
    pub rewritten: usize,
    /// Attachments that the destination refused.
    pub refused: usize,
    /// What became of the chart; null if it is not mirrored.
    pub chart: Option<ChartTotal>,
    /// With the chart, like the following.
    pub moved: Amount,
    pub mounted: Amount,
    pub skipped: Amount,
    pub attachments: u64,
}

/// What became of the chart, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ChartTotal {
    Copied,
    UpToDate,
    Failed,
}

impl MirrorReport {
    pub fn totals(&self) -> MirrorTotals {
        let mut totals = MirrorTotals { images: self.images.len(), ..MirrorTotals::default() };
        for image in &self.images {
            totals.unpinned += usize::from(!image.pinned);
            totals.rewritten += usize::from(image.made_from().is_some());
            totals.refused += image.refused;
            match &image.outcome {
                CopyOutcome::UpToDate => totals.up_to_date += 1,
                CopyOutcome::Failed { .. } => totals.failed += 1,
                CopyOutcome::Copied(copied) => {
                    totals.copied += 1;
                    totals.add(copied);
                }
            }
        }
        totals.chart = self.chart.as_ref().map(|chart| match &chart.outcome {
            ChartOutcome::Copied(copied) => {
                totals.add(copied);
                ChartTotal::Copied
            }
            ChartOutcome::UpToDate => ChartTotal::UpToDate,
            ChartOutcome::Failed { .. } | ChartOutcome::NotFetched { .. } => ChartTotal::Failed,
        });
        totals
    }

    /// Whether an image or the chart failed.
    pub fn has_failed(&self) -> bool {
        self.failures().next().is_some() || self.totals().chart == Some(ChartTotal::Failed)
    }

    pub fn failures(&self) -> impl Iterator<Item = (&ImageReport, &Error)> {
        self.images.iter().filter_map(|image| match &image.outcome {
            CopyOutcome::Failed { error } => Some((image, error)),
            _ => None,
        })
    }
}

impl AddAssign for MirrorTotals {
    fn add_assign(&mut self, other: Self) {
        self.images += other.images;
        self.copied += other.copied;
        self.up_to_date += other.up_to_date;
        self.failed += other.failed;
        self.unpinned += other.unpinned;
        self.rewritten += other.rewritten;
        self.refused += other.refused;
        self.chart = self.chart.or(other.chart);
        self.moved += other.moved;
        self.mounted += other.mounted;
        self.skipped += other.skipped;
        self.attachments += other.attachments;
    }
}

impl MirrorTotals {
    fn add(&mut self, Copied { counters, .. }: &Copied) {
        self.moved += counters.moved;
        self.mounted += counters.mounted;
        self.skipped += counters.present;
        self.attachments += counters.attachments;
    }
}

impl ChartReport {
    pub(super) fn copied(source: String, copied: ImageReport) -> Self {
        let outcome = match copied.outcome {
            CopyOutcome::Copied(copied) => ChartOutcome::Copied(copied),
            CopyOutcome::UpToDate => ChartOutcome::UpToDate,
            CopyOutcome::Failed { error } => ChartOutcome::Failed { error },
        };
        let (target, digest, warnings) =
            (copied.target.to_string(), copied.digest, copied.warnings);
        Self { source, target, digest, warnings, outcome }
    }

    pub(super) fn not_fetched(source: String, target: String, error: Advice) -> Self {
        let outcome = ChartOutcome::NotFetched { error };
        Self { source, target, digest: None, warnings: Vec::new(), outcome }
    }
}

impl ImageReport {
    pub fn new(transfer: &Transfer, result: Result<Copied, Error>) -> Self {
        let mut report = Self::up_to_date(transfer, None, None);
        match result {
            Ok(mut copied) => {
                report.digest = Some(copied.digest.clone());
                report.refused = copied.counters.refused.len();
                report.warnings.append(&mut copied.counters.warnings);
                report.warnings.append(&mut copied.counters.refused);
                if let Some(subset) = &mut report.subset {
                    subset.made_from = copied.made_from.take();
                }
                if copied.changed {
                    report.outcome = CopyOutcome::Copied(copied);
                }
            }
            Err(error) => report.outcome = CopyOutcome::Failed { error },
        }
        report
    }

    /// Of an image that is at the destination. `made_from` is the digest of the source's index, if it was rewritten.
    pub(super) fn up_to_date(
        transfer: &Transfer,
        digest: Option<Digest>,
        made_from: Option<Digest>,
    ) -> Self {
        Self {
            source: transfer.source_reference(),
            target: transfer.target_reference(),
            pinned: transfer.digest.is_some(),
            digest,
            subset: transfer.platforms.as_ref().map(|choice| SubsetReport {
                platforms: choice.platforms.clone(),
                recorded: choice.recorded.is_some(),
                made_from,
            }),
            refused: 0,
            warnings: Vec::new(),
            outcome: CopyOutcome::UpToDate,
        }
    }

    /// The digest of the source's index, if it was rewritten.
    pub fn made_from(&self) -> Option<&Digest> {
        self.subset.as_ref()?.made_from.as_ref()
    }
}
