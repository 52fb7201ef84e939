//! Looks up the entries of the list that stand for a reference of the chart; pure.

use std::collections::{BTreeSet, HashMap};

use crate::chart::{Evidence, ImageReference};
use crate::list::{Image, ImageList};
use oci::{Digest, Repository, Tag};

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
        let tag = reference.tag.as_ref().filter(|tag| !is_moving(tag));
        let is_meant = |image: &&'a Image| {
            let is_digest = |digest: &Digest| may_be(image, digest);
            tag.is_none_or(|tag| tag == image.chart_tag())
                && reference.digest.as_ref().is_none_or(is_digest)
        };
        let mut meant: Vec<&Image> = images.filter(is_meant).collect();
        // A digest alone is one image: the one with this digest, or else the only one that may have it.
        if tag.is_none() && reference.digest.is_some() {
            let pinned = |image: &&Image| image.digest == reference.digest;
            if meant.iter().any(pinned) {
                meant.retain(pinned);
            } else if meant.len() > 1 {
                meant.clear();
            }
        }
        meant
    }

    /// The entry for the tag of a reference, if it is pinned to another digest.
    pub(super) fn pinned_otherwise(&self, reference: &ImageReference) -> Option<&'a Image> {
        let (tag, digest) = (reference.tag.as_ref()?, reference.digest.as_ref()?);
        let mut images = self.of_repository(&reference.repository);
        images.find(|image| image.chart_tag() == tag && !may_be(image, digest))
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

/// Whether an image may have a digest: it has no other one. An entry that `replaces` an image has another.
fn may_be(image: &Image, digest: &Digest) -> bool {
    image.replaces.is_some() || image.digest.as_ref().is_none_or(|pin| pin == digest)
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
    fn a_digest_stands_for_the_entry_that_has_it() {
        let [one, two, three] = [b"1", b"2", b"3"].map(|content| Digest::of(content));
        // The tags and digests of the list, the reference of the chart, and the tags of its entries.
        type Row<'a> = (&'a [(&'a str, Option<&'a Digest>)], String, &'a [&'a str]);
        let table: [Row<'_>; 9] = [
            (&[("1", Some(&one))], format!(":1@{one}"), &["1"]),
            (&[("1", Some(&two))], format!(":1@{one}"), &[]),
            (&[("1", None)], format!(":1@{one}"), &["1"]),
            (&[("1", Some(&one)), ("2", None)], format!("@{one}"), &["1"]),
            (&[("1", Some(&one)), ("2", None)], format!(":latest@{one}"), &["1"]),
            (&[("1", Some(&one)), ("2", None)], format!("@{two}"), &["2"]),
            (&[("1", None), ("2", None)], format!("@{three}"), &[]),
            (&[("1", Some(&one)), ("2", Some(&one))], format!("@{one}"), &["1", "2"]),
            (&[("1", Some(&one)), ("2", Some(&two))], format!("@{three}"), &[]),
        ];
        for (entries, reference, expected) in table {
            let entry = |(tag, digest): &(&str, Option<&Digest>)| {
                let digest = digest.map(|digest| format!("digest = \"{digest}\"\n"));
                let digest = digest.unwrap_or_default();
                format!("[[image]]\nsource = \"quay.io/a/b\"\ntag = \"{tag}\"\n{digest}")
            };
            let list = entries.iter().map(entry).collect::<String>();
            let list = ImageList::parse("images.toml", &list).unwrap();
            let found = ListedImages::of(&list)
                .of_reference(&format!("quay.io/a/b{reference}").parse().unwrap());
            let tags: Vec<&str> = found.iter().map(|image| image.tag.as_str()).collect();
            assert_eq!(tags, expected, "{reference}");
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
