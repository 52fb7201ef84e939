//! `PinReport`: what `pin` found and wrote, as a value.

use std::time::Duration;

use super::difference::Difference;
use oci::{Digest, Platforms, Reference};
use registry::Error;

#[derive(Debug)]
pub struct PinReport {
    pub mode: Mode,
    /// In the order of the list.
    pub images: Vec<PinnedImage>,
    pub requests: u64,
    pub took: Duration,
}

/// What is written into the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Check,
    /// The digests of images that have none.
    Pin,
    /// These, and those of tags that have moved.
    Update,
}

#[derive(Debug)]
pub struct PinnedImage {
    pub source: Reference,
    /// What the list says.
    pub pin: Option<Digest>,
    pub outcome: Outcome,
    /// What the digest becomes for some platforms, as far as the list does not record it; `None` where it
    /// records something, and there is nothing for them.
    pub subsets: Vec<(Platforms, Option<Digest>)>,
    pub warnings: Vec<String>,
}

#[derive(Debug)]
pub enum Outcome {
    /// The list has no digest, and the tag names this one.
    New(Digest),
    /// The tag names this one, and the list has another.
    Moved {
        to: Digest,
        change: Change,
    },
    Unchanged,
    /// There is no such tag.
    Missing,
    Failed(Error),
}

/// What the image that a tag names now changes against the listed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The platform is the one whose images were compared, if both have images for one.
    Compared { platform: Option<String>, differences: Vec<Difference> },
    /// The source does not have the listed digest any more.
    OldIsGone,
    /// Why nobody knows.
    Untold(String),
}

/// A report in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    pub images: usize,
    pub new: usize,
    pub moved: usize,
    pub unchanged: usize,
    pub missing: usize,
    pub failed: usize,
    pub written: usize,
    /// Digests of some platforms that were written, or removed.
    pub subsets: usize,
}

impl PinReport {
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { images: self.images.len(), ..Totals::default() };
        for image in &self.images {
            *match &image.outcome {
                Outcome::New(_) => &mut totals.new,
                Outcome::Moved { .. } => &mut totals.moved,
                Outcome::Unchanged => &mut totals.unchanged,
                Outcome::Missing => &mut totals.missing,
                Outcome::Failed(_) => &mut totals.failed,
            } += 1;
            totals.written += usize::from(image.written(self.mode).is_some());
            totals.subsets += image.written_subsets(self.mode).len();
        }
        totals
    }

    /// Whether the list pins every image to what its tag names, as far as anybody asked.
    pub fn is_settled(&self) -> bool {
        self.images.iter().all(|image| match image.outcome {
            Outcome::Unchanged => image.subsets.is_empty() || self.mode != Mode::Check,
            _ => image.written(self.mode).is_some(),
        })
    }
}

impl PinnedImage {
    /// The digest that goes into the list.
    pub fn written(&self, mode: Mode) -> Option<&Digest> {
        match (&self.outcome, mode) {
            (Outcome::New(digest), Mode::Pin | Mode::Update)
            | (Outcome::Moved { to: digest, .. }, Mode::Update) => Some(digest),
            _ => None,
        }
    }

    /// The digests of some platforms that go into the list: with their image, or for one that has its
    /// digest already.
    pub fn written_subsets(&self, mode: Mode) -> &[(Platforms, Option<Digest>)] {
        let is_written = match self.outcome {
            Outcome::Unchanged => mode != Mode::Check,
            _ => self.written(mode).is_some(),
        };
        if is_written { &self.subsets } else { &[] }
    }

    /// Whether something goes into the list.
    pub fn changes_list(&self, mode: Mode) -> bool {
        self.written(mode).is_some() || !self.written_subsets(mode).is_empty()
    }

    /// What the tag names, as far as it was seen.
    pub fn digest(&self) -> Option<&Digest> {
        match &self.outcome {
            Outcome::New(digest) | Outcome::Moved { to: digest, .. } => Some(digest),
            Outcome::Unchanged => self.pin.as_ref(),
            Outcome::Missing | Outcome::Failed(_) => None,
        }
    }

    /// The outcome as the reports call it.
    pub fn word(&self) -> &'static str {
        match self.outcome {
            Outcome::New(_) => "new",
            Outcome::Moved { .. } => "moved",
            Outcome::Unchanged => "unchanged",
            Outcome::Missing => "missing",
            Outcome::Failed(_) => "failed",
        }
    }
}
