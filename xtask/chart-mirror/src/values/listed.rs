//! Looks up the listed image of a reference in the chart.

use crate::chart::ImageReference;
use crate::list::{Image, ImageList};

pub fn listed<'a>(list: &'a ImageList, reference: &ImageReference) -> Option<&'a Image> {
    list.images().iter().find(|image| {
        image.source == reference.repository
            && match (&reference.tag, &reference.digest) {
                (Some(tag), _) => *tag == image.tag,
                (None, Some(digest)) => image.digest.as_ref() == Some(digest),
                (None, None) => false,
            }
    })
}
