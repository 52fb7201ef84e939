//! `Realm`: the token server that a challenge names, and how far it is trusted.
//!
//! The address comes from the registry and is untrusted. The token server is contacted only if that is
//! safe, and gets credentials only if it has the same owner as the registry.

use std::net::IpAddr;

use messages::Advice;
use reqwest::Url;

use crate::http::net::AddressKind;

/// A token server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Realm {
    pub(crate) url: Url,
    pub(crate) service: Option<String>,
    pub(crate) trust: TokenServerTrust,
}

/// What a token server may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenServerTrust {
    /// It has the same owner as the registry: it may get credentials.
    Credentials,
    /// It may be asked for anonymous tokens only.
    Anonymous,
}

/// Registries whose token server has another registrable domain: the end of the registry's name, and the
/// token server.
const PAIRS: [(&str, &str); 3] =
    [("docker.com", "auth.docker.io"), ("nvcr.io", "authn.nvidia.com"), ("lscr.io", "ghcr.io")];

/// Shared domains: their subdomains belong to different owners.
const SHARED: [&str; 16] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "azurecr.cn",
    "azurecr.de",
    "azurecr.io",
    "azurecr.us",
    "cloudfront.net",
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "nip.io",
    "on.amazonwebservices.com.cn",
    "on.aws",
    "pkg.dev",
    "sslip.io",
];

impl Realm {
    /// The token server that a challenge of `host` names; `declared` is the one that images.toml
    /// names, as `host[:port]`.
    ///
    /// # Errors
    /// If the token server must not be contacted at all.
    pub(crate) fn new(
        realm: &str,
        service: Option<&str>,
        host: &Url,
        declared: Option<&str>,
    ) -> Result<Self, Advice> {
        let url = host.join(realm).map_err(|_| "the realm of the challenge is not a URL")?;
        let trust = trust(&url, host, declared)?;
        Ok(Self { url, service: service.map(str::to_owned), trust })
    }
}

/// How far the token server `realm` of the registry `host` is trusted.
///
/// # Errors
/// If it must not be contacted at all.
fn trust(realm: &Url, host: &Url, declared: Option<&str>) -> Result<TokenServerTrust, Advice> {
    let refuse = |why: &str| {
        let realm = crate::error::address(realm);
        Err(Advice::new(format!("the realm of the challenge {why}: `{realm}`")))
    };
    // Without TLS, anyone on the path could read the password.
    if realm.scheme() != "https" && realm.scheme() != host.scheme() {
        return refuse("is not https");
    }
    if declared.is_some_and(|declared| is_declared(realm, declared)) {
        return Ok(TokenServerTrust::Credentials);
    }
    // A registry must not make this client send requests into a network that it is not in itself.
    let (realm_kind, host_kind) = (AddressKind::of_url(realm), AddressKind::of_url(host));
    let is_allowed = realm_kind == AddressKind::Public
        || (realm_kind == host_kind && realm_kind != AddressKind::Metadata)
        || realm.host() == host.host();
    if !is_allowed {
        return refuse("is inside a network that the registry is not in");
    }
    let (Some(realm_name), Some(host_name)) = (realm.host_str(), host.host_str()) else {
        return refuse("has no host");
    };
    let is_same_owner = if realm_name == host_name {
        // Anyone with an account on that machine can listen on another port. The exception is port 443,
        // where the certificate vouches for the name: GitLab's registry has a port of its own, and its
        // token server is there.
        let is_main = realm.scheme() == "https" && realm.port_or_known_default() == Some(443);
        is_main || realm.port_or_known_default() == host.port_or_known_default()
    } else {
        let is_pair = |&(registry, server): &(&str, &str)| {
            realm_name == server && is_or_is_below(host_name, registry)
        };
        is_sibling(realm_name, host_name) || PAIRS.iter().any(is_pair)
    };
    Ok(if is_same_owner { TokenServerTrust::Credentials } else { TokenServerTrust::Anonymous })
}

fn is_declared(realm: &Url, declared: &str) -> bool {
    let Ok(declared) = Url::parse(&format!("{}://{declared}/", realm.scheme())) else {
        return false;
    };
    realm.origin() == declared.origin()
}

fn is_or_is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether both names have the same registrable domain: the last two labels, or three if the suffix has
/// two (`co.uk`). This recognises only short suffixes; other registries need `token-server`.
fn is_sibling(realm: &str, host: &str) -> bool {
    let is_address = |name: &str| name.parse::<IpAddr>().is_ok() || name.starts_with('[');
    if is_address(realm) || is_address(host) {
        return false;
    }
    if SHARED.iter().any(|domain| is_or_is_below(realm, domain)) {
        return false;
    }
    let tail = |name: &str| {
        let labels: Vec<&str> = name.rsplit('.').take(3).collect();
        let short_suffix = labels.len() == 3 && labels[0].len() == 2 && labels[1].len() <= 3;
        let needed = if short_suffix { 3 } else { 2 };
        (labels.len() >= needed).then(|| labels[..needed].join("."))
    };
    tail(realm).is_some() && tail(realm) == tail(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_token_server_gets_credentials_only_if_it_belongs_to_the_registry() {
        const CREDENTIALS: &str = "credentials";
        const ANONYMOUS: &str = "anonymous";
        let table = [
            // The registry's own host, and hosts of the same domain.
            ("https://quay.io/v2/auth", "https://quay.io/", CREDENTIALS),
            ("https://auth.docker.io/token", "https://registry-1.docker.io/", CREDENTIALS),
            ("https://auth.shop.co.uk/token", "https://registry.shop.co.uk/", CREDENTIALS),
            ("https://authn.nvidia.com/token", "https://nvcr.io/", CREDENTIALS),
            (
                "https://gitlab.example.com/jwt/auth",
                "https://gitlab.example.com:5050/",
                CREDENTIALS,
            ),
            ("http://127.0.0.1:5000/token", "http://127.0.0.1:5000/", CREDENTIALS),
            ("https://sso.example.org:8443/t", "https://declared.example.com/", CREDENTIALS),
            // Other owners: anonymous tokens only.
            ("https://evil.example/token", "https://quay.io/", ANONYMOUS),
            ("https://evil.co.uk/token", "https://registry.co.uk/", ANONYMOUS),
            ("https://evil.azurecr.io/token", "https://mine.azurecr.io/", ANONYMOUS),
            ("https://notdocker.com/token", "https://hub.docker.com/", ANONYMOUS),
            ("https://io/token", "https://quay.io/", ANONYMOUS),
            ("https://sso.example.org/t", "https://declared.example.com/", ANONYMOUS),
            // Another port of the same host, where anyone may listen.
            ("https://quay.io:8443/token", "https://quay.io/", ANONYMOUS),
            ("http://127.0.0.1:5001/token", "http://127.0.0.1:5000/", ANONYMOUS),
            ("http://10.0.0.1/token", "http://10.0.0.2/", ANONYMOUS),
            // Addresses that must not be contacted.
            ("http://evil.example/token", "https://quay.io/", "not https"),
            ("http://quay.io/token", "https://quay.io/", "not https"),
            ("https://169.254.169.254/latest/meta-data", "https://quay.io/", "inside a network"),
            ("http://169.254.169.254/latest/meta-data", "http://10.0.0.2/", "inside a network"),
            ("https://[fd00:ec2::254]/latest", "https://[fd00::1]/", "inside a network"),
            ("https://127.0.0.1/token", "https://quay.io/", "inside a network"),
            ("https://2130706433/token", "https://quay.io/", "inside a network"),
            ("https://0x7f.1/token", "https://quay.io/", "inside a network"),
            ("https://localhost/token", "https://quay.io/", "inside a network"),
            ("https://[::ffff:10.0.0.1]/token", "https://quay.io/", "inside a network"),
            ("https://192.168.1.1/token", "https://quay.io/", "inside a network"),
            ("https://0.0.0.0/token", "https://quay.io/", "inside a network"),
        ];
        for (realm, host, expected) in table {
            let is_declared = host.contains("declared");
            let declared = is_declared.then_some("sso.example.org:8443");
            let found = match trust(&url(realm), &url(host), declared) {
                Ok(TokenServerTrust::Credentials) => CREDENTIALS.to_owned(),
                Ok(TokenServerTrust::Anonymous) => ANONYMOUS.to_owned(),
                Err(why) => why.message,
            };
            assert!(found.contains(expected), "{realm} of {host}: {found}");
        }
    }
}
