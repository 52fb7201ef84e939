//! `Wanted`: what the lists of a workspace have, by repository. None of it is ever deleted.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Digest, RepositoryPath, Tag};

/// What lists have in the repositories of a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted(BTreeMap<RepositoryPath, WantedContent>);

/// What lists have in one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedContent {
    /// Each with the list that has it.
    pub tags: BTreeMap<Tag, String>,
    /// Pinned digests, also those of some platforms.
    pub digests: BTreeSet<Digest>,
    /// Why no tag of the repository can be judged.
    pub all: Option<String>,
}

impl Wanted {
    pub fn add_tag(&mut self, path: &RepositoryPath, tag: &Tag, list: &str) {
        self.at(path).tags.entry(tag.clone()).or_insert_with(|| list.to_owned());
    }

    pub fn add_digest(&mut self, path: &RepositoryPath, digest: &Digest) {
        self.at(path).digests.insert(digest.clone());
    }

    /// Keeps everything in a repository.
    pub fn keep_all(&mut self, path: &RepositoryPath, why: &str) {
        self.at(path).all.get_or_insert_with(|| why.to_owned());
    }

    /// `None` if no list has anything there.
    pub fn of(&self, path: &RepositoryPath) -> Option<&WantedContent> {
        self.0.get(path)
    }

    pub fn repositories(&self) -> impl Iterator<Item = &RepositoryPath> {
        self.0.keys()
    }

    fn at(&mut self, path: &RepositoryPath) -> &mut WantedContent {
        self.0.entry(path.clone()).or_default()
    }
}
