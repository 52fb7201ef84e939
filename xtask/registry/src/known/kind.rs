//! `RegistryKind` and `Mounts`: what images.toml may call a registry, and its ways with blobs.

/// The kinds of registries that are told apart. What each can do is the engine's to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegistryKind {
    DockerRegistry,
    Ecr,
    EcrPublic,
    Acr,
    Gar,
    Ghcr,
    Quay,
    DockerHub,
    Harbor,
    Artifactory,
    Nexus,
}

/// Whether a blob can be mounted from another repository of its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounts {
    Yes,
    No,
    /// Only once a manifest of that repository refers to it.
    AfterManifest,
}

impl RegistryKind {
    pub const ALL: [Self; 11] = [
        Self::DockerRegistry,
        Self::Ecr,
        Self::EcrPublic,
        Self::Acr,
        Self::Gar,
        Self::Ghcr,
        Self::Quay,
        Self::DockerHub,
        Self::Harbor,
        Self::Artifactory,
        Self::Nexus,
    ];

    /// As `kind` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::DockerRegistry => "docker-registry",
            Self::Ecr => "ecr",
            Self::EcrPublic => "ecr-public",
            Self::Acr => "acr",
            Self::Gar => "gar",
            Self::Ghcr => "ghcr",
            Self::Quay => "quay",
            Self::DockerHub => "docker-hub",
            Self::Harbor => "harbor",
            Self::Artifactory => "artifactory",
            Self::Nexus => "nexus",
        }
    }
}

impl Mounts {
    pub const ALL: [Self; 3] = [Self::Yes, Self::No, Self::AfterManifest];

    /// As `mounts` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::AfterManifest => "after-manifest",
        }
    }
}
