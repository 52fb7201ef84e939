//! What the page is about: runs, images with their states, sizes, findings and changes.

use std::collections::BTreeSet;

use crate::timestamp::Timestamp;

/// A JSON report.
pub struct SavedReport {
    /// How the user named the file.
    pub name: String,
    pub text: String,
}

/// A run of a command about one list, at one destination or, for `verify`, at several.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PageRun {
    pub command: String,
    pub list: Option<String>,
    /// The name of the destination, or its address. For `verify`, all of them.
    pub destination: String,
    pub ended: Option<Timestamp>,
    /// `None` for a plan.
    pub seconds: Option<f64>,
    pub is_dry_run: bool,
    /// `None` if it shares them with other runs, and for a plan.
    pub requests: Option<u64>,
    pub numbers: RunNumbers,
    /// Registries whose certificates were not verified.
    pub insecure: Vec<String>,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub enum RunNumbers {
    Mirrored {
        images: usize,
        copied: usize,
        up_to_date: usize,
        failed: usize,
        moved: u64,
        mounted: u64,
    },
    Planned(PlanNumbers),
    Verified {
        images: usize,
        errors: usize,
        warnings: usize,
        ignored: usize,
    },
    NotRun {
        error: String,
    },
}

/// What carrying out a plan comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanNumbers {
    pub images: usize,
    pub create: usize,
    pub update: usize,
    pub up_to_date: usize,
    pub fail: usize,
    pub moved: u64,
    pub mounted: u64,
    /// At least so many, without those for tokens.
    pub requests: u64,
    /// Repositories that would be created.
    pub repositories: Vec<String>,
    /// What each machine copies; empty if one machine copies everything.
    pub shards: Vec<PlanShard>,
}

/// What one of several machines copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanShard {
    pub images: usize,
    /// Of distinct blobs to send or to mount.
    pub bytes: u64,
}

impl PlanNumbers {
    /// How long it takes to send the bytes at a rate.
    pub fn seconds_at(&self, rate: u64) -> f64 {
        self.moved as f64 / rate.max(1) as f64
    }
}

/// A finding of `verify`.
#[derive(Debug, Clone, PartialEq)]
pub struct PageFinding {
    pub code: String,
    pub is_error: bool,
    pub check: String,
    pub image: Option<String>,
    pub destination: Option<String>,
    /// `images.toml:142:1`.
    pub place: Option<String>,
    pub message: String,
    pub details: Vec<String>,
    pub hint: Option<String>,
}

impl Default for RunNumbers {
    fn default() -> Self {
        Self::NotRun { error: String::new() }
    }
}

/// An image or a chart of the reports.
#[derive(Debug, Default)]
pub struct PageImage {
    /// The source reference.
    pub name: String,
    /// Whether images.toml has a digest for it; `None` if no report says so.
    pub is_pinned: Option<bool>,
    pub states: Vec<StateAt>,
    /// The platforms of its index.
    pub platforms: BTreeSet<String>,
    /// What is known of its content; `None` if no run read its manifests.
    pub content: Option<ContentOf>,
    /// Findings by their position on the page.
    pub findings: Vec<usize>,
    /// Compared with the earlier reports.
    pub change: Option<ImageChange>,
}

/// The content of an image in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContentOf {
    pub blobs: usize,
    pub bytes: u64,
    /// What no other image of the page has.
    pub own: u64,
    /// Whether all of its manifests were read.
    pub is_complete: bool,
    /// Whether it comes from an earlier report about the same digest.
    pub is_from_earlier: bool,
}

/// What a run did or found about an image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateAt {
    /// The position of the run on the page.
    pub run: usize,
    pub outcome: PageOutcome,
    /// The reference at the destination; empty for `verify`.
    pub target: String,
    pub digest: Option<String>,
    /// In a plan: what the tag names now; empty if it does not exist.
    pub before: Option<String>,
    /// In a plan for several machines: which of them copies it.
    pub shard: Option<u32>,
    pub moved: u64,
    pub mounted: u64,
    pub skipped: u64,
    pub error: Option<ErrorText>,
    pub warnings: Vec<ErrorText>,
}

/// An error with its hint.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorText {
    pub message: String,
    /// The message without what belongs to one image: images with one cause are shown together.
    pub cause: String,
    pub hint: Option<String>,
}

/// From the worst to the best.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageOutcome {
    Failed,
    /// A plan cannot copy it.
    Blocked,
    /// It has errors in a verification.
    Wrong,
    /// It has warnings in a verification.
    Warned,
    /// Of a dry run.
    Planned,
    /// A plan creates its tag.
    ToCreate,
    /// A plan changes its tag, or completes what it names.
    ToUpdate,
    Copied,
    UpToDate,
    /// A verification found nothing.
    #[default]
    Passed,
}

impl PageOutcome {
    pub const ALL: [Self; 10] = [
        Self::Failed,
        Self::Blocked,
        Self::Wrong,
        Self::Warned,
        Self::Planned,
        Self::ToCreate,
        Self::ToUpdate,
        Self::Copied,
        Self::UpToDate,
        Self::Passed,
    ];

    /// For people, about one image or several.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Blocked => "cannot be copied",
            Self::Wrong => "with errors",
            Self::Warned => "with warnings",
            Self::Planned => "planned",
            Self::ToCreate => "to create",
            Self::ToUpdate => "to update",
            Self::Copied => "copied",
            Self::UpToDate => "up to date",
            Self::Passed => "verified",
        }
    }

    /// Whether it asks for attention.
    pub fn is_bad(self) -> bool {
        self <= Self::Warned
    }

    /// Whether the image was not copied, or will not be.
    pub fn is_failure(self) -> bool {
        self <= Self::Blocked
    }

    /// Whether it is about a run to come.
    pub fn is_ahead(self) -> bool {
        matches!(self, Self::Planned | Self::ToCreate | Self::ToUpdate)
    }
}

impl PageImage {
    /// Its worst state.
    pub fn worst(&self) -> PageOutcome {
        self.states.iter().map(|state| state.outcome).min().unwrap_or_default()
    }
}

/// What all images come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sizes {
    /// The number of images whose content is known.
    pub known: usize,
    /// Distinct blobs.
    pub blobs: usize,
    /// The bytes of distinct blobs.
    pub bytes: u64,
    /// What the images come to if none shared a blob.
    pub unshared: u64,
    /// How many blobs several images have.
    pub shared_blobs: usize,
    /// Those that save most, the first of them first.
    pub shared: Vec<SharedBlob>,
}

/// A blob that several images have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedBlob {
    pub digest: String,
    pub size: u64,
    /// How many images have it.
    pub count: usize,
    /// The first of them.
    pub names: Vec<String>,
}

/// What became of an image since then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageChange {
    /// It was not there.
    New,
    /// The only image of its repository there had another tag.
    Retagged { old: String },
    /// It has another digest.
    Digest { old: String, new: String },
    /// It failed, and does not fail now.
    Fixed,
    /// It fails now, and did not.
    Broken,
}

/// All differences.
#[derive(Debug, Default, PartialEq)]
pub struct Changes {
    /// When the last of the earlier runs ended.
    pub since: Option<Timestamp>,
    /// Those that are not there now, by name.
    pub removed: Vec<String>,
    /// Findings by their position on the page.
    pub new_findings: Vec<usize>,
    pub fixed_findings: Vec<PageFinding>,
}
