//! `Registry`: a host that serves the distribution API, as references name it.

use std::borrow::Borrow;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::invalid_reference::{InvalidReference, invalid};
use crate::text::text_only;

const DOCKER_HUB: &str = "docker.io";

/// `host[:port]`, as users write it: `docker.io`, not the host of its API. Or an image layout, which is used
/// like a registry: `oci:DIR`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Registry(String);

impl Registry {
    pub fn docker_hub() -> Self {
        Self(DOCKER_HUB.to_owned())
    }

    /// Whether the first part of a repository is a registry, which may be invalid. Without a dot, a port or
    /// `localhost`, it belongs to the path.
    pub fn is_meant_by(first: &str) -> bool {
        first.contains(['.', ':']) || first.eq_ignore_ascii_case("localhost")
    }

    pub fn is_docker_hub(&self) -> bool {
        self.0 == DOCKER_HUB
    }

    /// An image layout in the place of a registry. Nothing that is parsed becomes one, so only a program that
    /// opens the layout makes it.
    pub fn of_layout(form: LayoutForm, path: &str) -> Self {
        // `oci:5000` would be a host with a port.
        let path = if is_port(path) { format!("./{path}") } else { path.to_owned() };
        Self(format!("{}{path}", form.prefix()))
    }

    /// Whether this is an image layout.
    pub fn is_layout(&self) -> bool {
        let forms = [LayoutForm::Directory, LayoutForm::Archive];
        let mut paths = forms.iter().filter_map(|form| self.0.strip_prefix(form.prefix()));
        paths.any(|path| !is_port(path))
    }
}

/// How an image layout is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayoutForm {
    /// `oci:DIR`
    Directory,
    /// `oci-archive:FILE`
    Archive,
}

impl LayoutForm {
    fn prefix(self) -> &'static str {
        match self {
            Self::Directory => "oci:",
            Self::Archive => "oci-archive:",
        }
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() && text.bytes().all(|c| c.is_ascii_digit())
}

impl FromStr for Registry {
    type Err = InvalidReference;

    /// Checks `host[:port]`. Texts that name the same host become equal: upper case, leading zeros of the port
    /// and the other names of Docker Hub are replaced.
    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.contains("://") {
            return Err(invalid("a registry has no scheme: leave out `https://`"));
        }
        if let Some(rest) = text.strip_prefix('[') {
            // As in a URL (RFC 3986, section 3.2.2): the colons in the brackets do not begin a port.
            let address = rest.split_once(']').and_then(|(address, port)| {
                let fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
                Some((address.parse::<Ipv6Addr>().ok().filter(|_| fits)?, port))
            });
            let (address, port) = address.ok_or_else(|| {
                invalid(
                    "a registry in brackets is an IPv6 address, with or without a port: `[::1]:5000`",
                )
            })?;
            let port = port.strip_prefix(':');
            return Ok(Self(with_port(&format!("[{address}]"), port)));
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        // Names of hosts have no case (RFC 4343).
        let host = host.to_ascii_lowercase();
        let is_host = host.split('.').all(is_label) && port.is_none_or(is_port);
        if !is_host || (port.is_none() && !host.contains('.') && host != "localhost") {
            return Err(invalid(
                "a registry is `host` or `host:port`, with a dot or a port in it, or `localhost`",
            ));
        }
        // The host of its index, and that of its API.
        let text = with_port(&host, port);
        let is_hub = matches!(text.as_str(), "index.docker.io" | "registry-1.docker.io");
        Ok(if is_hub { Self::docker_hub() } else { Self(text) })
    }
}

fn with_port(host: &str, port: Option<&str>) -> String {
    match port {
        Some(port) => {
            let significant = port.trim_start_matches('0');
            format!("{host}:{}", if significant.is_empty() { "0" } else { significant })
        }
        None => host.to_owned(),
    }
}

/// A label of a host name: letters and digits, with hyphens inside.
fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let edge = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'-')
}

impl Borrow<str> for Registry {
    fn borrow(&self) -> &str {
        &self.0
    }
}

text_only!(Registry);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_not_mistaken_for_a_host() {
        let table = [
            (LayoutForm::Directory, "out", "oci:out"),
            (LayoutForm::Directory, "/a/b c", "oci:/a/b c"),
            (LayoutForm::Directory, "5000", "oci:./5000"),
            (LayoutForm::Archive, "out.tar", "oci-archive:out.tar"),
        ];
        for (form, path, expected) in table {
            let layout = Registry::of_layout(form, path);
            assert_eq!(layout.as_str(), expected);
            assert!(layout.is_layout() && expected.parse::<Registry>().is_err(), "{expected}");
        }
        for host in ["oci:5000", "oci-archive:5000", "oci.io", "quay.io"] {
            assert!(!host.parse::<Registry>().unwrap().is_layout(), "{host}");
        }
    }

    #[test]
    fn registries_follow_the_grammar() {
        for good in [
            "quay.io",
            "localhost",
            "localhost:5000",
            "57413481473.dkr.ecr.eu-west-1.amazonaws.com",
        ] {
            assert_eq!(good.parse::<Registry>().unwrap().as_str(), good);
        }
        let written = [
            ("[::1]:5000", "[::1]:5000"),
            ("[0:0::1]", "[::1]"),
            ("[FD00::A]:01", "[fd00::a]:1"),
            ("Quay.IO", "quay.io"),
            ("LOCALHOST", "localhost"),
            ("LocalHost:05000", "localhost:5000"),
            ("host:0", "host:0"),
            ("Docker.IO", "docker.io"),
            ("INDEX.docker.io", "docker.io"),
        ];
        for (text, expected) in written {
            assert_eq!(text.parse::<Registry>().unwrap().as_str(), expected);
        }
        for bad in [
            "[::1",
            "::1",
            "[::1]5000",
            "[::1]:",
            "[::1]:x",
            "[quay.io]:5000",
            "[]",
            "[fe80::1%eth0]",
        ] {
            assert!(bad.parse::<Registry>().is_err(), "{bad}");
        }
        for bad in ["", "quay", "quay.io/x", "https://quay.io", "quay.io:", "a b.c"] {
            assert!(bad.parse::<Registry>().is_err(), "{bad}");
        }
    }
}
