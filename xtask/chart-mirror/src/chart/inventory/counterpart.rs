//! `Counterpart`: what another tag of the same source means for an image.

use crate::list::Image;
use oci::Reference;

/// The other half of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counterpart {
    /// The entry of the list whose tag this image of the chart replaces.
    Updates(Box<Image>),
    /// What the chart names instead of this entry of the list.
    UpdatedTo(Reference),
    /// The image may belong to one of these, but no rule decides which.
    Unclear(Unclear),
}

/// Why an image of the chart is not taken for the update of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unclear {
    /// Several entries or several tags of one source.
    Several { listed: Vec<Reference>, named: Vec<String> },
    /// The entry maps a tag of the chart to a tag of its own.
    MappedTag { listed: Reference },
    /// Values of the entry contain its digest, and the one of the new tag is not known.
    NeedsDigest { listed: Reference },
}
