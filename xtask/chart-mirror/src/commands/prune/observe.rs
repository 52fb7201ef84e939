//! Observes a repository: its tags, and as far as a tag may go, the manifests behind all of them. A list of tags
//! that is not complete, or a manifest that cannot be read, makes the whole repository one that is not judged.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::result::{DeletedReferrers, DeletionOutcome, JudgedTag, PruneMode, PrunedRepository};
use crate::ecr::CloudImages;
use crate::list::{Destination, PruneRules};
use crate::prune::{
    ByName, Method, Observed, ObservedTag, TagDecision, Wanted, WantedContent, by_name, decide,
};
use messages::Advice;
use oci::{Descriptor, Digest, Manifest, Repository, RepositoryPath, Tag, limits};
use registry::known::kind::Deletion;
use registry::{Cause, Error, ListedTag, ManifestName, Registries, RemoteRepository, Side};

/// Requests at a time for one repository.
pub(super) const AT_ONCE: usize = 16;

/// What is needed to observe and judge repositories.
pub(super) struct Observer<'a> {
    pub(super) registries: &'a Registries,
    /// Where the registry does not report when tags were pushed, and something else does.
    pub(super) images: Option<&'a CloudImages>,
    pub(super) destination: &'a Destination,
    pub(super) wanted: &'a Wanted,
    pub(super) rules: &'a PruneRules,
    /// In seconds since 1970.
    pub(super) now: u64,
}

/// What was found in a repository.
pub(super) struct Found {
    pub(super) path: RepositoryPath,
    judged: Result<Judged, Problem>,
    /// Why its tags, or referrers, were not deleted.
    error: Option<Error>,
    outcomes: BTreeMap<Tag, DeletionOutcome>,
    referrers: Option<DeletedReferrers>,
}

/// A repository that was read to its end.
#[derive(Clone, Default)]
pub(super) struct Judged {
    pub(super) decisions: BTreeMap<Tag, TagDecision>,
    /// What the tags name, unless their names decided.
    pub(super) observed: BTreeMap<Tag, ObservedTag>,
    /// Manifests without a tag that lists have, each with all manifests below it.
    pub(super) untagged: BTreeMap<Digest, BTreeSet<Digest>>,
}

impl Judged {
    /// Whether a tag is deleted only if its manifest stays.
    pub(super) fn goes_alone(&self, tag: &Tag) -> bool {
        matches!(self.decisions[tag], TagDecision::DeleteAlone { .. })
    }

    pub(super) fn digests(&self) -> BTreeMap<Tag, Digest> {
        let digests = self.observed.iter();
        digests.filter_map(|(tag, seen)| Some((tag.clone(), seen.digest.clone()?))).collect()
    }
}

/// Why a repository was not judged.
enum Problem {
    NoPushTimes,
    Failed(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Found {
    pub(super) fn lacks_push_times(&self) -> bool {
        matches!(self.judged, Err(Problem::NoPushTimes))
    }

    /// Whether a repository that was read has a tag.
    pub(super) fn has(&self, tag: &Tag) -> bool {
        self.judged.as_ref().is_ok_and(|judged| judged.decisions.contains_key(tag))
    }

    /// Why it could not be read.
    pub(super) fn unread(&self) -> Option<&Error> {
        match &self.judged {
            Err(Problem::Failed(error)) => Some(error),
            Err(Problem::NoPushTimes) | Ok(_) => None,
        }
    }

    pub(super) fn judged(&self) -> Option<&Judged> {
        self.judged.as_ref().ok()
    }

    /// Records what became of a tag that goes.
    pub(super) fn record(&mut self, tag: Tag, outcome: DeletionOutcome) {
        self.outcomes.insert(tag, outcome);
    }

    /// Records the same for all of them.
    pub(super) fn record_all(&mut self, outcome: &DeletionOutcome) {
        let Ok(judged) = &self.judged else { return };
        let goes = judged.decisions.iter().filter(|(_, it)| !matches!(it, TagDecision::Keep(_)));
        self.outcomes = goes.map(|(tag, _)| (tag.clone(), outcome.clone())).collect();
    }

    /// Records what became of the referrers of what was deleted.
    pub(super) fn record_referrers(&mut self, referrers: DeletedReferrers) {
        self.referrers = Some(referrers);
    }

    /// Something was not deleted, for this reason.
    pub(super) fn fail(&mut self, error: Error) {
        self.error = Some(error);
    }

    pub(super) fn into_report(self, mode: PruneMode) -> PrunedRepository {
        let Self { path: repository, judged, error, mut outcomes, referrers } = self;
        let (tags, error) = match judged {
            Ok(Judged { decisions, mut observed, .. }) => {
                let judged = decisions.into_iter().map(|(tag, decision)| {
                    let digest = observed.remove(&tag).and_then(|seen| seen.digest);
                    let outcome = outcomes.remove(&tag);
                    let mut judged = JudgedTag { tag, digest, decision, outcome };
                    if mode == PruneMode::Apply && judged.goes() {
                        judged.outcome.get_or_insert(DeletionOutcome::NotTried);
                    }
                    judged
                });
                (judged.collect(), error)
            }
            Err(Problem::Failed(error)) => (Vec::new(), Some(error)),
            // The run ends before.
            Err(Problem::NoPushTimes) => (Vec::new(), None),
        };
        PrunedRepository { repository, tags, referrers, error }
    }
}

impl Observer<'_> {
    /// Observes a repository, and decides about its tags.
    pub(super) async fn repository(&self, path: RepositoryPath) -> Found {
        let judged = self.judge(&path).await;
        Found { path, judged, error: None, outcomes: BTreeMap::new(), referrers: None }
    }

    async fn judge(&self, path: &RepositoryPath) -> Result<Judged, Problem> {
        let repository = self.open(path)?;
        let wanted = self.wanted.of(path);
        let Some(mut tags) = repository.tags().await? else { return Ok(Judged::default()) };
        if let Some(images) = self.images.filter(|_| self.rules.minimum_age.is_some()) {
            let times = images.push_times(path).await?;
            tags.iter_mut().for_each(|listed| listed.pushed = times.get(&listed.tag).copied());
        }
        check_complete(&repository, &tags, wanted).await?;
        let names = by_name(&tags, wanted, self.rules, self.now);
        let names = names.map_err(|_| Problem::NoPushTimes)?;
        let is_kept = |(tag, by_name): (&Tag, &ByName)| match by_name {
            ByName::Keep(reason) => Some((tag.clone(), TagDecision::Keep(reason.clone()))),
            ByName::Candidate | ByName::Attachment => None,
        };
        if let Some(decisions) = names.iter().map(is_kept).collect() {
            return Ok(Judged { decisions, ..Judged::default() });
        }
        let observed = observe(&repository, &names, wanted).await?;
        let method = match repository.host.capabilities.deletion() {
            Some(Deletion::Tags | Deletion::CloudCli) => Method::Tags,
            Some(Deletion::Digests) => Method::Manifests,
            Some(Deletion::Nothing) | None => Method::Unknown,
        };
        let decisions = decide(&names, &observed, wanted, method);
        Ok(Judged { decisions, observed: observed.tags, untagged: observed.untagged })
    }

    pub(super) fn open(&self, path: &RepositoryPath) -> Result<RemoteRepository, Error> {
        let registry = self.destination.address.registry.clone();
        let repository = Repository::new(registry, path.clone());
        self.registries.repository(&repository, Side::Destination).map_err(|advice| {
            Error::new(Side::Destination, "list tags", Cause::Protocol(advice.to_string()))
        })
    }
}

/// Refuses a list of tags that lacks a tag which is there: another one that it lacks could not be protected.
async fn check_complete(
    repository: &RemoteRepository,
    tags: &[ListedTag],
    wanted: Option<&WantedContent>,
) -> Result<(), Error> {
    let listed: BTreeSet<&Tag> = tags.iter().map(|listed| &listed.tag).collect();
    let unlisted = wanted.into_iter().flat_map(|wanted| wanted.tags.keys());
    let unlisted = unlisted.filter(|tag| !listed.contains(tag)).cloned();
    stream::iter(unlisted.map(Ok))
        .try_for_each_concurrent(AT_ONCE, async |tag| {
            let name = ManifestName::Tag(tag);
            match repository.resolve_certainly(&name).await? {
                None => Ok(()),
                Some(_) => {
                    Err(incomplete(repository, &name, "is there, but not in the list of tags"))
                }
            }
        })
        .await
}

/// Reads the manifests of all tags, and those below them.
async fn observe(
    repository: &RemoteRepository,
    names: &BTreeMap<Tag, ByName>,
    wanted: Option<&WantedContent>,
) -> Result<Observed, Error> {
    let tags = stream::iter(names.iter())
        .map(async |(tag, by_name)| Ok((tag.clone(), observe_tag(repository, tag, by_name).await?)))
        .buffer_unordered(AT_ONCE);
    let mut observed = Observed { tags: tags.try_collect().await?, ..Observed::default() };
    let digests = wanted.into_iter().flat_map(|wanted| &wanted.digests);
    let tagged: BTreeSet<&Digest> =
        observed.tags.values().filter_map(|seen| seen.digest.as_ref()).collect();
    let untagged: Vec<Digest> =
        digests.filter(|digest| !tagged.contains(digest)).cloned().collect();
    for digest in untagged {
        let name = ManifestName::Digest(digest.clone());
        if let Some(manifest) = repository.manifest_if_certain(&name).await? {
            observed.untagged.insert(digest, below(repository, manifest).await?);
        }
    }
    let open = observed.open_subjects();
    let present = stream::iter(open)
        .map(async |subject| {
            let found =
                repository.resolve_certainly(&ManifestName::Digest(subject.clone())).await?;
            Ok::<_, Error>(found.map(|_| subject))
        })
        .buffer_unordered(AT_ONCE);
    let present: Vec<Option<Digest>> = present.try_collect().await?;
    observed.subjects = present.into_iter().flatten().collect();
    Ok(observed)
}

async fn observe_tag(
    repository: &RemoteRepository,
    tag: &Tag,
    by_name: &ByName,
) -> Result<ObservedTag, Error> {
    let name = ManifestName::Tag(tag.clone());
    let seen = async {
        let Some(manifest) = repository.manifest_if_certain(&name).await? else { return Ok(None) };
        let digest = Some(manifest.digest.clone());
        let subject = manifest.subject.as_ref().map(|subject| subject.digest.clone());
        Ok(Some(ObservedTag { digest, below: below(repository, manifest).await?, subject }))
    };
    match seen.await {
        Ok(Some(seen)) => Ok(seen),
        Ok(None) if matches!(by_name, ByName::Keep(_)) => {
            Err(incomplete(repository, &name, "is in the list of tags, but has no manifest"))
        }
        Ok(None) => Ok(ObservedTag::default()),
        // What is not a manifest can go; what may be needed has to be understood.
        Err(error) if *by_name == ByName::Candidate && is_about_content(&error) => {
            let digest = repository.resolve_certainly(&name).await?;
            Ok(ObservedTag { digest, ..ObservedTag::default() })
        }
        Err(error) => Err(error),
    }
}

pub(super) fn is_about_content(error: &Error) -> bool {
    matches!(error.cause, Cause::Unsupported(_) | Cause::Protocol(_))
}

/// The manifests below an index. What is missing has nothing below it.
async fn below(
    repository: &RemoteRepository,
    manifest: Manifest,
) -> Result<BTreeSet<Digest>, Error> {
    let mut found = BTreeSet::new();
    let mut pending = vec![manifest];
    while let Some(manifest) = pending.pop() {
        for child in &manifest.manifests {
            if !found.insert(child.digest.clone()) || !may_be_index(child) {
                continue;
            }
            limits::check_count(found.len()).map_err(|why| {
                let operation = format!("get what manifest {} lists", manifest.digest.short());
                Error::new(Side::Destination, operation, Cause::Unsupported(why.to_string()))
            })?;
            let name = ManifestName::Digest(child.digest.clone());
            pending.extend(repository.manifest_if_certain(&name).await?);
        }
    }
    Ok(found)
}

/// Whether there may be manifests below a descriptor.
fn may_be_index(child: &Descriptor) -> bool {
    let kind = child.media_type.as_str();
    !kind.contains("manifest.v1+json") && !kind.contains("manifest.v2+json")
}

fn incomplete(repository: &RemoteRepository, name: &ManifestName, why: &str) -> Error {
    let advice = Advice::new(format!("{name} {why}"));
    let hint = "someone may be changing the repository: run the command again later; until then, nothing of it is \
                deleted";
    repository.mismatch(name, "tags-incomplete", advice.with_hint(hint))
}
