//! Texts that repeat the image of another place without its registry: a label of metrics, for example. They
//! would be images of Docker Hub. Pure.

use super::discovered::Discovery;
use crate::chart::found::{FoundImage, Mention, MentionKind};
use crate::chart::image_reference::ImageReference;
use crate::list::{Image, ImageList};

impl Discovery {
    /// Makes mentions of the texts that name a copy, without its registry, of an image in a field.
    pub(super) fn demote_copies_of_fields(&mut self) {
        let is_original = |found: &&FoundImage| !found.evidence.is_text() && has_other_host(found);
        let originals = self.images.iter().filter(is_original);
        let originals: Vec<_> = originals.map(|found| found.reference.clone()).collect();
        self.demote_copies(|copy| {
            originals
                .iter()
                .any(|it| it.path == copy.path && it.tag == copy.tag && it.digest == copy.digest)
        });
    }

    /// Makes mentions of the texts that name a copy, without its registry, of an image of the list.
    pub fn demote_copies_of(&mut self, list: &ImageList) {
        self.demote_copies(|text| {
            let images = list.images().iter();
            let is_listed = images.clone().any(|it| *it.chart_source() == text.repository);
            let is_original = |image: &Image| {
                image.chart_source().path().as_str() == text.path
                    && text.tag.as_ref() == Some(image.chart_tag())
            };
            !is_listed && images.clone().any(is_original)
        });
    }

    /// Makes mentions of the texts that name a copy, without its registry, of another image.
    fn demote_copies(&mut self, is_copy: impl Fn(&ImageReference) -> bool) {
        let images = std::mem::take(&mut self.images);
        for found in images {
            let reference = &found.reference;
            let is_versioned = reference.tag.is_some() || reference.digest.is_some();
            let may_be_copy =
                found.evidence.is_text() && reference.registry.is_none() && is_versioned;
            if may_be_copy && is_copy(reference) {
                let FoundImage { reference, written, place, .. } = found;
                let (reference, kind) = (Some(reference), MentionKind::Copy);
                self.mentions.push(Mention { written, reference, kind, place });
            } else {
                self.images.push(found);
            }
        }
    }
}

/// Whether an image has a registry other than the one of references without.
fn has_other_host(found: &FoundImage) -> bool {
    found.reference.registry.is_some()
        && found.reference.repository.registry().as_str() != "docker.io"
}
