//! `Address`: a registry with an optional path that its repositories start with.

use std::fmt;
use std::str::FromStr;

use messages::secret::holds_userinfo;
use oci::{Registry, RepositoryPath};

/// `host[:port][/path]`: `mirror.example.com/team`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub registry: Registry,
    /// The start of every repository's path.
    pub prefix: Option<RepositoryPath>,
}

/// Why a string is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAddress(String);

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = |why: &str| InvalidAddress(why.to_owned());
        if holds_userinfo(text) {
            return Err(invalid(
                "an address has no credentials: put them into environment variables, or use `docker login`",
            ));
        }
        if text.contains("://") {
            return Err(invalid(
                "a destination has no scheme: leave out `https://`; for HTTP, set `plain-http` in `[registries]`",
            ));
        }
        // A trailing slash is harmless here, and would become a double slash in every reference.
        let text = text.trim_end_matches('/');
        let (registry, path) = match text.split_once('/') {
            Some((registry, path)) => (registry, Some(path)),
            None => (text, None),
        };
        let registry: Registry =
            registry.parse().map_err(|error: oci::InvalidReference| invalid(&error.to_string()))?;
        let Some(path) = path else { return Ok(Self { registry, prefix: None }) };
        if path.contains([':', '@']) {
            return Err(invalid(
                "a destination has neither tag nor digest: each image has its own",
            ));
        }
        let prefix = path.parse().map_err(|_| {
            invalid("the path of a destination consists of lowercase words separated by `/`")
        })?;
        Ok(Self { registry, prefix: Some(prefix) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.registry),
            None => f.write_str(self.registry.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_registry_with_an_optional_path() {
        let table = [
            ("mirror.example.com", "mirror.example.com", None),
            ("mirror.example.com//", "mirror.example.com", None),
            ("localhost:5000/a/b/", "localhost:5000", Some("a/b")),
            ("localhost/a", "localhost", Some("a")),
            ("docker.io/a", "docker.io", Some("a")),
            ("[::1]:5000", "[::1]:5000", None),
            ("[::1]/a", "[::1]", Some("a")),
            (
                "57413481473.dkr.ecr.eu-west-1.amazonaws.com/x",
                "57413481473.dkr.ecr.eu-west-1.amazonaws.com",
                Some("x"),
            ),
        ];
        for (text, registry, prefix) in table {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.registry.as_str(), registry, "{text}");
            assert_eq!(address.prefix.as_ref().map(RepositoryPath::as_str), prefix, "{text}");
            assert_eq!(address.to_string(), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn an_invalid_address_is_refused_with_the_reason() {
        let table = [
            ("https://mirror.example.com", "no scheme"),
            ("oci://mirror.example.com/a", "no scheme"),
            ("mirror", "a dot or a port"),
            ("", "`host` or `host:port`"),
            ("/", "`host` or `host:port`"),
            ("mirror.example.com/a:1", "neither tag nor digest"),
            ("mirror.example.com/A", "lowercase"),
            ("mirror.example.com/a//b", "lowercase words"),
            ("user@mirror.example.com/a", "no credentials"),
            ("user:hunter2@mirror.example.com", "no credentials"),
            ("mirror.example.com/a@sha256:00", "neither tag nor digest"),
        ];
        for (text, reason) in table {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
