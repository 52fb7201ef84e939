//! Recognises the kind of a registry by its host name, and applies what images.toml sets for the host.

use oci::Registry;

use super::cloud::CloudHost;
use super::kind::{ANY, Mounts, Pieces, Profile, RegistryKind};
use super::settings::RegistrySettings;

impl Profile {
    /// The profile of a host: its settings come first, then the kind that its name suggests.
    pub fn of_host(host: &Registry, declared: Option<&RegistrySettings>) -> Self {
        if host.is_layout() {
            // The length of a blob has to be known before its first byte.
            return Self { mounts: Some(Mounts::Yes), pieces: None, ..ANY };
        }
        let kind =
            declared.and_then(|settings| settings.kind).unwrap_or_else(|| recognise(host.as_str()));
        let profile = Self::of(kind);
        let Some(declared) = declared else { return profile };
        let pieces = match declared.pieces {
            Some(true) => profile.pieces.or(ANY.pieces),
            Some(false) => None,
            None => profile.pieces,
        };
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
}

/// The kind that the name of a host suggests; its port is ignored.
fn recognise(host: &str) -> RegistryKind {
    let name = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or(host) };
    match CloudHost::of(host) {
        Some(CloudHost::Ecr(_)) => RegistryKind::Ecr,
        Some(CloudHost::EcrPublic) => RegistryKind::EcrPublic,
        Some(CloudHost::Acr { .. }) => RegistryKind::Acr,
        Some(CloudHost::Google) => RegistryKind::Gar,
        None => {
            let has_name = |kind: &RegistryKind| Profile::of(*kind).hosts.contains(&name);
            RegistryKind::ALL.into_iter().find(has_name).unwrap_or(ANY.kind)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_recognised_by_their_exact_name() {
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
    fn settings_take_precedence_over_the_kind_and_the_name() {
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
}
