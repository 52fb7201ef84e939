//! Looks up the entries of the list that stand for a reference of the chart; pure.

use std::collections::{BTreeSet, HashMap};

use crate::chart::{Evidence, ImageReference};
use crate::list::{Image, ImageList};
use oci::{Repository, Tag};

/// The entries of a list by the repository that the chart names.
pub struct ListedImages<'a> {
    by_repository: HashMap<&'a Repository, Vec<&'a Image>>,
    /// The versions that the chart names.
    named: BTreeSet<(Repository, Tag)>,
}

impl<'a> ListedImages<'a> {
    pub fn of(list: &'a ImageList) -> Self {
        let mut images: HashMap<_, Vec<_>> = HashMap::new();
        for image in list.images() {
            images.entry(image.chart_source()).or_default().push(image);
        }
        Self { by_repository: images, named: BTreeSet::new() }
    }

    /// With the references of the chart. An entry for one of their versions does not stand for `latest`.
    #[must_use]
    pub fn naming<'r>(mut self, references: impl Iterator<Item = &'r ImageReference>) -> Self {
        let versions = references.filter_map(|reference| {
            let tag = reference.tag.as_ref().filter(|tag| !is_moving(tag))?;
            Some((reference.repository.clone(), tag.clone()))
        });
        self.named.extend(versions);
        self
    }

    /// The entries that stand for a reference. A reference without a version stands for every entry of
    /// its repository.
    pub fn of_reference(&self, reference: &ImageReference) -> Vec<&'a Image> {
        if reference.digest.is_none() && reference.tag.as_ref().is_some_and(is_moving) {
            return self.of_latest(&reference.repository).into_iter().collect();
        }
        let images = self.of_repository(&reference.repository);
        let is_meant = |image: &&'a Image| match (&reference.tag, &reference.digest) {
            (Some(tag), None) => tag == image.chart_tag(),
            (Some(tag), Some(_)) if !is_moving(tag) => tag == image.chart_tag(),
            (_, Some(digest)) => {
                image.replaces.is_some() || image.digest.as_ref().is_none_or(|pin| pin == digest)
            }
            (None, None) => true,
        };
        images.filter(is_meant).collect()
    }

    /// The entries that stand for a reference at a place. A container without a tag runs `latest`.
    pub(super) fn at_place(
        &self,
        reference: &ImageReference,
        evidence: Option<Evidence>,
    ) -> Vec<&'a Image> {
        let is_bare = reference.tag.is_none() && reference.digest.is_none();
        if is_bare && evidence == Some(Evidence::Container) {
            return self.of_latest(&reference.repository).into_iter().collect();
        }
        self.of_reference(reference)
    }

    /// The entry that stands for `latest`: the only one for which the chart names no version.
    fn of_latest(&self, repository: &Repository) -> Option<&'a Image> {
        let is_latest = |image: &&'a Image| is_moving(image.chart_tag());
        let is_free = |image: &&'a Image| {
            !self.named.contains(&(repository.clone(), image.chart_tag().clone()))
        };
        let mut free = self.of_repository(repository).filter(is_free);
        self.of_repository(repository)
            .find(is_latest)
            .or_else(|| free.next().filter(|_| free.next().is_none()))
    }

    fn of_repository(&self, repository: &Repository) -> impl Iterator<Item = &'a Image> {
        self.by_repository.get(repository).into_iter().flatten().copied()
    }

    /// The only entry that stands for a reference.
    pub fn entry(&self, reference: &ImageReference) -> Option<&'a Image> {
        let [only] = self.of_reference(reference)[..] else { return None };
        Some(only)
    }

    /// Whether the list has any version of a repository.
    pub fn has_repository(&self, repository: &Repository) -> bool {
        self.by_repository.contains_key(repository)
    }

    /// The tags that the list has of a repository.
    pub(super) fn tags(&self, repository: &Repository) -> Vec<&'a Tag> {
        self.of_repository(repository).map(Image::chart_tag).collect()
    }
}

/// Whether a tag names no version.
fn is_moving(tag: &Tag) -> bool {
    tag.as_str() == "latest"
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

    #[test]
    fn latest_is_the_entry_for_which_the_chart_names_no_version() {
        // The listed tags, those that the chart names, and the tag that `latest` stands for.
        let table: [(&[&str], &[&str], Option<&str>); 5] = [
            (&["1"], &["latest"], Some("1")),
            (&["1"], &["latest", "1"], None),
            (&["1", "9"], &["latest", "1"], Some("9")),
            (&["8", "9"], &["latest"], None),
            (&["1", "9"], &["latest", "1", "9"], None),
        ];
        for (tags, named, expected) in table {
            let entry = |tag| format!("[[image]]\nsource = \"quay.io/a/b\"\ntag = \"{tag}\"\n");
            let list = tags.iter().map(entry).collect::<String>();
            let list = ImageList::parse("images.toml", &list).unwrap();
            let named: Vec<ImageReference> =
                named.iter().map(|tag| format!("quay.io/a/b:{tag}").parse().unwrap()).collect();
            let listed = ListedImages::of(&list).naming(named.iter());
            let tag = |reference: &str, evidence| {
                let found = listed.at_place(&reference.parse().unwrap(), evidence);
                found.into_iter().map(|image| image.tag.to_string()).collect::<Vec<_>>()
            };
            let expected = Vec::from_iter(expected.map(str::to_owned));
            assert_eq!(tag("quay.io/a/b:latest", None), expected, "{tags:?} {named:?}");
            let container = Some(Evidence::Container);
            assert_eq!(tag("quay.io/a/b", container), expected, "{tags:?} {named:?}");
            // An operator adds the version.
            assert_eq!(tag("quay.io/a/b", Some(Evidence::Variable)).len(), tags.len());
        }
        let list = "[[image]]\nsource = \"quay.io/a/b\"\ntag = \"1\"\n\
                    [[image]]\nsource = \"quay.io/a/b\"\ntag = \"2\"\n\
                    replaces = { source = \"quay.io/a/b\", tag = \"latest\", reason = \"fixed\" }\n";
        let list = ImageList::parse("images.toml", list).unwrap();
        let found = ListedImages::of(&list).entry(&"quay.io/a/b:latest".parse().unwrap());
        assert_eq!(found.unwrap().tag.as_str(), "2");
    }
}
