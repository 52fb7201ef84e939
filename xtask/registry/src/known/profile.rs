//! What is known of each kind of registry, as one table: the engine starts from it, the embedded
//! registry plays it, and README.md shows it.
//!
//! Only what somebody has met is here. Where nothing is known a kind is like any other registry, and
//! what it refuses is learned from it.

use crate::known::cloud::CloudHost;
use crate::known::kind::{Mounts, RegistryKind};
use crate::known::settings::RegistrySettings;
use oci::Registry;

const MIB: u64 = 1 << 20;

/// A kind of registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub kind: RegistryKind,
    /// Host names of this kind. Those of clouds have several forms, of which this shows one.
    pub hosts: &'static [&'static str],
    /// `None`: it is tried.
    pub mounts: Option<Mounts>,
    /// A blob above this many bytes is not sent in one PUT.
    pub largest_request: Option<u64>,
    /// `None`: a blob is sent in one PUT or not at all.
    pub pieces: Option<Pieces>,
    /// Whether the first push makes the repository.
    pub makes_repositories: bool,
    /// The most parts that the path of a repository may have.
    pub deepest_path: Option<usize>,
}

/// How large the pieces of a blob may be, but for the last one, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pieces {
    pub smallest: u64,
    pub largest: u64,
}

/// How to find out whether a blob is in a repository already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// By asking to mount it from the repository itself: the refusal is the upload's beginning.
    SelfMount,
    /// By HEAD, where such a mount would tell nothing.
    Head,
}

/// A registry of which nothing is known.
const ANY: Profile = Profile {
    kind: RegistryKind::DockerRegistry,
    hosts: &[],
    mounts: None,
    largest_request: None,
    pieces: Some(Pieces { smallest: MIB, largest: 16 * MIB }),
    makes_repositories: true,
    deepest_path: None,
};

impl Profile {
    /// The profile of a kind.
    pub const fn of(kind: RegistryKind) -> Self {
        let any = Self { kind, ..ANY };
        match kind {
            // Parts go to a storage that wants 5 MiB of each; blobs are mounted only from where a
            // manifest names them (aws/containers-roadmap#2831 and #853).
            RegistryKind::Ecr => Self {
                hosts: &["ACCOUNT.dkr.ecr.REGION.amazonaws.com"],
                mounts: Some(Mounts::AfterManifest),
                pieces: Some(Pieces { smallest: 5 * MIB, largest: 16 * MIB }),
                makes_repositories: false,
                ..any
            },
            RegistryKind::EcrPublic => {
                Self { hosts: &["public.ecr.aws"], makes_repositories: false, ..any }
            }
            // 413 for a PUT of more than some 20 MB (goharbor/harbor#21640).
            RegistryKind::Acr => {
                Self { hosts: &["NAME.azurecr.io"], largest_request: Some(20_000_000), ..any }
            }
            // There is no PATCH.
            RegistryKind::Gar => {
                Self { hosts: &["REGION-docker.pkg.dev", "gcr.io"], pieces: None, ..any }
            }
            // Blobs of several PATCHes have arrived spoilt, and large ones are refused.
            RegistryKind::Ghcr => Self { hosts: &["ghcr.io"], pieces: None, ..any },
            RegistryKind::Quay => Self { hosts: &["quay.io"], ..any },
            // NAMESPACE/NAME, and nothing below.
            RegistryKind::DockerHub => Self { hosts: &["docker.io"], deepest_path: Some(2), ..any },
            RegistryKind::DockerRegistry
            | RegistryKind::Harbor
            | RegistryKind::Artifactory
            | RegistryKind::Nexus => any,
        }
    }

    /// The profile of a host: what images.toml says of it, and else what its name does.
    pub fn of_host(host: &Registry, declared: Option<&RegistrySettings>) -> Self {
        let kind =
            declared.and_then(|settings| settings.kind).unwrap_or_else(|| recognise(host.as_str()));
        let profile = Self::of(kind);
        let Some(declared) = declared else { return profile };
        let most = profile.pieces.or(ANY.pieces);
        let mut pieces = if declared.pieces == Some(true) { most } else { profile.pieces };
        if declared.pieces == Some(false) {
            pieces = None;
        }
        let pieces = pieces.map(|pieces| {
            let smallest = declared.smallest_piece.unwrap_or(pieces.smallest);
            let largest = declared.largest_piece.unwrap_or(pieces.largest.max(smallest));
            Pieces { smallest: smallest.min(largest), largest }
        });
        Self {
            mounts: declared.mounts.or(profile.mounts),
            largest_request: declared.largest_request.or(profile.largest_request),
            pieces,
            ..profile
        }
    }

    pub fn presence(&self) -> Presence {
        match self.mounts {
            Some(Mounts::No | Mounts::AfterManifest) => Presence::Head,
            Some(Mounts::Yes) | None => Presence::SelfMount,
        }
    }

    /// All profiles as the rows of a Markdown table.
    pub fn table() -> String {
        let mut text = String::from(
            "| `kind` | known by | mounts | one PUT | pieces | first push makes the repository | parts of a path |\n\
             |---|---|---|---|---|---|---|\n",
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
                    format!("{} to {} MiB", pieces.smallest / MIB, pieces.largest / MIB)
                }),
                if profile.makes_repositories { "yes" } else { "no" }.to_owned(),
                profile.deepest_path.map_or("-".to_owned(), |most| most.to_string()),
            ];
            text += &format!("| {} |\n", cells.join(" | "));
        }
        text
    }
}

/// The kind of a host by its name, without its port.
fn recognise(host: &str) -> RegistryKind {
    let name = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or(host) };
    match CloudHost::of(host) {
        Some(CloudHost::Ecr(_)) => RegistryKind::Ecr,
        Some(CloudHost::EcrPublic) => RegistryKind::EcrPublic,
        Some(CloudHost::Acr { .. }) => RegistryKind::Acr,
        Some(CloudHost::Google) => RegistryKind::Gar,
        None => {
            let is_of = |kind: &RegistryKind| Profile::of(*kind).hosts.contains(&name);
            RegistryKind::ALL.into_iter().find(is_of).unwrap_or(ANY.kind)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_recognised_by_their_name_and_by_nothing_that_looks_like_it() {
        let table = [
            ("57413481473.dkr.ecr.eu-west-1.amazonaws.com", RegistryKind::Ecr),
            ("57413481473.dkr.ecr.cn-north-1.amazonaws.com.cn", RegistryKind::Ecr),
            ("public.ecr.aws", RegistryKind::EcrPublic),
            ("57413481473.dkr-ecr-fips.us-east-1.on.aws", RegistryKind::Ecr),
            ("mine.azurecr.io:443", RegistryKind::Acr),
            ("mine.azurecr.cn", RegistryKind::Acr),
            ("europe-docker.pkg.dev", RegistryKind::Gar),
            ("gcr.io", RegistryKind::Gar),
            ("eu.gcr.io", RegistryKind::Gar),
            ("ghcr.io", RegistryKind::Ghcr),
            ("quay.io", RegistryKind::Quay),
            ("docker.io", RegistryKind::DockerHub),
            ("s3.eu-west-1.amazonaws.com", RegistryKind::DockerRegistry),
            ("amazonaws.com.example.org", RegistryKind::DockerRegistry),
            ("not-quay.io", RegistryKind::DockerRegistry),
            ("mygcr.io", RegistryKind::DockerRegistry),
            ("[::1]:5000", RegistryKind::DockerRegistry),
            ("localhost:5000", RegistryKind::DockerRegistry),
        ];
        for (host, kind) in table {
            assert_eq!(Profile::of_host(&host.parse().unwrap(), None).kind, kind, "{host}");
        }
    }

    #[test]
    fn what_is_declared_of_a_host_wins_over_its_kind_and_its_name() {
        let quay = |declared: RegistrySettings| {
            Profile::of_host(&"quay.io".parse().unwrap(), Some(&declared))
        };
        let nothing = RegistrySettings::default;
        assert_eq!(quay(nothing()), Profile::of(RegistryKind::Quay));
        let ecr = RegistrySettings { kind: Some(RegistryKind::Ecr), ..nothing() };
        assert_eq!(quay(ecr.clone()), Profile::of(RegistryKind::Ecr));
        let ecr =
            quay(RegistrySettings { mounts: Some(Mounts::No), largest_request: Some(7), ..ecr });
        assert_eq!((ecr.mounts, ecr.largest_request), (Some(Mounts::No), Some(7)));
        assert_eq!(quay(RegistrySettings { pieces: Some(false), ..nothing() }).pieces, None);
        let ghcr =
            RegistrySettings { kind: Some(RegistryKind::Ghcr), pieces: Some(true), ..nothing() };
        assert_eq!(quay(ghcr).pieces, ANY.pieces);
        let small = RegistrySettings { largest_piece: Some(1000), ..nothing() };
        assert_eq!(quay(small).pieces, Some(Pieces { smallest: 1000, largest: 1000 }));
        let large = RegistrySettings { smallest_piece: Some(20_000_000), ..nothing() };
        let expected = Pieces { smallest: 20_000_000, largest: 20_000_000 };
        assert_eq!(quay(large).pieces, Some(expected));
    }

    #[test]
    fn where_a_refused_mount_tells_nothing_blobs_are_asked_for() {
        let presence = |mounts| Profile { mounts, ..ANY }.presence();
        assert_eq!(presence(None), Presence::SelfMount);
        assert_eq!(presence(Some(Mounts::Yes)), Presence::SelfMount);
        assert_eq!(presence(Some(Mounts::No)), Presence::Head);
        assert_eq!(presence(Some(Mounts::AfterManifest)), Presence::Head);
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
