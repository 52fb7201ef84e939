//! The referrers of manifests that are deleted: found before each deletion, and deleted after all tags of the
//! repository, so that no tag ever lacks what it leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::observe::is_about_content;
use super::progress::DeletionProgress;
use super::result::DeletedReferrers;
use crate::prune::{ObservedTag, Orphans, Referrer, ReferrerTree, TooManyReferrers, listed_by_tag};
use oci::{Digest, Tag};
use registry::{Cause, Deleted, Error, ErrorCode, ManifestName, RemoteRepository, Side};

const TOO_MANY_HINT: &str = "delete some of them with another client, or the tag in the interface of the registry; until \
    then, it stays";

/// Whether a registry has the referrers API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum ReferrersApi {
    #[default]
    Unknown,
    Present,
    Missing,
}

/// What is attached to manifests that are to be deleted, by manifest; none has nothing. Each list has a referrer after its
/// subject.
#[derive(Default)]
pub(super) struct Attached(BTreeMap<Digest, Vec<Referrer>>);

/// What became of a referrer.
enum Fate {
    Deleted,
    /// It was not there.
    Absent,
    /// It does not name the subject for which the registry lists it, or is not understood.
    Foreign,
    /// The registry does not delete by digest.
    Refused,
}

impl ReferrersApi {
    fn found_missing(&mut self) {
        if *self == Self::Unknown {
            *self = Self::Missing;
        }
    }
}

impl Attached {
    /// Finds what is attached to a manifest that is about to be deleted.
    ///
    /// # Errors
    /// If that cannot be found out. Then the manifest has to stay.
    pub(super) async fn find(
        &mut self,
        repository: &RemoteRepository,
        subject: &Digest,
        tags: &BTreeMap<Tag, ObservedTag>,
        api: &mut ReferrersApi,
    ) -> Result<(), Error> {
        // Its manifest stays, and what is attached to it.
        if repository.manifests_outlive_tags() || self.0.contains_key(subject) {
            return Ok(());
        }
        let mut tree = ReferrerTree::of(subject);
        while let Some(next) = tree.next_subject().cloned() {
            let mut found: BTreeSet<Digest> = listed_by_tag(&next, tags).cloned().collect();
            found.extend(by_api(repository, &next, api).await?);
            tree.add(found).map_err(|why| too_many(subject, why))?;
        }
        let referrers = tree.into_referrers();
        if !referrers.is_empty() {
            self.0.insert(subject.clone(), referrers);
        }
        Ok(())
    }

    /// Those of the manifests that are certainly not there any more, unless they are needed.
    pub(super) async fn gone(
        &self,
        repository: &RemoteRepository,
        needed: &BTreeSet<Digest>,
    ) -> Result<BTreeSet<Digest>, Error> {
        let mut gone = BTreeSet::new();
        if repository.manifests_outlive_tags() {
            return Ok(gone);
        }
        for subject in self.0.keys().filter(|subject| !needed.contains(subject)) {
            let name = ManifestName::Digest(subject.clone());
            if repository.resolve_certainly(&name).await?.is_none() {
                gone.insert(subject.clone());
            }
        }
        Ok(gone)
    }

    /// All of them.
    pub(super) fn referrers(&self) -> Vec<Referrer> {
        self.0.values().flatten().cloned().collect()
    }
}

/// Deletes referrers. Returns also the first error. It leaves what is attached to the referrer, and does not stop the
/// deletion of the others.
pub(super) async fn delete_all(
    repository: &RemoteRepository,
    mut orphans: Orphans<'_>,
    progress: &DeletionProgress,
) -> (DeletedReferrers, Option<Error>) {
    let (mut result, mut first) = (DeletedReferrers::default(), None);
    let (mut left, mut is_refused) = (BTreeSet::new(), false);
    while let Some(referrer) = orphans.next() {
        let deleted = match is_refused || left.contains(&referrer.subject) {
            true => None,
            false => Some(delete(repository, referrer, progress).await),
        };
        match deleted {
            Some(Ok(Fate::Deleted)) => result.deleted += 1,
            Some(Ok(Fate::Absent)) => {}
            Some(Ok(Fate::Foreign)) => continue,
            not_deleted => {
                left.insert(&referrer.digest);
                is_refused |= matches!(not_deleted, Some(Ok(Fate::Refused)));
                if let Some(Err(error)) = not_deleted {
                    first.get_or_insert(error);
                }
            }
        }
        orphans.descend(&referrer.digest);
    }
    result.left = left.len();
    (result, first)
}

/// The list of referrers is protected by no digest, so the manifest itself has to name its subject.
async fn delete(
    repository: &RemoteRepository,
    Referrer { subject, digest }: &Referrer,
    progress: &DeletionProgress,
) -> Result<Fate, Error> {
    let name = ManifestName::Digest(digest.clone());
    let manifest = match repository.manifest_if_certain(&name).await {
        Ok(Some(manifest)) => manifest,
        Ok(None) => return Ok(Fate::Absent),
        Err(error) if is_about_content(&error) => return Ok(Fate::Foreign),
        Err(error) => return Err(error),
    };
    if manifest.subject.is_none_or(|it| it.digest != *subject) {
        return Ok(Fate::Foreign);
    }
    progress.referrer_requested(&repository.path, digest);
    let deleted = repository.delete_untagged(digest).await;
    match deleted {
        Ok(Some(Deleted::Manifest | Deleted::Tag)) => {
            progress.referrer_deleted(&repository.path, digest);
        }
        _ => progress.referrer_ended(&repository.path, digest),
    }
    Ok(match deleted? {
        Some(Deleted::Manifest | Deleted::Tag) => Fate::Deleted,
        Some(Deleted::Absent) => Fate::Absent,
        None => Fate::Refused,
    })
}

/// The referrers that the API lists; none if there is no API.
async fn by_api(
    repository: &RemoteRepository,
    subject: &Digest,
    api: &mut ReferrersApi,
) -> Result<Vec<Digest>, Error> {
    if *api == ReferrersApi::Missing {
        return Ok(Vec::new());
    }
    match repository.referrers(subject).await {
        Ok(Some(found)) => {
            *api = ReferrersApi::Present;
            Ok(found.into_iter().map(|entry| entry.digest).collect())
        }
        // It may answer 404 about a manifest that it does not have.
        Ok(None) => {
            api.found_missing();
            Ok(Vec::new())
        }
        // Firewalls refuse paths that they do not know.
        Err(error)
            if *api == ReferrersApi::Unknown
                && (matches!(error.status(), Some(403 | 501))
                    || error.has_code(&ErrorCode::Unsupported)) =>
        {
            api.found_missing();
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

fn too_many(subject: &Digest, why: TooManyReferrers) -> Error {
    let operation = format!("list referrers of {}", subject.short());
    let cause = Cause::Unsupported(why.to_string());
    Error::new(Side::Destination, operation, cause).with_hint(TOO_MANY_HINT)
}
