//! The parts of a reference `registry/repository:tag`, each with its own type.
//!
//! The grammar and the normalisation (`busybox` is `docker.io/library/busybox`) are those of
//! `oci-distribution`; a test compares them. Its parser is not used: it is one regular expression whose
//! tables take 20 MB and, unoptimised, 0.2 s, which is half the budget of a mirror run.

use std::fmt;
use std::str::FromStr;

use crate::invalid_reference::{InvalidReference, invalid};
use crate::registry::Registry;
use crate::text::{parsed_text, text_like, text_only};

/// In characters. The specification has no limit, but every registry has this one. The message repeats it.
const LONGEST_PATH: usize = 255;

/// A repository of a registry: `quay.io/stackstate/wait`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: Registry,
    path: RepositoryPath,
}

/// The path of a repository inside its registry: `stackstate/wait`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryPath(String);

/// A mutable name for a manifest in a repository (distribution-spec, "Pulling manifests").
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

/// A tag of a repository: `quay.io/stackstate/wait:1.0.6`. It identifies an image: two images with the
/// same reference are the same image, whatever digest they are pinned to.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    repository: Repository,
    tag: Tag,
}

impl Repository {
    pub fn new(registry: Registry, path: RepositoryPath) -> Self {
        Self { registry, path }
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn path(&self) -> &RepositoryPath {
        &self.path
    }

    /// A reference to a tag of this repository.
    pub fn tagged(&self, tag: &Tag) -> Reference {
        Reference { repository: self.clone(), tag: tag.clone() }
    }
}

impl Reference {
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    pub fn tag(&self) -> &Tag {
        &self.tag
    }
}

impl RepositoryPath {
    /// Its last component.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path of a repository in an image layout or in a proxy for several registries, which have to
    /// distinguish registries: `localhost:5000/app`. It is the only path that may have a colon, and it may be
    /// too long for a registry.
    #[must_use]
    pub fn with_host(repository: &Repository) -> Self {
        Self(repository.to_string())
    }

    /// This path below another: `stackstate/wait` below `mirror` is `mirror/stackstate/wait`.
    #[must_use]
    pub fn below(&self, prefix: &Self) -> Self {
        Self(format!("{prefix}/{self}"))
    }
}

impl FromStr for Repository {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        if text.contains("://") {
            return Err(invalid("a repository has no scheme: leave out `https://`"));
        }
        let registry = text.split_once('/').filter(|(first, _)| Registry::is_meant_by(first));
        let (registry, path) = match registry {
            Some((registry, path)) => (registry.parse()?, path),
            None => (Registry::docker_hub(), text),
        };
        let path: RepositoryPath = path.parse()?;
        if registry.is_docker_hub() && !path.0.contains('/') {
            // May be too long now.
            return Ok(Self { registry, path: format!("library/{path}").parse()? });
        }
        Ok(Self { registry, path })
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let (repository, tag) = text
            .rsplit_once(':')
            .filter(|(_, tag)| !tag.contains('/'))
            .ok_or_else(|| invalid("a reference is `repository:tag`"))?;
        Ok(Self { repository: repository.parse()?, tag: tag.parse()? })
    }
}

impl FromStr for RepositoryPath {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let has = |matches: fn(char) -> bool| text.contains(matches);
        let components = "each component of a repository consists of letters and digits, with `.`, `_`, `__` or `-` between them";
        let rules = [
            (!text.contains('@'), "a repository has no digest: give it as `digest`"),
            (!text.contains(':'), "a repository has no tag: give it as `tag`"),
            (!has(char::is_whitespace), "a repository has no white space"),
            (!has(char::is_uppercase), "a repository is lowercase"),
            (!text.is_empty(), "a repository must have at least one component"),
            (text.len() <= LONGEST_PATH, "a repository has at most 255 characters"),
            (text.split('/').all(is_path_component), components),
        ];
        match rules.into_iter().find(|(is_met, _)| !is_met) {
            Some((_, rule)) => Err(invalid(rule)),
            None => Ok(Self(text.to_owned())),
        }
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
                "a tag consists of letters, digits, `_`, `.` and `-`, and does not start with `.` or `-`",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A component of a path (distribution-spec, "Pulling manifests"): words of lowercase letters and digits,
/// separated by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !component.starts_with(is_word) || !component.ends_with(is_word) {
        return false;
    }
    component.split(is_word).all(|between| {
        matches!(between, "" | "." | "_" | "__") || between.bytes().all(|c| c == b'-')
    })
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As other tools name an image in a layout: `oci:DIR:docker.io/library/busybox`.
        let separator = if self.registry.is_layout() { ':' } else { '/' };
        write!(f, "{}{separator}{}", self.registry, self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

text_like!(Reference, Repository);
text_only!(RepositoryPath, Tag);
parsed_text!(Reference);

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
            ("LOCALHOST/wait", "localhost", "wait"),
            ("Quay.IO/wait", "quay.io", "wait"),
            ("Docker.io/busybox", "docker.io", "library/busybox"),
            ("127.0.0.1:5000/wait", "127.0.0.1:5000", "wait"),
            ("registry.suse.com/a/b/c/d", "registry.suse.com", "a/b/c/d"),
            ("[::1]:5000/a/b", "[::1]:5000", "a/b"),
            ("[FD00::A]:1/a/b", "[fd00::a]:1", "a/b"),
            ("gcr.io/pause", "gcr.io", "pause"),
        ];
        for (text, registry, path) in table {
            let repository: Repository = text.parse().unwrap();
            assert_eq!(
                (repository.registry().as_str(), repository.path().as_str()),
                (registry, path),
                "{text}"
            );
        }
    }

    #[test]
    fn the_limit_of_a_path_includes_the_library_of_docker_hub() {
        for (length, fits) in [(247, true), (248, false), (255, false)] {
            let parsed = "a".repeat(length).parse::<Repository>();
            assert_eq!(parsed.is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn an_invalid_repository_is_refused_with_the_reason() {
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
            ("quay.io//wait", "consists of letters and digits"),
            ("quay.io/../wait", "consists of letters and digits"),
            ("quay.io/a___b", "consists of letters and digits"),
            ("quay.io/wait-", "consists of letters and digits"),
            ("quay.io:99999/wait", "`host:port`, with"),
            ("-quay.io/wait", "`host` or"),
        ];
        for (text, reason) in table {
            let error = text.parse::<Repository>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_repository_in_a_layout_has_the_host_in_its_path() {
        let source: Repository = "localhost:5000/a/b".parse().unwrap();
        let layout = Registry::of_layout(crate::LayoutForm::Directory, "out");
        let there = Repository::new(layout, RepositoryPath::with_host(&source));
        assert_eq!(there.path().as_str(), "localhost:5000/a/b");
        assert_eq!(there.to_string(), "oci:out:localhost:5000/a/b");
    }

    #[test]
    fn a_reference_is_a_repository_with_a_tag() {
        let reference: Reference = "localhost:5000/a/b:1.0".parse().unwrap();
        assert_eq!(reference.repository().to_string(), "localhost:5000/a/b");
        assert_eq!(
            (reference.tag().as_str(), reference.to_string().as_str()),
            ("1.0", "localhost:5000/a/b:1.0")
        );
        for bad in ["quay.io/a", "localhost:5000/a", "quay.io/a:", "quay.io/a:1@sha256:00"] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tags_follow_the_grammar() {
        for good in ["1.0.6", "v1.19.1-sts.20211207.0748", "_x", "latest"] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", ".x", "-x", "a b", "a/b", "a:b", &"x".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }

    /// The result of the parser of `oci-distribution`, for a repository without a tag.
    fn oracle(text: &str) -> Option<(String, String)> {
        let reference = oci_distribution::Reference::try_from(format!("{text}:tag")).ok()?;
        // It keeps the case of hosts.
        Some((reference.registry().to_ascii_lowercase(), reference.repository().to_owned()))
    }

    proptest::proptest! {
        #[test]
        fn the_text_of_a_repository_parses_to_the_same_repository(
            text in "((index\\.|registry-1\\.)?docker\\.io/)?(library/)?[a-z0-9._/-]{1,12}|[a-z0-9.:\\[\\]-]{1,12}/[a-z0-9_./-]{1,9}"
        ) {
            if let Ok(repository) = text.parse::<Repository>() {
                let text_again = repository.to_string();
                let again: Repository = text_again.parse().unwrap();
                proptest::prop_assert_eq!(&again, &repository, "{}", text);
                proptest::prop_assert_eq!(again.to_string(), text_again);
                let hub = repository.registry().as_str().ends_with("docker.io");
                proptest::prop_assert!(!hub || repository.path().as_str().contains('/'), "{}", text);
            }
        }

        #[test]
        fn the_parsers_accept_or_refuse_any_text(text in "\\PC{0,40}|[a-zA-Z0-9@:/._\\[\\]-]{0,300}") {
            let _ = text.parse::<Repository>();
            let _ = text.parse::<Registry>();
            if let Ok(tag) = text.parse::<Tag>() {
                proptest::prop_assert!(tag.as_str().len() <= 128);
            }
        }

        #[test]
        fn repositories_parse_as_in_oci_distribution(
            text in "([a-zA-Z0-9.-]{1,6}(:[1-9][0-9]{0,3})?/)?[a-z0-9._/-]{1,12}|(docker\\.io|index\\.docker\\.io|localhost)(:5000)?/[a-z/]{1,9}"
        ) {
            let ours = text.parse::<Repository>().ok().map(|r| (r.registry.to_string(), r.path.0.clone()));
            // The other parser checks before it splits, so a host can become a path and a path a host.
            // Such results are wrong.
            let expected = oracle(&text)
                .filter(|(registry, path)| !path.contains(char::is_uppercase) && !registry.contains('_'));
            proptest::prop_assert_eq!(ours, expected, "{}", text);
        }
    }
}
