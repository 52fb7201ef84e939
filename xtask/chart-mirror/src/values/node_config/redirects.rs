//! What nodes ask for, and where it is: one redirect for each image, and the choice of a rule for several images
//! where a format cannot have one for each.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::file::NotRedirected;
use crate::list::{Destination, Image, ImageList};
use messages::Advice;
use oci::{Digest, Reference, Repository, RepositoryPath, Tag};

/// One image: the reference in the chart, and the one at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) asked: Reference,
    pub(super) target: Reference,
    pub(super) digest: AskedDigest,
}

/// Whether a reference with a digest can be pulled from the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AskedDigest {
    /// The destination has what the list pins.
    Copied(Digest),
    /// The image is not pinned.
    Unknown,
    /// The destination has another digest: of some platforms, or of the image that replaces this one.
    Absent,
}

/// All images of a list at one destination.
pub(super) struct Redirects {
    all: Vec<Redirect>,
    targets: BTreeSet<String>,
}

/// One repository, and where all of its tags are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RepositoryRedirect<'r> {
    pub(super) asked: &'r Repository,
    /// At least one, in the order in which they are tried.
    pub(super) targets: Vec<&'r Repository>,
}

/// How many places a format can have for a repository.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    One,
    /// The first that has the image is used.
    Several,
}

impl AskedDigest {
    fn of(image: &Image, destination: &Destination) -> Self {
        let is_replaced =
            image.replaces.as_ref().is_some_and(|replaced| replaced.source != image.source);
        match &image.digest {
            _ if is_replaced => Self::Absent,
            None if destination.platforms.is_some() => Self::Absent,
            None => Self::Unknown,
            Some(digest) if destination.digest(image) == Some(digest) => {
                Self::Copied(digest.clone())
            }
            Some(_) => Self::Absent,
        }
    }
}

impl Redirect {
    /// The same repository with another tag cannot be a mirror's answer.
    fn keeps_tag(&self) -> bool {
        self.asked.tag() == self.target.tag()
    }

    pub(super) fn changed_tag(&self) -> Option<NotRedirected> {
        let reason = format!("its target has another tag, `{}`", self.target);
        (!self.keeps_tag()).then(|| self.left_out(reason))
    }

    pub(super) fn left_out(&self, reason: String) -> NotRedirected {
        NotRedirected { image: self.asked.clone(), reason }
    }
}

impl Redirects {
    pub(super) fn of(list: &ImageList, destination: &Destination) -> Result<Self, Advice> {
        let paths = destination.paths(list.images())?;
        let address = destination.pull_address();
        let redirect = |(image, path): (&Image, _)| {
            let path = address.prefix.as_ref().map_or_else(
                || RepositoryPath::clone(path),
                |prefix| RepositoryPath::below(path, prefix),
            );
            Redirect {
                asked: image.chart_source().tagged(image.chart_tag()),
                target: Repository::new(address.registry.clone(), path).tagged(&image.tag),
                digest: AskedDigest::of(image, destination),
            }
        };
        let all: Vec<_> = list.images().iter().zip(&paths).map(redirect).collect();
        let targets = all.iter().map(|redirect| redirect.target.to_string()).collect();
        Ok(Self { all, targets })
    }

    /// In the order of the list.
    pub(super) fn all(&self) -> &[Redirect] {
        &self.all
    }

    /// The position of each reference in the list.
    pub(super) fn positions(&self) -> HashMap<&Reference, usize> {
        self.all.iter().enumerate().map(|(at, redirect)| (&redirect.asked, at)).collect()
    }

    /// By the host that nodes ask.
    pub(super) fn by_host(&self) -> BTreeMap<&str, Vec<&Redirect>> {
        self.grouped(|redirect| redirect.asked.repository().registry().as_str())
    }

    /// One redirect for each repository, and the images that it does not fit.
    pub(super) fn by_repository(
        &self,
        places: Places,
    ) -> (Vec<RepositoryRedirect<'_>>, Vec<NotRedirected>) {
        let (mut redirects, mut left_out) = (Vec::new(), Vec::new());
        for (asked, mut images) in self.grouped(|redirect| redirect.asked.repository()) {
            let mut targets: Vec<&Repository> = Vec::new();
            while targets.is_empty() || places == Places::Several {
                let repository = |image: &Redirect, target| image.target.repository() == target;
                let Some(target) = self.best(
                    &images,
                    |image| Some(image.target.repository()),
                    |target, tag, _| format!("{target}:{tag}"),
                ) else {
                    break;
                };
                images.retain(|image| !(image.keeps_tag() && repository(image, target)));
                targets.push(target);
            }
            left_out.extend(images.iter().map(|image| {
                let place = match targets.first() {
                    Some(first) => format!("other tags of the repository are at `{first}`"),
                    None => "no place fits all tags of the repository".to_owned(),
                };
                let reason = format!("its target is `{}`, and {place}", image.target);
                image.changed_tag().unwrap_or_else(|| image.left_out(reason))
            }));
            if !targets.is_empty() {
                redirects.push(RepositoryRedirect { asked, targets });
            }
        }
        (redirects, left_out)
    }

    /// The candidate that leads most of the images to their targets. One that leads an image to the target of
    /// another is not chosen: nodes would run the wrong image.
    pub(super) fn best<'r, C: Ord>(
        &self,
        images: &[&'r Redirect],
        candidate: impl Fn(&'r Redirect) -> Option<C>,
        leads_to: impl Fn(&C, &Tag, &Repository) -> String,
    ) -> Option<C> {
        let candidates: BTreeSet<C> = images
            .iter()
            .filter(|image| image.keeps_tag())
            .filter_map(|image| candidate(image))
            .collect();
        let score = |candidate: &C| {
            let mut right = 0;
            for image in images {
                let reached = leads_to(candidate, image.asked.tag(), image.asked.repository());
                if reached == image.target.to_string() {
                    right += 1;
                } else if self.targets.contains(&reached) {
                    return None;
                }
            }
            Some(right)
        };
        let scored =
            candidates.into_iter().filter_map(|candidate| Some((score(&candidate)?, candidate)));
        // The first of several.
        scored.rev().max_by_key(|(right, _)| *right).map(|(_, candidate)| candidate)
    }

    fn grouped<'r, K: Ord>(
        &'r self,
        key: impl Fn(&'r Redirect) -> K,
    ) -> BTreeMap<K, Vec<&'r Redirect>> {
        let mut groups: BTreeMap<K, Vec<&Redirect>> = BTreeMap::new();
        for redirect in &self.all {
            groups.entry(key(redirect)).or_default().push(redirect);
        }
        groups
    }
}
