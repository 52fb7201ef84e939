//! The decisions about a tag: by its name alone, and then by everything.

use oci::Tag;

/// What the name of a tag decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByName {
    Keep(KeepReason),
    /// It goes, unless its manifest is needed.
    Candidate,
    /// It stays and goes with the manifest that it belongs to.
    Attachment,
}

/// What happens to a tag.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum TagDecision {
    Keep(KeepReason),
    Delete(DeleteReason),
    /// It goes if the registry deletes a tag alone: `other` has the same manifest and stays.
    DeleteAlone {
        other: Tag,
    },
}

/// Why a tag stays.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum KeepReason {
    /// A list has it.
    Wanted { list: String },
    /// It names a manifest that a list has, and no tag that stays does.
    WantedDigest,
    /// A glob of `keep` matches it.
    Pattern { glob: String },
    /// It is one of the newest, as `keep-last` counts.
    Newest,
    /// It was pushed more recently than `minimum-age`.
    Young,
    /// Its manifest is part of an index that stays, by its tag or digest.
    PartOf { index: String },
    /// It has one manifest with a tag that stays, and the registry deletes manifests only.
    SharesManifest { other: Tag },
    /// It belongs to a manifest that stays.
    OfSubject,
    /// It belongs to a manifest that no tag names.
    OfUntaggedSubject,
    /// The registry lists it and has no manifest for it.
    NoManifest,
    /// It is not known what lists have in this repository.
    Unclear { why: String },
}

/// Why a tag goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum DeleteReason {
    /// No list has it.
    Unlisted,
    /// It belongs to the manifest of tags that go.
    OfSubject { tags: Vec<Tag> },
    /// It belongs to a manifest that does not exist.
    NoSubject,
}
