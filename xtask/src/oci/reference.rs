//! The parts of a reference `registry/repository:tag@digest`, each a type of its own.
//!
//! The grammar and the normalisation (`busybox` is `docker.io/library/busybox`) are those of
//! `oci-distribution`, against which a test holds them. Its own parser is one regular expression whose
//! tables take 20 MB and, unoptimised, 0.2 s: half of what a whole mirror run may use.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

const DOCKER_HUB: &str = "docker.io";
/// As in every registry's implementation; the specification leaves it open. In characters.
const LONGEST_PATH: usize = 255;

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

    /// Its last part.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
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
        if text.contains("://") {
            return Err(invalid("a repository has no scheme: leave out `https://`"));
        }
        if text.rsplit('/').next().is_some_and(|last| last.contains(':')) {
            return Err(invalid("a repository has no tag: give it as `tag`"));
        }
        // Only a dot, a port or `localhost` makes the first part a registry.
        let registry = text
            .split_once('/')
            .filter(|(first, _)| first.contains(['.', ':']) || *first == "localhost");
        let (registry, path) = match registry {
            Some((registry, path)) => (parse_registry(registry)?, path),
            None => (DOCKER_HUB.to_owned(), text),
        };
        let path: RepositoryPath = path.parse()?;
        if registry == DOCKER_HUB && !path.0.contains('/') {
            return Ok(Self { registry, path: RepositoryPath(format!("library/{path}")) });
        }
        Ok(Self { registry, path })
    }
}

impl FromStr for RepositoryPath {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.contains('@') {
            return Err(invalid("a repository has no digest: give it as `digest`"));
        }
        if text.contains(':') {
            return Err(invalid("a repository has no tag: give it as `tag`"));
        }
        if text.chars().any(char::is_whitespace) {
            return Err(invalid("a repository has no white space"));
        }
        if text.chars().any(char::is_uppercase) {
            return Err(invalid("a repository is lowercase"));
        }
        if text.is_empty() {
            return Err(invalid("a repository must have at least one component"));
        }
        if text.len() > LONGEST_PATH {
            return Err(InvalidReference(format!(
                "a repository has at most {LONGEST_PATH} characters"
            )));
        }
        if !text.split('/').all(is_path_component) {
            return Err(invalid(
                "each part of a repository is made of letters and digits, with `.`, `_`, `__` or `-` between them",
            ));
        }
        Ok(Self(text.to_owned()))
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

/// Checks `host[:port]`, and gives it the name that references have it under.
///
/// # Errors
/// When the text is not a host, with an optional port, that could stand before a repository.
pub fn parse_registry(text: &str) -> Result<String, InvalidReference> {
    if text.contains("://") {
        return Err(invalid("a registry has no scheme: leave out `https://`"));
    }
    let is_port =
        |port: &str| port.parse::<u16>().is_ok() && port.bytes().all(|c| c.is_ascii_digit());
    if let Some(rest) = text.strip_prefix('[') {
        // As in an address (RFC 3986, section 3.2.2): the colons of the port are others than these.
        let address = rest.split_once(']').and_then(|(address, port)| {
            let fits = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            Some((address.parse::<Ipv6Addr>().ok().filter(|_| fits)?, port))
        });
        let (address, port) = address.ok_or_else(|| {
            invalid(
                "a registry in brackets is an IPv6 address, with or without a port: `[::1]:5000`",
            )
        })?;
        return Ok(format!("[{address}]{port}"));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let is_host = host.split('.').all(is_label) && port.is_none_or(is_port);
    if !is_host || (port.is_none() && !host.contains('.') && host != "localhost") {
        return Err(invalid(
            "a registry is `host` or `host:port`, with a dot or a port in it, or `localhost`",
        ));
    }
    // The name of its index, and that of its API.
    let is_hub = matches!(text, "index.docker.io" | "registry-1.docker.io");
    Ok(if is_hub { DOCKER_HUB.to_owned() } else { text.to_owned() })
}

/// A part of a host name: letters, digits and, inside, hyphens.
fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let edge = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'-')
}

/// A part of a path (distribution-spec, "Pulling manifests"): words of lowercase letters and digits,
/// and between two of them one `.`, one or two `_`, or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !component.starts_with(is_word) || !component.ends_with(is_word) {
        return false;
    }
    component.split(is_word).all(|between| {
        matches!(between, "" | "." | "_" | "__") || between.bytes().all(|c| c == b'-')
    })
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
            ("registry-1.docker.io/busybox", "docker.io", "library/busybox"),
            ("registry-1.docker.io/minio/mc", "docker.io", "minio/mc"),
            ("docker.io.example.com/mc", "docker.io.example.com", "mc"),
            ("library/busybox", "docker.io", "library/busybox"),
            ("a", "docker.io", "library/a"),
            ("a.b/c", "a.b", "c"),
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
            ("A/wait", "lowercase"),
            ("quay.io/", "at least one component"),
            ("quay.io//wait", "made of letters and digits"),
            ("quay.io/../wait", "made of letters and digits"),
            ("quay.io/a___b", "made of letters and digits"),
            ("quay.io/wait-", "made of letters and digits"),
            ("quay.io:99999/wait", "`host:port`, with"),
            ("-quay.io/wait", "`host` or"),
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
        let written =
            [("[::1]:5000", "[::1]:5000"), ("[0:0::1]", "[::1]"), ("[FD00::A]:1", "[fd00::a]:1")];
        for (text, expected) in written {
            assert_eq!(parse_registry(text).as_deref(), Ok(expected));
            let repository: Repository = format!("{text}/a/b").parse().unwrap();
            assert_eq!((repository.registry(), repository.path().as_str()), (expected, "a/b"));
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
            assert!(parse_registry(bad).is_err(), "{bad}");
        }
        for bad in ["", "quay", "quay.io/x", "https://quay.io", "quay.io:", "a b.c"] {
            assert!(parse_registry(bad).is_err(), "{bad}");
        }
    }

    /// What the field's parser makes of a repository without a tag; it gives one that is missing.
    fn oracle(text: &str) -> Option<(String, String)> {
        let reference = oci_distribution::Reference::try_from(format!("{text}:tag")).ok()?;
        Some((reference.registry().to_owned(), reference.repository().to_owned()))
    }

    proptest::proptest! {
        #[test]
        fn what_is_told_of_a_repository_names_it_again_and_is_told_alike(
            text in "((index\\.|registry-1\\.)?docker\\.io/)?(library/)?[a-z0-9._/-]{1,12}|[a-z0-9.:\\[\\]-]{1,12}/[a-z0-9_./-]{1,9}"
        ) {
            if let Ok(repository) = text.parse::<Repository>() {
                let told = repository.to_string();
                let again: Repository = told.parse().unwrap();
                proptest::prop_assert_eq!(&again, &repository, "{}", text);
                proptest::prop_assert_eq!(again.to_string(), told);
                let hub = repository.registry().ends_with("docker.io");
                proptest::prop_assert!(!hub || repository.path().as_str().contains('/'), "{}", text);
            }
        }

        #[test]
        fn no_text_keeps_the_parsers_from_an_answer(text in "\\PC{0,40}|[a-zA-Z0-9@:/._\\[\\]-]{0,300}") {
            let _ = text.parse::<Repository>();
            let _ = parse_registry(&text);
            if let Ok(tag) = text.parse::<Tag>() {
                proptest::prop_assert!(tag.as_str().len() <= 128);
            }
        }

        #[test]
        fn repositories_are_understood_as_the_fields_parser_does(
            text in "([a-zA-Z0-9.-]{1,6}(:[0-9]{1,4})?/)?[a-z0-9._/-]{1,12}|(docker\\.io|index\\.docker\\.io|localhost)(:5000)?/[a-z/]{1,9}"
        ) {
            let ours = text.parse::<Repository>().ok().map(|r| (r.registry.clone(), r.path.0.clone()));
            // The field's parser checks before it splits: what passed as a host becomes a path, and what
            // passed as a path becomes a host. Neither can be meant.
            let expected = oracle(&text)
                .filter(|(registry, path)| !path.contains(char::is_uppercase) && !registry.contains('_'));
            proptest::prop_assert_eq!(ours, expected, "{}", text);
        }
    }
}
