//! `CopyOptions`: what a run copies and checks in addition to what it must.

use super::content::ContentRecord;
use crate::list::finding_code::{Code, Severity};
use crate::list::{Attachments, Policy};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Whether signatures, attestations and referrers are copied with the images.
    pub attachments: Attachments,
    pub existing: ExistingContent,
    pub tags: TagCheck,
    /// For the report.
    pub content: ContentRecord,
    pub effects: Effects,
}

/// Whether a run changes the destination.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effects {
    #[default]
    Applied,
    /// Only requests that read are sent. What would be written is counted.
    Planned,
}

/// Whether the tag of a pinned image is compared with the pin before the image is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagCheck {
    Compared(TagPolicy),
    /// The pinned content is copied, whatever the tag names.
    Skipped,
}

/// How serious it is if the tag of a pinned image names another digest, or does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagPolicy {
    pub moved: Severity,
    pub missing: Severity,
}

impl TagCheck {
    /// As the policy of a list requires.
    pub fn of(policy: &Policy) -> Self {
        let moved = policy.severity(Code::SourceMoved);
        let missing = policy.severity(Code::SourceMissing);
        match (moved, missing) {
            (Severity::Ignore, Severity::Ignore) => Self::Skipped,
            _ => Self::Compared(TagPolicy { moved, missing }),
        }
    }
}

impl Default for TagCheck {
    fn default() -> Self {
        Self::of(&Policy::default())
    }
}

/// What a run assumes about content that the destination should already have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ExistingContent {
    /// If a tag or manifest is there, so is everything it points to.
    #[default]
    Trusted,
    /// Nothing: the destination is asked for every manifest and blob.
    Checked,
}
