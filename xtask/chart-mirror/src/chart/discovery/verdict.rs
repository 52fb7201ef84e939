//! `Verdict`: what a part of a text is; pure.

use crate::chart::found::{Evidence, MentionKind};
use crate::chart::image_reference::ImageReference;

/// Whether a part of a text is an image, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Image(Evidence, ImageReference),
    /// The reference, unless a variable stands for a part of it.
    Mention(MentionKind, Option<ImageReference>),
}
