//! Deletes what was decided about, repository by repository. Right before, it is checked again that nothing else has
//! changed there meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::observe::{AT_ONCE, Found, Observer};
use super::result::DeletionOutcome;
use crate::prune::{DeletionStep, TagDecision, steps};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use oci::{Digest, Tag};
use registry::{Deleted, Error, ManifestName, RemoteRepository};

/// Deletes the tags that go.
pub(super) struct Deleter<'a> {
    pub(super) observer: &'a Observer<'a>,
    /// How many tags were deleted, for a run that is interrupted.
    pub(super) deleted: &'a AtomicUsize,
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
        let mut gone: BTreeSet<Tag> = BTreeSet::new();
        for DeletionStep { tag, after } in steps {
            if self.is_refused {
                return;
            }
            let outcome = match after.is_subset(&gone) {
                true => self.tag(&repository, &tag, &decisions[&tag], digests.get(&tag)).await,
                false => DeletionOutcome::Waiting,
            };
            if outcome.is_gone() {
                gone.insert(tag.clone());
            }
            found.record(tag, outcome);
        }
    }

    async fn tag(
        &mut self,
        repository: &RemoteRepository,
        tag: &Tag,
        decision: &TagDecision,
        judged: Option<&Digest>,
    ) -> DeletionOutcome {
        let name = ManifestName::Tag(tag.clone());
        let digest = match (repository.resolve_certainly(&name).await, judged) {
            (Err(error), _) => return DeletionOutcome::Failed { error },
            (Ok(None), _) => return DeletionOutcome::Absent,
            (Ok(Some(now)), Some(judged)) if now == *judged => now,
            (Ok(Some(_)), _) => return DeletionOutcome::Moved,
        };
        let deleted = match decision {
            TagDecision::DeleteAlone { .. } => repository.delete_tag_alone(tag).await,
            _ => repository.delete(tag, &digest).await.map(Some),
        };
        match deleted {
            Ok(Some(Deleted::Absent)) => DeletionOutcome::Absent,
            Ok(Some(Deleted::Tag | Deleted::Manifest)) => {
                self.deleted.fetch_add(1, Ordering::Relaxed);
                DeletionOutcome::Deleted
            }
            Ok(None) => DeletionOutcome::SharesManifest,
            Err(error) => {
                self.is_refused = error.status() == Some(405);
                DeletionOutcome::Failed { error }
            }
        }
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
