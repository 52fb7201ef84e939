//! `DestinationImages`: the images of the list with the paths from which pods pull them.

use std::collections::BTreeSet;

use super::gap::GapKind;
use super::listed::listed;
use crate::chart::ImageReference;
use crate::list::{Destination, Image, ImageList};
use oci::{Registry, Repository, RepositoryPath};
use registry::known::address::Address;

pub struct DestinationImages<'a> {
    list: &'a ImageList,
    destination: &'a Destination,
    /// The images with their paths below `root`.
    images: Vec<(&'a Image, RepositoryPath)>,
    /// The address that pods pull from.
    root: Address,
    pub(super) source_hosts: BTreeSet<Registry>,
}

impl<'a> DestinationImages<'a> {
    pub fn new(list: &'a ImageList, destination: &'a Destination) -> Self {
        let root = destination.pull_address().clone();
        let hosts = list.images().iter().map(|image| image.source.registry().to_owned());
        let source_hosts = hosts.filter(|host| *host != root.registry).collect();
        // An image whose path is too long is not copied.
        let path = |image: &Image| destination.path(&image.source, image.target.as_ref()).ok();
        let images = list.images().iter().filter_map(|image| Some((image, path(image)?))).collect();
        Self { list, destination, images, root, source_hosts }
    }

    /// Why pods do not pull a listed image by this reference; `None` if they do.
    pub(super) fn gap(&self, reference: &ImageReference) -> Option<GapKind> {
        let Some(path) = self.path_below_root(&reference.repository) else {
            let push = &self.destination.address;
            if self.root != *push && path_below(push, &reference.repository).is_some() {
                return Some(GapKind::PushAddress { pull: self.root.to_string() });
            }
            let listed =
                self.list.images().iter().any(|image| image.source == reference.repository);
            return Some(GapKind::NotRelocated { listed });
        };
        if self.image_at(path, reference).is_some() {
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

    /// The listed image whose target is this path and version.
    fn image_at(&self, path: &str, reference: &ImageReference) -> Option<&'a Image> {
        let (tag, digest) = (reference.tag.as_ref(), reference.digest.as_ref());
        let is_fixed = tag.is_some() || digest.is_some();
        let mut images = self.images.iter().filter(|_| is_fixed);
        let found = images.find(|(image, have)| {
            have.as_str() == path
                && tag.is_none_or(|tag| *tag == image.tag)
                && digest.is_none_or(|digest| self.destination.digest(image) == Some(digest))
        });
        found.map(|(image, _)| *image)
    }

    /// Whether a word is an image reference from `host` on: with a version, or to a listed repository.
    /// The address of a page (`https://...`) is not.
    pub(super) fn is_image_reference(&self, word: &str, host: &str) -> bool {
        let Some(start) = word.find(host) else { return false };
        if word[..start].ends_with("http://") || word[..start].ends_with("https://") {
            return false;
        }
        let in_reference = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        let rest = &word[start..];
        let rest = &rest[..rest.find(|c| !in_reference(c)).unwrap_or(rest.len())];
        let rest = rest.trim_end_matches(['.', '_', '-', '/', ':', '@']);
        let Ok(reference) = rest.parse::<ImageReference>() else { return false };
        let registry = reference.repository.registry().as_str().strip_prefix(host);
        if !registry.is_some_and(|port| port.is_empty() || port.starts_with(':')) {
            return false;
        }
        let is_listed = || self.list.images().iter().any(|it| it.source == reference.repository);
        reference.tag.is_some() || reference.digest.is_some() || is_listed()
    }

    fn path_below_root<'r>(&self, repository: &'r Repository) -> Option<&'r str> {
        path_below(&self.root, repository)
    }

    /// A name that an image has both at its source and at the destination: its source if it is listed.
    pub(super) fn name(&self, reference: &ImageReference) -> String {
        let path = self.path_below_root(&reference.repository);
        let image = match path {
            Some(path) => self.image_at(path, reference),
            None => listed(self.list, reference),
        };
        if let Some(image) = image {
            return image.reference().to_string();
        }
        let path = path.unwrap_or_else(|| reference.repository.path().as_str());
        let tag = reference.tag.as_ref().map_or("", |tag| tag.as_str());
        let digest = reference.digest.as_ref().map_or("", |digest| digest.as_str());
        format!("{path}:{tag}@{digest}")
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
