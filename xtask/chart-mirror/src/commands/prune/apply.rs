//! Deletes what was decided about, repository by repository. Right before, it is checked again that nothing else has
//! changed there meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use super::observe::{AT_ONCE, Found, Observer};
use super::progress::DeletionProgress;
use super::result::DeletionOutcome;
use crate::ecr::{CloudImages, MOST_DELETED};
use crate::prune::{DeletionStep, TagDecision, steps};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use oci::{Digest, Tag};
use registry::{Deleted, Error, ManifestName, RemoteRepository};

/// Tags that are deleted together, with what they name.
type Batch = BTreeMap<Tag, Digest>;

/// Deletes the tags that go.
pub(super) struct Deleter<'a> {
    pub(super) observer: &'a Observer<'a>,
    /// Deletes instead of the registry.
    pub(super) images: Option<&'a CloudImages>,
    /// What was deleted, for a run that is interrupted.
    pub(super) progress: &'a DeletionProgress,
    /// Whether the registry turned out to delete nothing.
    pub(super) is_refused: bool,
}

impl Deleter<'_> {
    /// Deletes in one repository, and records what became of each tag.
    pub(super) async fn repository(&mut self, found: &mut Found) {
        let Some(judged) = found.judged() else { return };
        let steps = steps(&judged.decisions, &judged.observed);
        if steps.is_empty() || self.is_refused {
            return;
        }
        let decisions = judged.decisions.clone();
        let digests = judged.digests();
        let repository = match self.observer.open(&found.path) {
            Ok(repository) => repository,
            Err(error) => return found.fail(error),
        };
        match is_unchanged(&repository, &decisions, &digests).await {
            Ok(true) => {}
            Ok(false) => return found.record_all(&DeletionOutcome::Changed),
            Err(error) => return found.fail(error),
        }
        let most = self.images.map_or(1, |_| MOST_DELETED);
        let (mut gone, mut batch) = (Gone::default(), Batch::new());
        for DeletionStep { tag, after } in steps {
            if batch.len() == most || after.iter().any(|before| batch.contains_key(before)) {
                self.delete(&repository, &decisions, &mut batch, &mut gone, found).await;
            }
            if self.is_refused {
                return;
            }
            let checked = match after.is_subset(&gone.tags) {
                true => check(&repository, &tag, digests.get(&tag)).await,
                false => Err(DeletionOutcome::Waiting),
            };
            match checked {
                Ok(digest) => drop(batch.insert(tag, digest)),
                Err(outcome) => {
                    let outcome = gone.add(&tag, digests.get(&tag), outcome);
                    if outcome.is_deleted() {
                        self.progress.deleted(&repository.path, &tag);
                    }
                    found.record(tag, outcome);
                }
            }
        }
        self.delete(&repository, &decisions, &mut batch, &mut gone, found).await;
    }

    /// Deletes a batch, and empties it.
    async fn delete(
        &mut self,
        repository: &RemoteRepository,
        decisions: &BTreeMap<Tag, TagDecision>,
        batch: &mut Batch,
        gone: &mut Gone,
        found: &mut Found,
    ) {
        let batch = std::mem::take(batch);
        let digests = batch.clone();
        let outcomes = match self.images {
            Some(images) => {
                batch.keys().for_each(|tag| self.progress.requested(&repository.path, tag));
                with_cloud(images, repository, batch).await
            }
            None => {
                let mut outcomes = BTreeMap::new();
                for (tag, digest) in batch {
                    self.progress.requested(&repository.path, &tag);
                    let outcome = delete(repository, &tag, &digest, &decisions[&tag]).await;
                    outcomes.insert(tag, outcome);
                }
                outcomes
            }
        };
        for (tag, outcome) in outcomes {
            let outcome = gone.add(&tag, digests.get(&tag), outcome);
            match outcome.is_deleted() {
                true => self.progress.deleted(&repository.path, &tag),
                false => self.progress.ended(&repository.path, &tag),
            }
            if let DeletionOutcome::Failed { error } = &outcome {
                self.is_refused |= error.status() == Some(405);
            }
            found.record(tag, outcome);
        }
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

async fn delete(
    repository: &RemoteRepository,
    tag: &Tag,
    digest: &Digest,
    decision: &TagDecision,
) -> DeletionOutcome {
    let deleted = match decision {
        TagDecision::DeleteAlone { .. } => repository.delete_tag_alone(tag).await,
        _ => repository.delete(tag, digest).await.map(Some),
    };
    match deleted {
        Ok(Some(Deleted::Absent)) => DeletionOutcome::Absent,
        Ok(Some(Deleted::Tag | Deleted::Manifest)) => DeletionOutcome::Deleted,
        Ok(None) => DeletionOutcome::SharesManifest,
        Err(error) => DeletionOutcome::Failed { error },
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

/// Whether the repository has no new tag, and what stays is still the same: a tag that was pushed meanwhile may need
/// what was decided to go.
async fn is_unchanged(
    repository: &RemoteRepository,
    decisions: &BTreeMap<Tag, TagDecision>,
    digests: &BTreeMap<Tag, Digest>,
) -> Result<bool, Error> {
    let tags = repository.tags().await?.unwrap_or_default();
    if tags.iter().any(|listed| !decisions.contains_key(&listed.tag)) {
        return Ok(false);
    }
    let stays = decisions.iter().filter(|(_, decision)| matches!(decision, TagDecision::Keep(_)));
    let stays: Vec<(ManifestName, Option<&Digest>)> =
        stays.map(|(tag, _)| (ManifestName::Tag(tag.clone()), digests.get(tag))).collect();
    let are_same = stream::iter(stays)
        .map(async |(name, judged)| {
            Ok::<_, Error>(repository.resolve_certainly(&name).await?.as_ref() == judged)
        })
        .buffer_unordered(AT_ONCE);
    let are_same: Vec<bool> = are_same.try_collect().await?;
    Ok(are_same.into_iter().all(|is_same| is_same))
}
