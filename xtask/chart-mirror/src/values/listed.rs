//! Looks up the entries of the list that stand for a reference of the chart; pure.

use std::collections::HashMap;

use crate::chart::ImageReference;
use crate::list::{Image, ImageList};
use oci::Repository;

/// The entries of a list by the repository that the chart names.
pub struct ListedImages<'a>(HashMap<&'a Repository, Vec<&'a Image>>);

impl<'a> ListedImages<'a> {
    pub fn of(list: &'a ImageList) -> Self {
        let mut images: HashMap<_, Vec<_>> = HashMap::new();
        for image in list.images() {
            images.entry(image.chart_source()).or_default().push(image);
        }
        Self(images)
    }

    /// The entries that stand for a reference. A reference without a version stands for every entry of
    /// its repository.
    pub fn of_reference(&self, reference: &ImageReference) -> Vec<&'a Image> {
        let images = self.0.get(&reference.repository).into_iter().flatten().copied();
        let is_meant = |image: &&'a Image| match (&reference.tag, &reference.digest) {
            // `latest` names no version.
            (Some(tag), None) => tag == image.chart_tag() || tag.as_str() == "latest",
            (Some(tag), Some(_)) if tag.as_str() != "latest" => tag == image.chart_tag(),
            (_, Some(digest)) => {
                image.replaces.is_some() || image.digest.as_ref().is_none_or(|pin| pin == digest)
            }
            (None, None) => true,
        };
        images.filter(is_meant).collect()
    }

    /// Whether the list has any version of a repository.
    pub fn has_repository(&self, repository: &Repository) -> bool {
        self.0.contains_key(repository)
    }
}

/// The entry that stands for a reference with a version.
pub fn listed<'a>(list: &'a ImageList, reference: &ImageReference) -> Option<&'a Image> {
    list.images().iter().find(|image| {
        *image.chart_source() == reference.repository
            && match (&reference.tag, &reference.digest) {
                (Some(tag), _) => tag == image.chart_tag(),
                (None, Some(digest)) => image.digest.as_ref() == Some(digest),
                (None, None) => false,
            }
    })
}
