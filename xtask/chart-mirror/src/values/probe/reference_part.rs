//! `ReferencePart`: which part of an image reference a value contains.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferencePart {
    Registry,
    /// The repository's path, or a part of it.
    Repository,
    /// Registry and path in one: `quay.io/stackstate/minio`.
    RegistryAndRepository,
    /// The whole reference: `quay.io/stackstate/minio:1`.
    Reference,
    Tag,
    Digest,
}

impl ReferencePart {
    /// Whether a value with this part can move an image to another registry.
    pub(super) fn moves_image(self) -> bool {
        matches!(self, Self::Registry | Self::RegistryAndRepository | Self::Reference)
    }

    /// The template of such a value in images.toml.
    pub(super) fn template(self) -> &'static str {
        match self {
            Self::Registry => "{registry}",
            Self::Repository => "{repository}",
            Self::RegistryAndRepository => "{registry}/{repository}",
            Self::Reference => "{registry}/{repository}:{tag}",
            Self::Tag => "{tag}",
            Self::Digest => "{digest}",
        }
    }
}
