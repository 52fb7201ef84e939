//! Hosts that are registries, by their names; pure.

/// Hosts of public registries.
const HOSTS: [&str; 11] = [
    "docker.io",
    "gcr.io",
    "ghcr.io",
    "icr.io",
    "index.docker.io",
    "lscr.io",
    "mcr.microsoft.com",
    "nvcr.io",
    "public.ecr.aws",
    "quay.io",
    "registry-1.docker.io",
];
/// The ends of hosts of clouds, which have one registry per region or customer.
const DOMAINS: [&str; 5] = [".azurecr.io", ".gcr.io", ".icr.io", ".ocir.io", ".pkg.dev"];
/// Names that only registries have: `registry.k8s.io`, `docker.elastic.co`, `cr.example.com`.
const NAMES: [&str; 6] = ["cr", "docker", "ghcr", "oci", "registry", "xpkg"];

/// Whether a host, with or without a port, is known as a registry.
pub(super) fn is_known_registry(host: &str) -> bool {
    let name = &host.split(':').next().unwrap_or(host).to_ascii_lowercase();
    let name = name.as_str();
    let names_registry = || {
        let (first, domain) = name.split_once('.').unwrap_or((name, ""));
        domain.contains('.') && NAMES.contains(&first)
    };
    HOSTS.contains(&name)
        || DOMAINS.iter().any(|domain| name.ends_with(domain))
        || (name.contains(".dkr.ecr.") && name.contains(".amazonaws.com"))
        || names_registry()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_known_by_their_hosts() {
        for host in [
            "quay.io",
            "docker.io:443",
            "Quay.IO",
            "eu.gcr.io",
            "europe-docker.pkg.dev",
            "1.dkr.ecr.eu-west-1.amazonaws.com",
            "registry.k8s.io",
            "docker.elastic.co",
        ] {
            assert!(is_known_registry(host), "{host}");
        }
        for host in [
            "",
            "quay",
            "github.com",
            "example.com",
            "docker.com",
            "k8s.io",
            "docs.docker.com",
            "my.quay.io",
        ] {
            assert!(!is_known_registry(host), "{host}");
        }
    }
}
