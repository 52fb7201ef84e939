//! Texts that repeat the image of another place without its registry: a label of metrics, for example. They
//! would be images of Docker Hub. Pure.

use std::collections::HashSet;

use super::discovered::Discovery;
use crate::chart::found::{FoundImage, Mention, MentionKind};
use crate::chart::image_reference::ImageReference;
use crate::list::{Image, ImageList};
use oci::{Digest, Repository, Tag};

/// What a copy shares with its original.
type Name = (String, Option<Tag>, Option<Digest>);

impl Discovery {
    /// Makes mentions of the texts that name a copy, without its registry, of an image in a field.
    pub(super) fn demote_copies_of_fields(&mut self) {
        let is_original = |found: &&FoundImage| !found.evidence.is_text() && has_other_host(found);
        let originals = self.images.iter().filter(is_original);
        let originals: HashSet<Name> = originals.map(|found| name(&found.reference)).collect();
        self.demote_copies(|copy| originals.contains(&name(copy)));
    }

    /// Makes mentions of the texts that name a copy, without its registry, of an image of the list.
    pub fn demote_copies_of(&mut self, list: &ImageList) {
        let images = list.images().iter();
        let listed: HashSet<&Repository> = images.clone().map(Image::chart_source).collect();
        let originals: HashSet<(&str, &Tag)> =
            images.map(|image| (image.chart_source().path().as_str(), image.chart_tag())).collect();
        self.demote_copies(|text| {
            let is_original = |tag| originals.contains(&(text.path.as_str(), tag));
            !listed.contains(&text.repository) && text.tag.as_ref().is_some_and(is_original)
        });
    }

    /// Makes mentions of the texts that name a copy, without its registry, of another image.
    fn demote_copies(&mut self, is_copy: impl Fn(&ImageReference) -> bool) {
        let images = std::mem::take(&mut self.images);
        for found in images {
            let reference = &found.reference;
            let may_be_copy = found.evidence.is_text()
                && reference.registry.is_none()
                && reference.is_versioned();
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

fn name(reference: &ImageReference) -> Name {
    (reference.path.clone(), reference.tag.clone(), reference.digest.clone())
}

/// Whether an image has a registry other than the one of references without.
fn has_other_host(found: &FoundImage) -> bool {
    found.reference.registry.is_some()
        && found.reference.repository.registry().as_str() != "docker.io"
}
