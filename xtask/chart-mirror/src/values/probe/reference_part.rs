//! `ReferencePart`: which part of an image reference a value contains, in the words of reports.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferencePart {
    Registry,
    /// The repository's path, or a part of it.
    Repository,
    /// Registry and path in one: `quay.io/stackstate/minio`.
    RegistryAndRepository,
    /// The registry and the start of the path: `quay.io/stackstate`.
    RegistryAndStart,
    /// The whole reference: `quay.io/stackstate/minio:1`.
    Reference,
    Tag,
    Digest,
    /// A part of the registry: `us-docker` in `us-docker.pkg.dev`.
    PartOfHost,
}
