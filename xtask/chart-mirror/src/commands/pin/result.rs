//! `PinReport`: the result of `pin`.

use serde::{Serialize, Serializer};

use super::difference::ImageDifference;
use oci::{Digest, Platforms, Reference, Registry};
use registry::Error;

#[derive(Debug)]
pub struct PinReport {
    pub mode: Mode,
    /// In the order of the list.
    pub images: Vec<PinnedImage>,
    pub requests: u64,
    /// Registries whose certificates were not verified.
    pub insecure: Vec<Registry>,
    pub seconds: f64,
}

/// What is written to the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Check,
    /// Digests of images that have none.
    Pin,
    /// The same, and the new digests of tags that have moved.
    Update,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PinnedImage {
    pub source: Reference,
    /// The digest that images.toml had before the run.
    pub pin: Option<Digest>,
    /// The digest that the tag names, if it is known.
    pub digest: Option<Digest>,
    #[serde(flatten)]
    pub outcome: PinOutcome,
    /// Whether `digest` was written to images.toml.
    pub written: bool,
    /// Digests of subsets of the platforms that images.toml does not record for this digest yet; null if a record is
    /// to be removed, because the image has none of these platforms.
    #[serde(serialize_with = "as_map")]
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, Option<Digest>>"))]
    pub subsets: Vec<(Platforms, Option<Digest>)>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum PinOutcome {
    /// The list has no digest.
    New,
    /// The list has another digest than the tag.
    Moved {
        change: Change,
    },
    Unchanged,
    /// The tag does not exist.
    Missing,
    Failed {
        error: Error,
    },
}

fn as_map<S: Serializer>(
    subsets: &[(Platforms, Option<Digest>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(subsets.iter().map(|(platforms, it)| (platforms.to_string(), it)))
}

/// How the image that a tag names now differs from the listed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Change {
    /// `platform` is the one whose images were compared; null if the two have none in common.
    Compared { platform: Option<String>, differences: Vec<ImageDifference> },
    /// The source no longer has the listed digest.
    OldIsGone,
    /// The images could not be compared; `message` holds the reason.
    Unknown { message: String },
}

/// A report in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PinTotals {
    pub images: usize,
    pub new: usize,
    pub moved: usize,
    pub unchanged: usize,
    pub missing: usize,
    pub failed: usize,
    pub written: usize,
    /// Records of subsets of platforms that were written or removed.
    pub subsets: usize,
}

impl PinReport {
    pub fn totals(&self) -> PinTotals {
        let mut totals = PinTotals { images: self.images.len(), ..PinTotals::default() };
        for image in &self.images {
            *match &image.outcome {
                PinOutcome::New => &mut totals.new,
                PinOutcome::Moved { .. } => &mut totals.moved,
                PinOutcome::Unchanged => &mut totals.unchanged,
                PinOutcome::Missing => &mut totals.missing,
                PinOutcome::Failed { .. } => &mut totals.failed,
            } += 1;
            totals.written += usize::from(image.written);
            totals.subsets += image.written_subsets(self.mode).len();
        }
        totals
    }

    /// Whether the list now pins every image to the digest that its tag names.
    pub fn is_settled(&self) -> bool {
        self.images.iter().all(|image| match image.outcome {
            PinOutcome::Unchanged => image.subsets.is_empty() || self.mode != Mode::Check,
            _ => image.written,
        })
    }
}

impl PinnedImage {
    /// The subsets to write to the list: together with the digest of their image, or alone if the list
    /// has that digest already.
    pub fn written_subsets(&self, mode: Mode) -> &[(Platforms, Option<Digest>)] {
        let is_written = match self.outcome {
            PinOutcome::Unchanged => mode != Mode::Check,
            _ => self.written,
        };
        if is_written { &self.subsets } else { &[] }
    }

    /// Whether the list changes.
    pub fn changes_list(&self, mode: Mode) -> bool {
        self.written || !self.written_subsets(mode).is_empty()
    }
}

impl PinOutcome {
    /// Whether the digest is written to the list.
    pub fn is_written(&self, mode: Mode) -> bool {
        match self {
            Self::New => mode != Mode::Check,
            Self::Moved { .. } => mode == Mode::Update,
            _ => false,
        }
    }

    /// The outcome as reports name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Moved { .. } => "moved",
            Self::Unchanged => "unchanged",
            Self::Missing => "missing",
            Self::Failed { .. } => "failed",
        }
    }
}
