//! `MirrorReport`: what `mirror` did, as a value.

use std::time::Duration;

use crate::copy::{Amount, Copied};
use crate::ecr::RepositoryReport;
use crate::plan::Transfer;
use oci::{Digest, Platforms, Reference, Registry};
use registry::{Error, Requests};

/// What `mirror` did.
#[derive(Debug)]
pub struct MirrorReport {
    pub destination: String,
    pub images: Vec<ImageReport>,
    pub requests: Requests,
    pub took: Duration,
    /// Registries whose certificates nobody verified.
    pub insecure: Vec<Registry>,
    /// What was done about repositories that no push makes, if anything was pushed.
    pub repositories: Option<RepositoryReport>,
}

/// What became of one image.
#[derive(Debug)]
pub struct ImageReport {
    pub source: Reference,
    pub target: Reference,
    pub pinned: bool,
    pub subset: Option<SubsetReport>,
    /// What the destination did not take of the attachments.
    pub refused: Vec<Error>,
    pub outcome: Outcome,
}

/// The platforms that were wanted of an image, and what became of it.
#[derive(Debug)]
pub struct SubsetReport {
    pub platforms: Platforms,
    /// Whether the list says what they make of the index.
    pub recorded: bool,
    /// The digest at the source, if the index was made anew.
    pub made_from: Option<Digest>,
}

#[derive(Debug)]
pub enum Outcome {
    Copied(Copied),
    UpToDate(Digest),
    Failed(Error),
}

/// A report in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Totals {
    pub images: usize,
    pub copied: usize,
    pub up_to_date: usize,
    pub failed: usize,
    pub unpinned: usize,
    /// Images whose index was made anew with some of its platforms.
    pub made_anew: usize,
    /// Attachments that the destination did not take.
    pub refused: usize,
    pub moved: Amount,
    pub mounted: Amount,
    pub skipped: Amount,
    pub attachments: u64,
}

impl MirrorReport {
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { images: self.images.len(), ..Totals::default() };
        for image in &self.images {
            totals.unpinned += usize::from(!image.pinned);
            totals.made_anew += usize::from(image.made_from().is_some());
            totals.refused += image.refused.len();
            match &image.outcome {
                Outcome::UpToDate(_) => totals.up_to_date += 1,
                Outcome::Failed(_) => totals.failed += 1,
                Outcome::Copied(copied) => {
                    totals.copied += 1;
                    totals.moved += copied.moved;
                    totals.mounted += copied.mounted;
                    totals.skipped += copied.present;
                    totals.attachments += copied.attachments;
                }
            }
        }
        totals
    }

    pub fn failures(&self) -> impl Iterator<Item = (&ImageReport, &Error)> {
        self.images.iter().filter_map(|image| match &image.outcome {
            Outcome::Failed(error) => Some((image, error)),
            _ => None,
        })
    }
}

impl ImageReport {
    pub fn new(transfer: &Transfer, mut result: Result<Copied, Error>) -> Self {
        let refused = match &mut result {
            Ok(copied) => std::mem::take(&mut copied.refused),
            Err(_) => Vec::new(),
        };
        let made_from = result.as_ref().ok().and_then(|copied| copied.made_from.clone());
        Self {
            source: transfer.source_reference(),
            target: transfer.target_reference(),
            pinned: transfer.digest.is_some(),
            subset: transfer.platforms.as_ref().map(|choice| SubsetReport {
                platforms: choice.platforms.clone(),
                recorded: choice.recorded.is_some(),
                made_from,
            }),
            refused,
            outcome: match result {
                Ok(copied) if copied.changed => Outcome::Copied(copied),
                Ok(copied) => Outcome::UpToDate(copied.digest),
                Err(error) => Outcome::Failed(error),
            },
        }
    }

    /// What the source has in the place of an index that was made anew.
    pub fn made_from(&self) -> Option<&Digest> {
        self.subset.as_ref()?.made_from.as_ref()
    }

    /// What the tag at the destination names, as far as it was seen.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.outcome {
            Outcome::Copied(copied) => Some(&copied.digest),
            Outcome::UpToDate(digest) => Some(digest),
            Outcome::Failed(_) => None,
        }
    }
}
