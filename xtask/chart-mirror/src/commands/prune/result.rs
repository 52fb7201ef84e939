//! What `prune` found, and what it did.

use serde::Serialize;

use crate::prune::TagDecision;
use oci::{Digest, Registry, RepositoryPath, Tag};
use registry::Error;

/// The tags of a destination.
pub struct PruneReport {
    pub destination: String,
    pub mode: PruneMode,
    /// Those that the destination declares as owned, in order.
    pub repositories: Vec<PrunedRepository>,
    pub catalog: Catalog,
    pub images: MissingImages,
    pub requests: u64,
    pub seconds: f64,
    /// Registries whose certificates were not verified.
    pub insecure: Vec<Registry>,
}

/// Whether tags are deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PruneMode {
    #[default]
    Show,
    Apply,
}

/// A repository of the destination.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PrunedRepository {
    /// Its path at the registry.
    pub repository: RepositoryPath,
    /// All its tags, in order.
    pub tags: Vec<JudgedTag>,
    /// What became of the referrers of manifests that were deleted. Null if no manifest with referrers was deleted.
    pub referrers: Option<DeletedReferrers>,
    /// Why nothing was decided about it, or tags or referrers were not deleted.
    pub error: Option<Error>,
}

/// Referrers of manifests that were deleted, as far as nothing that stays needs them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DeletedReferrers {
    pub deleted: usize,
    /// Those that are still there: the repository has changed meanwhile, or the registry refused.
    pub left: usize,
}

/// A tag, and what happens to it.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct JudgedTag {
    pub tag: Tag,
    /// Null if the name of the tag decided, or there is no manifest.
    pub digest: Option<Digest>,
    #[serde(flatten)]
    pub decision: TagDecision,
    /// What became of a tag that goes. Null unless tags were to be deleted.
    pub outcome: Option<DeletionOutcome>,
}

/// What became of a tag that goes.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum DeletionOutcome {
    Deleted,
    /// It went with the manifest that it had in common with another tag, which was deleted before.
    DeletedWith {
        other: Tag,
    },
    /// It was gone already.
    Absent,
    /// It names another manifest now, and stays.
    Moved,
    /// Something else in the repository has changed, so it stays.
    Changed,
    /// What it belongs to is still there.
    Waiting,
    /// It has one manifest with a tag that stays, and the registry does not delete a tag alone.
    SharesManifest,
    /// An error came before.
    NotTried,
    Failed {
        error: Error,
    },
}

/// Whether the catalog of the registry shows repositories that no list has any more.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Catalog {
    Read,
    /// The registry has none, or does not show it to this account.
    Unavailable,
    Failed {
        error: Error,
    },
}

/// How many of the listed images the destination lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MissingImages {
    pub listed: usize,
    pub missing: usize,
}

/// The numbers of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct PruneTotals {
    pub repositories: usize,
    pub tags: usize,
    /// Tags that stay.
    pub kept: usize,
    /// Tags that go.
    pub to_delete: usize,
    /// Those of them that were deleted.
    pub deleted: usize,
    /// Those of them that should have been deleted and are still there.
    pub left: usize,
    /// Referrers that were deleted with their subjects.
    pub referrers: usize,
    /// Repositories with an error.
    pub failed: usize,
}

impl PruneReport {
    pub fn totals(&self) -> PruneTotals {
        let tags = || self.repositories.iter().flat_map(|it| &it.tags);
        PruneTotals {
            repositories: self.repositories.len(),
            tags: tags().count(),
            kept: tags().filter(|tag| !tag.goes()).count(),
            to_delete: tags().filter(|tag| tag.goes()).count(),
            deleted: tags()
                .filter(|tag| tag.outcome.as_ref().is_some_and(DeletionOutcome::is_deleted))
                .count(),
            left: tags()
                .filter_map(|tag| tag.outcome.as_ref())
                .filter(|it| it.is_failure())
                .count(),
            referrers: self
                .repositories
                .iter()
                .filter_map(|it| it.referrers)
                .map(|it| it.deleted)
                .sum(),
            failed: self.repositories.iter().filter(|it| it.error.is_some()).count(),
        }
    }

    /// Whether there are repositories, and none of them could be read.
    pub fn is_unread(&self) -> bool {
        let is_unread = |it: &PrunedRepository| it.error.is_some() && it.tags.is_empty();
        !self.repositories.is_empty() && self.repositories.iter().all(is_unread)
    }

    /// Whether something could not be found out, or not be deleted.
    pub fn has_failed(&self) -> bool {
        let PruneTotals { failed, left, .. } = self.totals();
        failed + left > 0
    }
}

impl DeletionOutcome {
    /// Whether the tag is not there any more.
    pub fn is_gone(&self) -> bool {
        self.is_deleted() || matches!(self, Self::Absent)
    }

    /// Whether this run has deleted it.
    pub fn is_deleted(&self) -> bool {
        matches!(self, Self::Deleted | Self::DeletedWith { .. })
    }

    /// Whether another run should delete it.
    fn is_failure(&self) -> bool {
        matches!(self, Self::Changed | Self::Waiting | Self::NotTried | Self::Failed { .. })
    }
}

impl JudgedTag {
    pub fn goes(&self) -> bool {
        !matches!(self.decision, TagDecision::Keep(_))
    }
}

impl MissingImages {
    /// Whether this can hardly be the destination of the lists.
    pub fn are_suspicious(self) -> bool {
        self.listed == 0 || self.missing * 2 > self.listed
    }
}
