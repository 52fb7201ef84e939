//! Deletes what was decided about, repository by repository: tags, then the referrers of manifests that went with them.
//! Right before, it is checked again that nothing else has changed there meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use super::observe::{AT_ONCE, Found, Judged, Observer};
use super::progress::DeletionProgress;
use super::referrers::{Attached, ReferrersApi, delete_all};
use super::result::{DeletedReferrers, DeletionOutcome};
use crate::ecr::{CloudImages, MOST_DELETED};
use crate::prune::{DeletionStep, Orphans, needed, steps};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use oci::{Digest, Tag};
use registry::{Deleted, Error, ManifestName, RemoteRepository};

/// Tags that are deleted together, with what they name.
type Batch = BTreeMap<Tag, Digest>;

/// Deletes the tags that go.
pub(super) struct Deleter<'a> {
    observer: &'a Observer<'a>,
    /// Deletes instead of the registry.
    images: Option<&'a CloudImages>,
    /// What was deleted, for a run that is interrupted.
    progress: &'a DeletionProgress,
    /// Whether the registry turned out to delete nothing.
    is_refused: bool,
    referrers_api: ReferrersApi,
}

/// A repository in which something is deleted.
struct Work {
    repository: RemoteRepository,
    judged: Judged,
    /// What the tags name.
    digests: BTreeMap<Tag, Digest>,
    gone: Gone,
    attached: Attached,
}

impl<'a> Deleter<'a> {
    pub(super) fn new(
        observer: &'a Observer<'a>,
        images: Option<&'a CloudImages>,
        progress: &'a DeletionProgress,
    ) -> Self {
        let referrers_api = ReferrersApi::default();
        Self { observer, images, progress, is_refused: false, referrers_api }
    }

    /// Deletes in one repository, and records what became of each tag.
    pub(super) async fn repository(&mut self, found: &mut Found) {
        let Some(judged) = found.judged() else { return };
        let steps = steps(&judged.decisions, &judged.observed);
        if steps.is_empty() || self.is_refused {
            return;
        }
        let repository = match self.observer.open(&found.path) {
            Ok(repository) => repository,
            Err(error) => return found.fail(error),
        };
        let mut work = Work {
            repository,
            digests: judged.digests(),
            judged: judged.clone(),
            gone: Gone::default(),
            attached: Attached::default(),
        };
        // A tag that goes may name by now what another one names that goes.
        match work.is_unchanged(|_| true).await {
            Ok(true) => {}
            Ok(false) => return found.record_all(&DeletionOutcome::Changed),
            Err(error) => return found.fail(error),
        }
        self.tags(&mut work, steps, found).await;
        if let Err(error) = self.referrers(work, found).await {
            found.fail(error);
        }
    }

    async fn tags(&mut self, work: &mut Work, steps: Vec<DeletionStep>, found: &mut Found) {
        let most = self.images.map_or(1, |_| MOST_DELETED);
        let mut batch = Batch::new();
        for DeletionStep { tag, after } in steps {
            if batch.len() == most || after.iter().any(|before| batch.contains_key(before)) {
                self.delete(work, &mut batch, found).await;
            }
            if self.is_refused {
                return;
            }
            let checked = match after.is_subset(&work.gone.tags) {
                true => self.check(work, &tag).await,
                false => Err(DeletionOutcome::Waiting),
            };
            match checked {
                Ok(digest) => drop(batch.insert(tag, digest)),
                Err(outcome) => {
                    let outcome = work.gone.add(&tag, work.digests.get(&tag), outcome);
                    if outcome.is_deleted() {
                        self.progress.deleted(&work.repository.path, &tag);
                    }
                    found.record(tag, outcome);
                }
            }
        }
        self.delete(work, &mut batch, found).await;
    }

    /// What a tag names right before it is deleted. Listing what is attached to it may take long, so that comes first.
    async fn check(&mut self, work: &mut Work, tag: &Tag) -> Result<Digest, DeletionOutcome> {
        let digest = work.digests.get(tag);
        let Work { repository, judged, attached, .. } = work;
        if let Some(digest) = digest.filter(|_| self.images.is_none() && !judged.goes_alone(tag)) {
            let api = &mut self.referrers_api;
            let found = attached.find(repository, digest, &judged.observed, api).await;
            found.map_err(|error| DeletionOutcome::Failed { error })?;
        }
        check(repository, tag, digest).await
    }

    /// Deletes a batch, and empties it.
    async fn delete(&mut self, work: &mut Work, batch: &mut Batch, found: &mut Found) {
        let batch = std::mem::take(batch);
        let digests = batch.clone();
        let outcomes = match self.images {
            Some(images) => {
                batch.keys().for_each(|tag| self.progress.requested(&work.repository.path, tag));
                with_cloud(images, &work.repository, batch).await
            }
            None => {
                let mut outcomes = BTreeMap::new();
                for (tag, digest) in batch {
                    self.progress.requested(&work.repository.path, &tag);
                    let outcome = work.delete(&tag, &digest).await;
                    outcomes.insert(tag, outcome);
                }
                outcomes
            }
        };
        let path = &work.repository.path;
        for (tag, outcome) in outcomes {
            let outcome = work.gone.add(&tag, digests.get(&tag), outcome);
            match outcome.is_deleted() {
                true => self.progress.deleted(path, &tag),
                false => self.progress.ended(path, &tag),
            }
            if let DeletionOutcome::Failed { error } = &outcome {
                self.is_refused |= error.status() == Some(405);
            }
            found.record(tag, outcome);
        }
    }

    /// Deletes the referrers of manifests that are gone, as far as nothing that stays leads to them.
    async fn referrers(&self, work: Work, found: &mut Found) -> Result<(), Error> {
        let stays = |tag: &Tag| !work.gone.tags.contains(tag);
        if work.gone.tags.is_empty() {
            return Ok(());
        }
        let remaining = work.judged.observed.iter().filter(|(tag, _)| stays(tag));
        let wanted = self.observer.wanted.of(&work.repository.path);
        let needed = needed(remaining.map(|(_, seen)| seen), &work.judged.untagged, wanted);
        let gone = work.attached.gone(&work.repository, &needed).await?;
        let referrers = work.attached.referrers();
        let number = Orphans::new(&referrers, &needed, gone.clone()).count_rest();
        if number == 0 {
            return Ok(());
        }
        // A tag that was pushed meanwhile may need them.
        let (result, error) = match work.is_unchanged(stays).await {
            Ok(true) => {
                let orphans = Orphans::new(&referrers, &needed, gone);
                delete_all(&work.repository, orphans, self.progress).await
            }
            Ok(false) => (DeletedReferrers { deleted: 0, left: number }, None),
            Err(error) => (DeletedReferrers { deleted: 0, left: number }, Some(error)),
        };
        found.record_referrers(result);
        error.map_or(Ok(()), Err)
    }
}

impl Work {
    async fn delete(&self, tag: &Tag, digest: &Digest) -> DeletionOutcome {
        let deleted = match self.judged.goes_alone(tag) {
            true => self.repository.delete_tag_alone(tag).await,
            false => self.repository.delete(tag, digest).await.map(Some),
        };
        match deleted {
            Ok(Some(Deleted::Absent)) => DeletionOutcome::Absent,
            Ok(Some(Deleted::Tag | Deleted::Manifest)) => DeletionOutcome::Deleted,
            Ok(None) => DeletionOutcome::SharesManifest,
            Err(error) => DeletionOutcome::Failed { error },
        }
    }

    /// Whether the repository has no new tag, and what stays is still the same: a tag that was pushed meanwhile may need
    /// what was decided to go.
    async fn is_unchanged(&self, stays: impl Fn(&Tag) -> bool) -> Result<bool, Error> {
        let Self { repository, judged, digests, gone, .. } = self;
        let tags = repository.tags().await?.unwrap_or_default();
        if tags.iter().any(|listed| !judged.decisions.contains_key(&listed.tag)) {
            return Ok(false);
        }
        let again = tags.iter().map(|listed| &listed.tag).filter(|tag| gone.tags.contains(tag));
        let stays = judged.decisions.keys().filter(|tag| stays(tag));
        let expected: Vec<(ManifestName, Option<&Digest>)> = stays
            .map(|tag| (tag, digests.get(tag)))
            .chain(again.map(|tag| (tag, None)))
            .map(|(tag, digest)| (ManifestName::Tag(tag.clone()), digest))
            .collect();
        let are_same = stream::iter(expected)
            .map(async |(name, judged)| {
                Ok::<_, Error>(repository.resolve_certainly(&name).await?.as_ref() == judged)
            })
            .buffer_unordered(AT_ONCE);
        let are_same: Vec<bool> = are_same.try_collect().await?;
        Ok(are_same.into_iter().all(|is_same| is_same))
    }
}

/// What is not in a repository any more.
#[derive(Default)]
struct Gone {
    tags: BTreeSet<Tag>,
    /// What deleted tags named; a registry may have deleted that with all its tags.
    manifests: BTreeMap<Digest, Tag>,
}

impl Gone {
    /// Adds a tag, if it is gone. Returns what became of it: one that is absent now may have been deleted with another.
    fn add(
        &mut self,
        tag: &Tag,
        digest: Option<&Digest>,
        outcome: DeletionOutcome,
    ) -> DeletionOutcome {
        let with = digest.and_then(|digest| self.manifests.get(digest));
        let outcome = match (outcome, with) {
            (DeletionOutcome::Absent, Some(other)) => {
                DeletionOutcome::DeletedWith { other: other.clone() }
            }
            (outcome, _) => outcome,
        };
        self.tags.extend(outcome.is_gone().then(|| tag.clone()));
        if let (DeletionOutcome::Deleted, Some(digest)) = (&outcome, digest) {
            self.manifests.insert(digest.clone(), tag.clone());
        }
        outcome
    }
}

/// Looks at a tag right before it is deleted. Returns what it names, if that is still what was judged.
async fn check(
    repository: &RemoteRepository,
    tag: &Tag,
    judged: Option<&Digest>,
) -> Result<Digest, DeletionOutcome> {
    let name = ManifestName::Tag(tag.clone());
    match (repository.resolve_certainly(&name).await, judged) {
        (Err(error), _) => Err(DeletionOutcome::Failed { error }),
        (Ok(None), _) => Err(DeletionOutcome::Absent),
        (Ok(Some(now)), Some(judged)) if now == *judged => Ok(now),
        (Ok(Some(_)), _) => Err(DeletionOutcome::Moved),
    }
}

async fn with_cloud(
    images: &CloudImages,
    repository: &RemoteRepository,
    batch: Batch,
) -> BTreeMap<Tag, DeletionOutcome> {
    let tags: Vec<Tag> = batch.into_keys().collect();
    if tags.is_empty() {
        return BTreeMap::new();
    }
    let failed = |error: Error| DeletionOutcome::Failed { error };
    match images.delete(&repository.path, &tags).await {
        Ok(mut failures) => {
            let outcome = |tag: Tag| {
                let outcome = failures.remove(&tag).map_or(DeletionOutcome::Deleted, failed);
                (tag, outcome)
            };
            tags.into_iter().map(outcome).collect()
        }
        Err(error) => tags.into_iter().map(|tag| (tag, failed(error.clone()))).collect(),
    }
}
