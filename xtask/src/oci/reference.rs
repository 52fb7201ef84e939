//! The parts of a reference `registry/repository:tag@digest`, each a type of its own.
//!
//! Parsing and normalising (`busybox` is `docker.io/library/busybox`) is `oci-distribution`'s; the
//! types here keep what is parsed from being mixed up, and say why a string was refused.

use std::fmt;
use std::str::FromStr;

use oci_distribution::Reference;

/// A repository of a registry: `quay.io/stackstate/wait`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: String,
    path: RepositoryPath,
}

/// The path of a repository inside its registry: `stackstate/wait`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryPath(String);

/// A mutable name for a manifest in a repository (distribution-spec, "Pulling manifests").
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

/// Why a string is not what it should be. Reads after "`…`: ".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidReference(String);

impl Repository {
    pub fn new(registry: impl Into<String>, path: RepositoryPath) -> Self {
        Self { registry: registry.into(), path }
    }

    /// `host[:port]`, as people write it: `docker.io`, not the address of its API.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    pub fn path(&self) -> &RepositoryPath {
        &self.path
    }

    /// A reference to a tag of this repository.
    pub fn tagged(&self, tag: &Tag) -> String {
        format!("{self}:{tag}")
    }
}

impl RepositoryPath {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This path below another: `stackstate/wait` below `mirror` is `mirror/stackstate/wait`.
    #[must_use]
    pub fn below(&self, prefix: &Self) -> Self {
        Self(format!("{prefix}/{self}"))
    }
}

impl Tag {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Repository {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.contains('@') {
            return Err(invalid("a repository has no digest: give it as `digest`"));
        }
        let last = text.rsplit('/').next().unwrap_or(text);
        if text.contains('/') && last.contains(':') {
            return Err(invalid("a repository has no tag: give it as `tag`"));
        }
        if text.contains("://") {
            return Err(invalid("a repository has no scheme: leave out `https://`"));
        }
        let reference = Reference::try_from(text).map_err(|error| explain(text, &error))?;
        if !text.contains('/') && text.contains(':') {
            return Err(invalid("a repository has no tag: give it as `tag`"));
        }
        Ok(Self {
            registry: reference.registry().to_owned(),
            path: RepositoryPath(reference.repository().to_owned()),
        })
    }
}

impl FromStr for RepositoryPath {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        // With a registry in front, nothing of the path can be taken for one.
        let whole: Repository = format!("registry.invalid/{text}").parse()?;
        Ok(whole.path)
    }
}

impl FromStr for Tag {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.is_empty() || text.len() > 128 {
            return Err(invalid("a tag has 1 to 128 characters"));
        }
        if !text.starts_with(word) || !text.chars().all(|c| word(c) || c == '.' || c == '-') {
            return Err(invalid(
                "a tag is made of letters, digits, `_`, `.` and `-`, and does not start with `.` or `-`",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Checks `host[:port]`.
///
/// # Errors
/// When the text is not a host, with an optional port, that could stand before a repository.
pub fn parse_registry(text: &str) -> Result<String, InvalidReference> {
    if text.contains("://") {
        return Err(invalid("a registry has no scheme: leave out `https://`"));
    }
    // `localhost` alone is a registry here; in a reference only a dot or a port makes it one.
    let reference = Reference::try_from(format!("{text}/x"))
        .map_err(|_| invalid("a registry is `host` or `host:port`"))?;
    let is_host = reference.repository() == "x" && !text.contains('/');
    if !is_host || reference.registry().is_empty() {
        return Err(invalid(
            "a registry is `host` or `host:port`, with a dot or a port in it, or `localhost`",
        ));
    }
    Ok(reference.registry().to_owned())
}

fn explain(text: &str, error: &oci_distribution::ParseError) -> InvalidReference {
    if text.chars().any(char::is_whitespace) {
        return invalid("a repository has no white space");
    }
    let path = text.split_once('/').map_or(text, |(_, path)| path);
    if path.chars().any(char::is_uppercase) {
        return invalid("a repository is lowercase");
    }
    invalid(&error.to_string())
}

fn invalid(why: &str) -> InvalidReference {
    InvalidReference(why.to_owned())
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl fmt::Display for RepositoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidReference {}

macro_rules! debug_as_display {
    ($($name:ty),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
debug_as_display!(Repository, RepositoryPath, Tag);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_normalised_as_docker_does() {
        let table = [
            ("quay.io/stackstate/wait", "quay.io", "stackstate/wait"),
            ("busybox", "docker.io", "library/busybox"),
            ("minio/mc", "docker.io", "minio/mc"),
            ("docker.io/minio/mc", "docker.io", "minio/mc"),
            ("index.docker.io/library/busybox", "docker.io", "library/busybox"),
            ("localhost:5000/stackstate/wait", "localhost:5000", "stackstate/wait"),
            ("localhost/wait", "localhost", "wait"),
            ("127.0.0.1:5000/wait", "127.0.0.1:5000", "wait"),
            ("registry.suse.com/a/b/c/d", "registry.suse.com", "a/b/c/d"),
            ("gcr.io/pause", "gcr.io", "pause"),
        ];
        for (text, registry, path) in table {
            let repository: Repository = text.parse().unwrap();
            assert_eq!(
                (repository.registry(), repository.path().as_str()),
                (registry, path),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_a_repository_is_refused_with_the_reason() {
        let table = [
            ("quay.io/stackstate/wait:1.0.6", "no tag"),
            ("busybox:1", "no tag"),
            ("quay.io/stackstate/wait@sha256:00", "no digest"),
            ("https://quay.io/stackstate/wait", "no scheme"),
            ("quay.io/StackState/wait", "lowercase"),
            ("quay.io/stack state/wait", "white space"),
            ("", "at least one component"),
            ("quay.io/", "invalid reference format"),
            ("quay.io//wait", "invalid reference format"),
            ("quay.io/../wait", "invalid reference format"),
        ];
        for (text, reason) in table {
            let error = text.parse::<Repository>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn tags_and_registries_follow_the_grammar() {
        for good in ["1.0.6", "v1.19.1-sts.20211207.0748", "_x", "latest"] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", ".x", "-x", "a b", "a/b", "a:b", &"x".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
        for good in [
            "quay.io",
            "localhost",
            "localhost:5000",
            "57413481473.dkr.ecr.eu-west-1.amazonaws.com",
        ] {
            assert_eq!(parse_registry(good).as_deref(), Ok(good));
        }
        for bad in ["", "quay", "quay.io/x", "https://quay.io", "quay.io:", "a b.c"] {
            assert!(parse_registry(bad).is_err(), "{bad}");
        }
    }
}
