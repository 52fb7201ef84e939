//! The kinds of registries: one row each, with its name in images.toml and how its profile differs from
//! others; and the table of all kinds in the docs. Only observed behaviour is listed; anything else is
//! learned from the registry's responses. `recognise` finds the kind of a host.

const MIB: u64 = 1 << 20;

/// What is known about a registry before the first request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub kind: RegistryKind,
    /// Host names of this kind. Registries of clouds have more forms than the one listed here; see
    /// [`crate::known::cloud`].
    pub hosts: &'static [&'static str],
    /// `None`: found out by trying.
    pub mounts: Option<Mounts>,
    /// A blob with more bytes is not sent in one PUT.
    pub largest_request: Option<u64>,
    /// `None`: a blob is sent in one PUT or not at all.
    pub pieces: Option<Pieces>,
    /// Whether the first push creates the repository.
    pub creates_repositories: bool,
    /// The largest number of components in the path of a repository.
    pub max_path_depth: Option<usize>,
    /// `None`: found out by trying.
    pub deletion: Option<Deletion>,
}

/// What a registry deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// A tag, by its name.
    Tags,
    /// A manifest with all its tags, by its digest.
    Digests,
    /// Tags, through the CLI of the cloud.
    CloudCli,
    /// Nothing, through the API of registries.
    Nothing,
}

/// How many bytes the pieces of a blob may have, except for the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pieces {
    pub smallest: u64,
    pub largest: u64,
}

/// Whether a blob can be mounted from another repository of its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounts {
    Yes,
    No,
    /// Only after a manifest of that repository refers to it.
    AfterManifest,
}

/// A registry about which nothing is known.
pub(super) const ANY: Profile = Profile {
    kind: RegistryKind::DockerRegistry,
    hosts: &[],
    mounts: None,
    largest_request: None,
    pieces: Some(Pieces { smallest: MIB, largest: 16 * MIB }),
    creates_repositories: true,
    max_path_depth: None,
    deletion: None,
};

/// Defines `RegistryKind` from rows of a kind, its name in images.toml, and what differs from `ANY`.
macro_rules! registry_kinds {
    ($($kind:ident $name:literal { $($field:ident: $value:expr),* })*) => {
        /// A kind of registry, as the key `kind` in images.toml names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RegistryKind {
            $($kind),*
        }

        impl RegistryKind {
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$kind),*];

            /// Its name in images.toml.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name),*
                }
            }
        }

        impl Profile {
            /// The profile of a kind.
            pub const fn of(kind: RegistryKind) -> Self {
                match kind {
                    $(RegistryKind::$kind => Self { kind, $($field: $value,)* ..ANY }),*
                }
            }
        }
    };
}

registry_kinds! {
    DockerRegistry "docker-registry" {}
    // The storage requires parts of at least 5 MiB. Blobs can be mounted only from a repository with a
    // manifest that refers to them (aws/containers-roadmap#2831 and #853).
    Ecr "ecr" {
        hosts: &["ACCOUNT.dkr.ecr.REGION.amazonaws.com"],
        mounts: Some(Mounts::AfterManifest),
        pieces: Some(Pieces { smallest: 5 * MIB, largest: 16 * MIB }),
        creates_repositories: false,
        deletion: Some(Deletion::CloudCli)
    }
    EcrPublic "ecr-public" {
        hosts: &["public.ecr.aws"],
        creates_repositories: false,
        deletion: Some(Deletion::CloudCli)
    }
    // 413 for a PUT of more than about 20 MB (goharbor/harbor#21640). Its API reference says that a manifest can be
    // deleted by its digest only.
    Acr "acr" {
        hosts: &["NAME.azurecr.io"],
        largest_request: Some(20_000_000),
        deletion: Some(Deletion::Digests)
    }
    // There is no PATCH.
    Gar "gar" { hosts: &["REGION-docker.pkg.dev", "gcr.io"], pieces: None }
    // Blobs sent in several PATCHes have arrived corrupted, and large ones are refused.
    Ghcr "ghcr" { hosts: &["ghcr.io"], pieces: None, deletion: Some(Deletion::Nothing) }
    Quay "quay" { hosts: &["quay.io"] }
    // Paths are NAMESPACE/NAME. Deletion has endpoints of its own (distribution/distribution#1831).
    DockerHub "docker-hub" {
        hosts: &["docker.io"],
        max_path_depth: Some(2),
        deletion: Some(Deletion::Nothing)
    }
    Harbor "harbor" {}
    Artifactory "artifactory" {}
    Nexus "nexus" {}
}

impl Profile {
    /// Whether a mount of a blob from its own repository finds out if it is there; if not, the response
    /// starts an upload. Where such a response would not show that, a HEAD checks for the blob.
    pub fn self_mount_finds_blob(&self) -> bool {
        matches!(self.mounts, Some(Mounts::Yes) | None)
    }

    /// All profiles as a Markdown table.
    pub fn table() -> String {
        let mut text = String::from(
            "| `kind` | recognised by | mounts | one PUT | pieces | first push creates the repository | path components | deletes |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        for kind in RegistryKind::ALL {
            let profile = Self::of(kind);
            let hosts: Vec<_> = profile.hosts.iter().map(|host| format!("`{host}`")).collect();
            let cells = [
                format!("`{}`", kind.name()),
                if hosts.is_empty() { "-".to_owned() } else { hosts.join(", ") },
                profile.mounts.map_or("tried", Mounts::name).to_owned(),
                profile.largest_request.map_or("any size".to_owned(), |most| format!("to {most}")),
                profile.pieces.map_or("no".to_owned(), |pieces| {
                    format!("{} to {} MiB", pieces.smallest >> 20, pieces.largest >> 20)
                }),
                if profile.creates_repositories { "yes" } else { "no" }.to_owned(),
                profile.max_path_depth.map_or("-".to_owned(), |most| most.to_string()),
                profile.deletion.map_or("tried", Deletion::name).to_owned(),
            ];
            text += &format!("| {} |\n", cells.join(" | "));
        }
        text
    }
}

impl Deletion {
    /// Its name in the table of all kinds.
    fn name(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Digests => "digests",
            Self::CloudCli => "tags, with `aws`",
            Self::Nothing => "nothing",
        }
    }
}

impl Mounts {
    pub const ALL: [Self; 3] = [Self::Yes, Self::No, Self::AfterManifest];

    /// Its name in images.toml.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::AfterManifest => "after-manifest",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_checks_for_a_blob_if_a_mount_would_not_find_it() {
        let finds_blob = |mounts| Profile { mounts, ..ANY }.self_mount_finds_blob();
        assert!(finds_blob(None) && finds_blob(Some(Mounts::Yes)));
        assert!(!finds_blob(Some(Mounts::No)) && !finds_blob(Some(Mounts::AfterManifest)));
    }

    #[test]
    fn the_documentation_shows_the_table() {
        let page = include_str!("../../../../docs/registries.md");
        assert!(
            page.contains(&Profile::table()),
            "docs/registries.md lacks:\n{}",
            Profile::table()
        );
    }
}
