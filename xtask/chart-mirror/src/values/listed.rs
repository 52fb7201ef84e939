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

    /// The only entry that stands for a reference.
    pub fn entry(&self, reference: &ImageReference) -> Option<&'a Image> {
        let [only] = self.of_reference(reference)[..] else { return None };
        Some(only)
    }

    /// Whether the list has any version of a repository.
    pub fn has_repository(&self, repository: &Repository) -> bool {
        self.0.contains_key(repository)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_without_a_version_stands_for_all_and_has_an_entry_if_there_is_one() {
        let list = "[[image]]\nsource = \"quay.io/a/one\"\ntag = \"1\"\n\
                    [[image]]\nsource = \"quay.io/a/two\"\ntag = \"1\"\n\
                    [[image]]\nsource = \"quay.io/a/two\"\ntag = \"2\"\n\
                    [[image]]\nsource = \"quay.io/new/three\"\ntag = \"3\"\n\
                    replaces = { source = \"quay.io/old/three\", reason = \"moved\" }\n";
        let list = ImageList::parse("images.toml", list).unwrap();
        let listed = ListedImages::of(&list);
        let table = [
            ("quay.io/a/one", 1, Some("quay.io/a/one:1")),
            ("quay.io/a/one:latest", 1, Some("quay.io/a/one:1")),
            ("quay.io/a/one:2", 0, None),
            ("quay.io/a/two", 2, None),
            ("quay.io/a/two:2", 1, Some("quay.io/a/two:2")),
            ("quay.io/old/three:3", 1, Some("quay.io/new/three:3")),
            ("quay.io/new/three:3", 0, None),
        ];
        for (reference, number, entry) in table {
            let reference = reference.parse().unwrap();
            assert_eq!(listed.of_reference(&reference).len(), number, "{reference}");
            let found = listed.entry(&reference).map(|image| image.reference().to_string());
            assert_eq!(found.as_deref(), entry, "{reference}");
        }
    }
}
