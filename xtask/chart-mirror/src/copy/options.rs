//! `CopyOptions`: what a run copies and checks in addition to what it must.

use crate::list::Attachments;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyOptions {
    /// Whether signatures, attestations and referrers are copied with the images.
    pub attachments: Attachments,
    pub existing: ExistingContent,
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
