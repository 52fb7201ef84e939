//! `DeletionProgress`: which tags `prune --apply` has deleted so far, for a run that is interrupted.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci::{Digest, RepositoryPath, Tag};

/// Recorded while tags are deleted.
#[derive(Debug, Default)]
pub struct DeletionProgress(Mutex<DeletionsSoFar>);

/// Tags with their repositories: `mirror/team/app:1.0`. A referrer is named by its digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeletionsSoFar {
    /// In the order of their deletions.
    pub deleted: Vec<String>,
    /// How many referrers were deleted with their subjects.
    pub referrers: usize,
    /// Tags and referrers whose deletion was requested and not confirmed.
    pub unconfirmed: BTreeSet<String>,
}

impl DeletionProgress {
    /// What has been done so far.
    pub fn so_far(&self) -> DeletionsSoFar {
        self.lock().clone()
    }

    /// Records that the deletion of a tag is requested.
    pub(super) fn requested(&self, repository: &RepositoryPath, tag: &Tag) {
        self.lock().unconfirmed.insert(name(repository, tag));
    }

    /// Records that the tag is not there any more.
    pub(super) fn deleted(&self, repository: &RepositoryPath, tag: &Tag) {
        self.lock().deleted.push(name(repository, tag));
        self.ended(repository, tag);
    }

    /// Records that the request has ended, whatever became of the tag.
    pub(super) fn ended(&self, repository: &RepositoryPath, tag: &Tag) {
        self.lock().unconfirmed.remove(&name(repository, tag));
    }

    /// Records that the deletion of a referrer is requested.
    pub(super) fn referrer_requested(&self, repository: &RepositoryPath, digest: &Digest) {
        self.lock().unconfirmed.insert(format!("{repository}@{digest}"));
    }

    /// Records that a referrer was deleted.
    pub(super) fn referrer_deleted(&self, repository: &RepositoryPath, digest: &Digest) {
        self.lock().referrers += 1;
        self.referrer_ended(repository, digest);
    }

    /// Records that the request has ended, whatever became of the referrer.
    pub(super) fn referrer_ended(&self, repository: &RepositoryPath, digest: &Digest) {
        self.lock().unconfirmed.remove(&format!("{repository}@{digest}"));
    }

    fn lock(&self) -> MutexGuard<'_, DeletionsSoFar> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(repository: &RepositoryPath, tag: &Tag) -> String {
    format!("{repository}:{tag}")
}
