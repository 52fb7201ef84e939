//! Token servers, and how far one is trusted.
//!
//! The address of a token server is a stranger's word. It is spoken to only if that can do no harm, and
//! shown a login only if it belongs to whom the registry belongs to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// Where tokens come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Realm {
    pub(crate) url: Url,
    pub(crate) service: Option<String>,
    pub(crate) trust: Trust,
}

/// What a token server may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It belongs to whom the registry belongs to.
    Login,
    /// Requests for tokens that everybody may have.
    Nothing,
}

/// What kind of host an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A name, or an address of the internet.
    Public,
    Loopback,
    /// Of a private network.
    Private,
    /// Of one link, where clouds serve the secrets of a machine; or of nobody.
    Special,
}

/// Registries whose token server has another registrable domain, by the ends of both names.
const PAIRS: [(&str, &str); 3] =
    [("docker.com", "auth.docker.io"), ("nvcr.io", "authn.nvidia.com"), ("lscr.io", "ghcr.io")];

/// Domains below which strangers are each other's siblings.
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
    /// When it is not even to be spoken to, with the reason.
    pub(crate) fn new(
        realm: &str,
        service: Option<&str>,
        host: &Url,
        declared: Option<&str>,
    ) -> Result<Self, String> {
        let url =
            host.join(realm).map_err(|_| "the realm of the challenge is no address".to_owned())?;
        let trust = trust(&url, host, declared)?;
        Ok(Self { url, service: service.map(str::to_owned), trust })
    }
}

/// How far the token server `realm` of the registry `host` is trusted.
///
/// # Errors
/// When not even to be spoken to.
fn trust(realm: &Url, host: &Url, declared: Option<&str>) -> Result<Trust, String> {
    let shown = crate::error::address(realm);
    // A plain realm for a registry with TLS would show the password to everyone on the way.
    if realm.scheme() != "https" && realm.scheme() != host.scheme() {
        return Err(format!("the realm of the challenge is not https: `{shown}`"));
    }
    if declared.is_some_and(|declared| is_declared(realm, declared)) {
        return Ok(Trust::Login);
    }
    // Nobody but the registry's own network may be asked through us.
    let (of_realm, of_host) = (kind_of(realm), kind_of(host));
    if of_realm != Kind::Public && of_realm != of_host && realm.host() != host.host() {
        return Err(format!(
            "the realm of the challenge is an address inside of a network that the registry is not \
             in: `{shown}`"
        ));
    }
    let (Some(realm_name), Some(host_name)) = (realm.host_str(), host.host_str()) else {
        return Err("the realm of the challenge names no host".to_owned());
    };
    let is_theirs = if realm_name == host_name {
        // Anybody with an account on the machine may listen on another port. The one exception is
        // that of HTTPS, whose certificate speaks for the name: GitLab's registry is on a port of
        // its own, and its token server there.
        let is_main = realm.scheme() == "https" && realm.port_or_known_default() == Some(443);
        is_main || realm.port_or_known_default() == host.port_or_known_default()
    } else {
        is_sibling(realm_name, host_name) || is_pair(realm_name, host_name)
    };
    Ok(if is_theirs { Trust::Login } else { Trust::Nothing })
}

fn is_declared(realm: &Url, declared: &str) -> bool {
    let Ok(declared) = Url::parse(&format!("{}://{declared}/", realm.scheme())) else {
        return false;
    };
    realm.origin() == declared.origin()
}

fn is_pair(realm: &str, host: &str) -> bool {
    PAIRS.iter().any(|(registry, server)| realm == *server && is_or_is_below(host, registry))
}

fn is_or_is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Same last two labels; three behind a suffix of two (`co.uk`). All of such suffixes would be a long
/// list: a registry and its token server below another one need `token-server`.
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

/// Numbers in all their notations have been normalised by the parser of addresses.
fn kind_of(url: &Url) -> Kind {
    let Some(name) = url.host_str() else { return Kind::Special };
    let name = name.trim_end_matches('.');
    if name == "localhost" || name.ends_with(".localhost") {
        return Kind::Loopback;
    }
    let address = name.trim_matches(|c| c == '[' || c == ']').parse::<IpAddr>();
    match address {
        Err(_) => Kind::Public,
        Ok(IpAddr::V4(address)) => of_v4(address),
        Ok(IpAddr::V6(address)) => address.to_ipv4_mapped().map_or_else(|| of_v6(address), of_v4),
    }
}

fn of_v4(address: Ipv4Addr) -> Kind {
    let [first, second, ..] = address.octets();
    let is_carriers = first == 100 && (64..128).contains(&second);
    if address.is_loopback() {
        Kind::Loopback
    } else if address.is_private() || is_carriers {
        Kind::Private
    } else if address.is_link_local() || address.is_multicast() || first == 0 || first >= 240 {
        Kind::Special
    } else {
        Kind::Public
    }
}

fn of_v6(address: Ipv6Addr) -> Kind {
    if address.is_loopback() {
        Kind::Loopback
    } else if address.is_unique_local() {
        // Where one cloud serves the secrets of its machines.
        let is_metadata = address.segments()[..2] == [0xfd00, 0x0ec2];
        if is_metadata { Kind::Special } else { Kind::Private }
    } else if address.is_unicast_link_local() || address.is_multicast() || address.is_unspecified()
    {
        Kind::Special
    } else {
        Kind::Public
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_token_server_is_trusted_as_far_as_it_belongs_to_the_registry() {
        const LOGIN: &str = "login";
        const NOTHING: &str = "nothing";
        let table = [
            // The registry's own host, and its siblings.
            ("https://quay.io/v2/auth", "https://quay.io/", LOGIN),
            ("https://auth.docker.io/token", "https://registry-1.docker.io/", LOGIN),
            ("https://auth.shop.co.uk/token", "https://registry.shop.co.uk/", LOGIN),
            ("https://authn.nvidia.com/token", "https://nvcr.io/", LOGIN),
            ("https://gitlab.example.com/jwt/auth", "https://gitlab.example.com:5050/", LOGIN),
            ("http://127.0.0.1:5000/token", "http://127.0.0.1:5000/", LOGIN),
            ("https://sso.example.org:8443/t", "https://declared.example.com/", LOGIN),
            // Strangers, who may give tokens to everybody.
            ("https://evil.example/token", "https://quay.io/", NOTHING),
            ("https://evil.co.uk/token", "https://registry.co.uk/", NOTHING),
            ("https://evil.azurecr.io/token", "https://mine.azurecr.io/", NOTHING),
            ("https://notdocker.com/token", "https://hub.docker.com/", NOTHING),
            ("https://io/token", "https://quay.io/", NOTHING),
            ("https://sso.example.org/t", "https://declared.example.com/", NOTHING),
            // Another port of the same host, where anybody may listen.
            ("https://quay.io:8443/token", "https://quay.io/", NOTHING),
            ("http://127.0.0.1:5001/token", "http://127.0.0.1:5000/", NOTHING),
            ("http://10.0.0.1/token", "http://10.0.0.2/", NOTHING),
            // What must not even be asked.
            ("http://evil.example/token", "https://quay.io/", "not https"),
            ("http://quay.io/token", "https://quay.io/", "not https"),
            ("https://169.254.169.254/latest/meta-data", "https://quay.io/", "inside of a network"),
            ("http://169.254.169.254/latest/meta-data", "http://10.0.0.2/", "inside of a network"),
            ("https://[fd00:ec2::254]/latest", "https://[fd00::1]/", "inside of a network"),
            ("https://127.0.0.1/token", "https://quay.io/", "inside of a network"),
            ("https://2130706433/token", "https://quay.io/", "inside of a network"),
            ("https://0x7f.1/token", "https://quay.io/", "inside of a network"),
            ("https://localhost/token", "https://quay.io/", "inside of a network"),
            ("https://[::ffff:10.0.0.1]/token", "https://quay.io/", "inside of a network"),
            ("https://192.168.1.1/token", "https://quay.io/", "inside of a network"),
            ("https://0.0.0.0/token", "https://quay.io/", "inside of a network"),
        ];
        for (realm, host, expected) in table {
            let is_declared = host.contains("declared");
            let declared = is_declared.then_some("sso.example.org:8443");
            let found = match trust(&url(realm), &url(host), declared) {
                Ok(Trust::Login) => LOGIN.to_owned(),
                Ok(Trust::Nothing) => NOTHING.to_owned(),
                Err(why) => why,
            };
            assert!(found.contains(expected), "{realm} of {host}: {found}");
        }
    }
}
