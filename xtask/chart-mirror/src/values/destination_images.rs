//! `DestinationImages`: the images of the list with the paths from which pods pull them.

use std::collections::BTreeSet;

use super::gap::GapKind;
use super::listed::ListedImages;
use crate::chart::ImageReference;
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

    /// Whether a reference is exactly the target of an image: repository, tag and digest.
    pub(super) fn is_target_of(&self, reference: &ImageReference, image: &Image) -> bool {
        self.path_below_root(&reference.repository)
            .is_some_and(|path| self.is_at(path, reference, image))
    }

    /// Whether a reference without a version is exactly the repository of an image at the destination.
    pub(super) fn is_repository_of(&self, reference: &ImageReference, image: &Image) -> bool {
        let path = self.path_below_root(&reference.repository);
        let mut images = self.images.iter();
        reference.tag.is_none()
            && reference.digest.is_none()
            && images.any(|(have, its)| std::ptr::eq(*have, image) && Some(its.as_str()) == path)
    }

    /// The target of an image, for messages.
    pub(super) fn target_of(&self, image: &Image) -> Option<String> {
        let (_, path) = self.images.iter().find(|(have, _)| std::ptr::eq(*have, image))?;
        Some(format!("{}/{path}:{}", self.root, image.tag))
    }

    /// Whether a repository is below the address that pods pull from.
    pub(super) fn is_below_root(&self, repository: &Repository) -> bool {
        self.path_below_root(repository).is_some()
    }

    /// Whether a host is the one that pods pull from.
    pub(super) fn is_root(&self, host: &str) -> bool {
        host.contains(self.root.registry.as_str())
    }

    fn is_at(&self, path: &str, reference: &ImageReference, image: &Image) -> bool {
        let (tag, digest) = (reference.tag.as_ref(), reference.digest.as_ref());
        let mut images = self.images.iter();
        (tag.is_some() || digest.is_some())
            && tag.is_none_or(|tag| *tag == image.tag)
            && digest.is_none_or(|digest| self.destination.digest(image) == Some(digest))
            && images.any(|(have, its)| std::ptr::eq(*have, image) && its.as_str() == path)
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
        if self.images.iter().any(|(image, _)| self.is_at(path, reference, image)) {
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

/// The path of a repository below an address.
fn path_below<'r>(root: &Address, repository: &'r Repository) -> Option<&'r str> {
    let path = repository.path().as_str();
    match &root.prefix {
        _ if *repository.registry() != root.registry => None,
        None => Some(path),
        Some(prefix) => path.strip_prefix(prefix.as_str())?.strip_prefix('/'),
    }
}
