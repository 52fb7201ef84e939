//! How a registry behaves.

use std::time::Duration;

use registry::known::kind::{Deletion, Mounts, Profile};

use crate::Authentication;

/// The limit of a PATCH that carries a whole blob. Registries limit pieces; no such limit is known
/// for a stream.
const LARGEST_STREAM: u64 = 1 << 30;

/// How the registry behaves. By default it follows the specification and refuses nothing.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    pub authentication: Authentication,
    /// Whether a blob can be mounted from another repository.
    pub mounts: bool,
    /// As in ECR: a blob can be mounted only once a manifest of its repository references it.
    pub mount_needs_manifest: bool,
    pub referrers_api: bool,
    /// Whether responses carry `Docker-Content-Digest`.
    pub digest_header: bool,
    /// The largest body of an upload's PUT or POST, in bytes; a larger one gets 413.
    pub largest_put: Option<u64>,
    /// The largest body of an upload's PATCH, in bytes.
    pub largest_patch: Option<u64>,
    /// The status for a PATCH that is too large: 413, or 416 as if the range were wrong.
    pub refusal_of_patch: u16,
    /// The smallest body of a PATCH that is not the last; announced as `OCI-Chunk-Min-Length`.
    pub smallest_patch: Option<u64>,
    /// Whether uploads accept PATCH.
    pub chunked_uploads: bool,
    /// Whether an existing tag refuses another digest.
    pub immutable_tags: bool,
    /// What a DELETE of a manifest removes.
    pub deletes: Deletes,
    /// Whether `_catalog` lists the repositories.
    pub catalog: bool,
    /// The most tags or repositories in one page of a list, unless the client asks for fewer.
    pub longest_page: Option<usize>,
    /// Whether the first push creates the repository; otherwise [`crate::Store::create_repository`].
    pub create_repositories: bool,
    /// The most components that a repository's path may have.
    pub deepest_path: Option<usize>,
    /// The form of an upload's `Location`.
    pub location: LocationStyle,
    /// How long each request waits before it is processed.
    pub latency: Duration,
}

/// What a DELETE of a manifest removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletes {
    /// By a tag, the tag; by a digest, the manifest with all its tags.
    TagsAndDigests,
    /// By a tag, its manifest with all its tags; by a digest the same.
    ManifestsOfTags,
    /// By a digest only; 405 for a tag.
    Digests,
    /// Nothing: 405.
    Nothing,
}

/// The form of an upload's `Location`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocationStyle {
    /// `/v2/...`
    Relative,
    /// `http://host/v2/...`
    Absolute,
    /// Absolute, with a query that must come back unchanged.
    WithState,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            authentication: Authentication::None,
            mounts: true,
            mount_needs_manifest: false,
            referrers_api: true,
            digest_header: true,
            largest_put: None,
            largest_patch: None,
            refusal_of_patch: 413,
            smallest_patch: None,
            chunked_uploads: true,
            immutable_tags: false,
            deletes: Deletes::TagsAndDigests,
            catalog: true,
            longest_page: None,
            create_repositories: true,
            deepest_path: None,
            location: LocationStyle::Absolute,
            latency: Duration::ZERO,
        }
    }
}

impl RegistryOptions {
    /// Imitates a registry with this profile: it refuses the same requests, and no others.
    pub fn imitating(profile: &Profile) -> Self {
        Self {
            mounts: profile.mounts != Some(Mounts::No),
            mount_needs_manifest: profile.mounts == Some(Mounts::AfterManifest),
            largest_put: profile.largest_request,
            largest_patch: profile.pieces.map(|pieces| pieces.largest.max(LARGEST_STREAM)),
            smallest_patch: profile.pieces.map(|pieces| pieces.smallest),
            chunked_uploads: profile.pieces.is_some(),
            deletes: match profile.deletion {
                None | Some(Deletion::Tags) => Deletes::TagsAndDigests,
                Some(Deletion::Digests) => Deletes::Digests,
                Some(Deletion::CloudCli | Deletion::Nothing) => Deletes::Nothing,
            },
            create_repositories: profile.creates_repositories,
            deepest_path: profile.max_path_depth,
            ..Self::default()
        }
    }
}
