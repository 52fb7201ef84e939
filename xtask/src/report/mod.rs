//! What a command found and did, as values; the renderers are functions of them.

use std::time::Duration;

use crate::copy::{Amount, Copied};
use crate::oci::Digest;
use crate::plan::Transfer;
use crate::registry::{Error, Side};

pub mod chart;
pub mod human;
pub mod images;
pub mod json;
pub mod verify;

/// What `mirror` did.
#[derive(Debug)]
pub struct MirrorReport {
    pub destination: String,
    pub images: Vec<ImageReport>,
    pub requests: Requests,
    pub took: Duration,
    /// Registries whose certificates nobody verified.
    pub insecure: Vec<String>,
}

/// What became of one image.
#[derive(Debug)]
pub struct ImageReport {
    pub source: String,
    pub target: String,
    pub pinned: bool,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub enum Outcome {
    Copied(Copied),
    UpToDate(Digest),
    Failed(Error),
}

/// Requests sent to each side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Requests {
    pub source: u64,
    pub destination: u64,
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
    pub fn new(transfer: &Transfer, result: Result<Copied, Error>) -> Self {
        Self {
            source: transfer.source_reference(),
            target: transfer.target_reference(),
            pinned: transfer.digest.is_some(),
            outcome: match result {
                Ok(copied) if copied.changed => Outcome::Copied(copied),
                Ok(copied) => Outcome::UpToDate(copied.digest),
                Err(error) => Outcome::Failed(error),
            },
        }
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

impl Requests {
    pub fn of(side: impl Fn(Side) -> u64) -> Self {
        Self { source: side(Side::Source), destination: side(Side::Destination) }
    }
}
