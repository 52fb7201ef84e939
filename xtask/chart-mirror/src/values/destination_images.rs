//! `DestinationImages`: the images of the list with the paths from which pods pull them.

use std::collections::BTreeSet;

use super::gap::{GapKind, Misplaced};
use super::listed::ListedImages;
use crate::chart::{Evidence, ImageReference};
use crate::list::{Destination, Image, ImageList};
use oci::{Repository, RepositoryPath};
use registry::known::address::Address;

pub struct DestinationImages<'a> {
    destination: &'a Destination,
    /// The images with their paths below `root`.
    images: Vec<(&'a Image, RepositoryPath)>,
    pub(super) listed: ListedImages<'a>,
    /// The address that pods pull from.
    root: Address,
    /// The registries of the sources, and those that the chart names instead of them.
    pub(super) source_hosts: BTreeSet<&'a str>,
}

impl<'a> DestinationImages<'a> {
    pub fn new(list: &'a ImageList, destination: &'a Destination) -> Self {
        let root = destination.pull_address().clone();
        let images = list.images().iter();
        let sources = images.clone().flat_map(|image| [&image.source, image.chart_source()]);
        let source_hosts = sources.map(|source| source.registry().as_str()).collect();
        // An image whose path is too long is not copied.
        let path = |image: &Image| destination.path(&image.source, image.target.as_ref()).ok();
        let images = images.filter_map(|image| Some((image, path(image)?))).collect();
        Self { destination, images, listed: ListedImages::of(list), root, source_hosts }
    }

    /// With the references of the chart, which tell what `latest` stands for.
    #[must_use]
    pub(super) fn naming<'r>(
        mut self,
        references: impl Iterator<Item = &'r ImageReference>,
    ) -> Self {
        self.listed = self.listed.naming(references);
        self
    }

    /// Whether a place is right: where the chart names `before` without the values of the destination, it
    /// names exactly the target of an entry that stands for `before` with them. `evidence` is why the place
    /// counts as an image, and `None` for a mention.
    pub(super) fn is_right(
        &self,
        before: &ImageReference,
        after: &ImageReference,
        evidence: Option<Evidence>,
    ) -> bool {
        // An operator that knows a repository without a version still knows one.
        let may_be_bare =
            is_bare(before) && evidence.is_some_and(|evidence| evidence != Evidence::Container);
        let Some(path) = self.path_below_root(&after.repository) else { return false };
        let mut entries = self.listed.at_place(before, evidence).into_iter();
        entries.any(|image| {
            let is_version =
                if is_bare(after) { may_be_bare } else { self.has_version(image, after) };
            is_version && self.path(image).is_some_and(|its| its.as_str() == path)
        })
    }

    /// What is wrong with a place, if its image is listed.
    pub(super) fn problem(
        &self,
        before: &ImageReference,
        after: &ImageReference,
        evidence: Option<Evidence>,
    ) -> Option<String> {
        let entry = *self.listed.at_place(before, evidence).first()?;
        if self.is_right(before, after, evidence) {
            return None;
        }
        Some(match self.target_of(entry) {
            Some(expected) => format!("it becomes `{after}`, not `{expected}`"),
            None => format!("it becomes `{after}`, and the path of its target is too long"),
        })
    }

    /// The target of an image, for messages.
    pub(super) fn target_of(&self, image: &Image) -> Option<String> {
        Some(format!("{}/{}:{}", self.root, self.path(image)?, image.tag))
    }

    /// The registries that the search takes as such wherever it finds them.
    pub(super) fn hosts(&self) -> BTreeSet<&str> {
        let root = [self.root.registry.as_str()];
        self.source_hosts.iter().copied().chain(root).collect()
    }

    /// Whether a repository is below the address that pods pull from.
    pub(super) fn is_below_root(&self, repository: &Repository) -> bool {
        self.path_below_root(repository).is_some()
    }

    /// Why a program that pulls from a registry or repository without a version does not find the listed
    /// images there. `before` is where it pulls from without the values, and `after` with them. Both
    /// have the form `host[:port][/path]`.
    pub(super) fn misplaced(&self, before: Option<&str>, after: &str) -> Option<Misplaced> {
        let root = self.root.to_string();
        let Some(path) = rest_below(after, &root) else {
            return Some(Misplaced::Outside { root });
        };
        let before = before?;
        self.images.iter().find_map(|(image, target)| {
            let source = image.chart_source().to_string();
            let rest = rest_below(&source, before)?;
            let pulled = [path, rest].into_iter().filter(|part| !part.is_empty());
            let pulled = pulled.collect::<Vec<_>>().join("/");
            (pulled != target.as_str()).then(|| Misplaced::OtherTarget {
                pulled: format!("{root}/{pulled}"),
                target: format!("{root}/{target}"),
                source,
            })
        })
    }

    fn path(&self, image: &Image) -> Option<RepositoryPath> {
        self.destination.path(&image.source, image.target.as_ref()).ok()
    }

    /// Whether a reference names the version of an image: by its tag, its digest, or both.
    fn has_version(&self, image: &Image, reference: &ImageReference) -> bool {
        let (tag, digest) = (reference.tag.as_ref(), reference.digest.as_ref());
        !is_bare(reference)
            && tag.is_none_or(|tag| *tag == image.tag)
            && digest.is_none_or(|digest| self.destination.digest(image) == Some(digest))
    }

    /// Why pods do not pull any listed image by this reference. `None` if it is a target of the list.
    pub(super) fn gap(&self, reference: &ImageReference) -> Option<GapKind> {
        let Some(path) = self.path_below_root(&reference.repository) else {
            let push = &self.destination.address;
            if self.root != *push && path_below(push, &reference.repository).is_some() {
                return Some(GapKind::PushAddress { pull: self.root.to_string() });
            }
            let listed = self.listed.has_repository(&reference.repository);
            return Some(GapKind::NotRelocated { listed });
        };
        let mut images = self.images.iter();
        if images.any(|(image, its)| its.as_str() == path && self.has_version(image, reference)) {
            return None;
        }
        let first = path.split('/').next().unwrap_or(path);
        let is_host = first.contains('.') || self.source_hosts.contains(first);
        // The targets of a destination may contain the registries of the sources.
        let belongs = |have: &RepositoryPath| have.as_str().split('/').next() == Some(first);
        if is_host && !self.images.iter().any(|(_, path)| belongs(path)) {
            let reason = "its path contains a registry".to_owned();
            return Some(GapKind::Malformed { reason });
        }
        Some(GapKind::NotCopied { nearest: self.nearest(path) })
    }

    fn path_below_root<'r>(&self, repository: &'r Repository) -> Option<&'r str> {
        path_below(&self.root, repository)
    }

    /// The target that was probably intended: one with a similar last path component.
    fn nearest(&self, path: &str) -> Option<String> {
        let last = |path: &str| path.rsplit('/').next().unwrap_or(path).replace('_', "-");
        let intended = last(path);
        let scored = self.images.iter().map(|(image, path)| {
            (strsim::jaro_winkler(&intended, &last(path.as_str())), image, path)
        });
        let (score, image, path) = scored.max_by(|(a, ..), (b, ..)| a.total_cmp(b))?;
        (score > 0.85).then(|| format!("{}/{path}:{}", self.root, image.tag))
    }
}

/// What follows a path in a longer one, without the slash between them.
fn rest_below<'p>(path: &'p str, start: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(start)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// Whether a reference names neither a tag nor a digest.
fn is_bare(reference: &ImageReference) -> bool {
    reference.tag.is_none() && reference.digest.is_none()
}

/// The path of a repository below an address.
fn path_below<'r>(root: &Address, repository: &'r Repository) -> Option<&'r str> {
    let path = repository.path().as_str();
    match &root.prefix {
        _ if *repository.registry() != root.registry => None,
        None => Some(path),
        Some(prefix) => path.strip_prefix(prefix.as_str())?.strip_prefix('/'),
    }
}
