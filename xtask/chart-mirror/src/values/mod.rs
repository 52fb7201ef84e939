//! The Helm values that make a chart pull from a destination: `overlay` derives them from the image
//! list, `tree` puts them together, `yaml` writes them. All are pure; reading and writing the files is the command's.

mod overlay;
pub mod probe;
pub mod proof;
mod tree;
pub mod vanished;
mod yaml;

pub use overlay::{Overlay, OverlayError};
pub use tree::{Clash, Shape, Tree};

use crate::chart::ImageReference;
use crate::list::{Image, ImageList};

/// The image of the list that a reference of the chart means.
pub(crate) fn listed<'a>(list: &'a ImageList, reference: &ImageReference) -> Option<&'a Image> {
    list.images().iter().find(|image| {
        image.source == reference.repository
            && match (&reference.tag, &reference.digest) {
                (Some(tag), _) => *tag == image.tag,
                (None, Some(digest)) => image.digest.as_ref() == Some(digest),
                (None, None) => false,
            }
    })
}
