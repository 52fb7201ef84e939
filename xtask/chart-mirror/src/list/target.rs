//! `TargetTemplate`: derives the path of an image at a destination from its source. `fold` limits the
//! depth of a path.

use std::fmt;
use std::str::FromStr;

use super::named;
use super::template::{InvalidTemplate, Template};
use oci::{InvalidReference, Repository, RepositoryPath};

/// A path with placeholders, as in `mirror/{registry}/{path}`. What it renders to is always a path,
/// except that it may be too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetTemplate(Template<SourcePart>);

/// Why a text is not such a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTarget {
    #[error(transparent)]
    Template(#[from] InvalidTemplate),
    /// It does not render to a path.
    #[error("`target` does not make a repository path: {0}")]
    NotAPath(#[from] InvalidReference),
    /// It does not depend on the image, so all images would share one repository.
    #[error("`target` would put all images into one repository")]
    SameForAll,
}

/// A part of the repository that an image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourcePart {
    /// `stackstate/wait`
    Path,
    /// `wait`
    Name,
    /// `quay.io`; for `localhost:5000`, `localhost-5000`
    Registry,
}

impl SourcePart {
    fn of(self, source: &Repository) -> String {
        match self {
            Self::Path => source.path().to_string(),
            Self::Name => source.path().name().to_owned(),
            // Colons are the only characters of a host that a path cannot have.
            Self::Registry => source.registry().as_str().replace(':', "-"),
        }
    }
}

named!(SourcePart, Path = "path", Name = "name", Registry = "registry");

impl TargetTemplate {
    /// The path for images from a repository.
    pub(super) fn render(&self, source: &Repository) -> String {
        self.0.render(|part| part.of(source))
    }
}

/// `{path}`: every image keeps its path.
impl Default for TargetTemplate {
    fn default() -> Self {
        Self(Template::of(SourcePart::Path))
    }
}

impl FromStr for TargetTemplate {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let template: Template<SourcePart> = text.parse()?;
        // Every replacement begins and ends with a letter or a digit, so one example is enough.
        text.replace(['{', '}'], "").parse::<RepositoryPath>()?;
        if template.placeholders().all(|part| part == SourcePart::Registry) {
            return Err(InvalidTarget::SameForAll);
        }
        Ok(Self(template))
    }
}

/// Joins the last components of a path that has more than `depth`: `a/b-c-d` for `a/b/c/d`.
pub(super) fn fold(path: &str, depth: usize) -> String {
    let components = path.splitn(depth.max(1), '/').map(|component| component.replace('/', "-"));
    components.collect::<Vec<_>>().join("/")
}

/// The text that was parsed.
impl fmt::Display for TargetTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_consists_of_parts_of_the_source() {
        let table = [
            ("{path}", "quay.io/stackstate/wait", "stackstate/wait"),
            ("{name}", "quay.io/stackstate/wait", "wait"),
            ("{name}", "quay.io/wait", "wait"),
            ("m/{registry}/{path}", "busybox", "m/docker.io/library/busybox"),
            ("{registry}/{path}", "localhost:5000/a/b", "localhost-5000/a/b"),
            ("{registry}.{name}_x", "Quay.IO/a/b", "quay.io.b_x"),
            ("{registry}{name}", "quay.io/a/b", "quay.iob"),
        ];
        for (template, source, expected) in table {
            let parsed: TargetTemplate = template.parse().unwrap();
            let path = parsed.render(&source.parse().unwrap());
            assert_eq!(path, expected, "{template} {source}");
            assert!(path.parse::<RepositoryPath>().is_ok(), "{path}");
            assert_eq!(parsed.to_string(), template);
        }
        assert_eq!("{path}".parse(), Ok(TargetTemplate::default()));
    }

    #[test]
    fn a_template_that_does_not_make_a_path_is_refused_with_the_reason() {
        let table = [
            ("", "does not make a repository path"),
            ("/{path}", "does not make a repository path"),
            ("{path}/", "does not make a repository path"),
            ("{path}-", "does not make a repository path"),
            ("A/{path}", "is lowercase"),
            ("{path}:{name}", "has no tag"),
            ("{paht}", "unknown placeholder `{paht}`"),
            ("{tag}", "unknown placeholder `{tag}`"),
            ("{path", "a `{` without its `}`"),
            ("mirror", "all images into one repository"),
            ("{registry}", "all images into one repository"),
        ];
        for (text, reason) in table {
            let error = text.parse::<TargetTemplate>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn the_last_components_of_a_path_that_is_too_deep_are_joined() {
        let table = [
            ("a/b/c/d", 1, "a-b-c-d"),
            ("a/b/c/d", 2, "a/b-c-d"),
            ("a/b/c/d", 3, "a/b/c-d"),
            ("a/b/c/d", 4, "a/b/c/d"),
            ("a/b/c/d", 9, "a/b/c/d"),
            ("a", 1, "a"),
            ("a_b/c.d", 1, "a_b-c.d"),
        ];
        for (path, depth, expected) in table {
            assert_eq!(fold(path, depth), expected, "{path} {depth}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_template_renders_every_source_to_a_path(
            template in "([a-z0-9]{0,2}([._-]|__|/)?\\{(path|name|registry)\\}([._-]|__|/)?){1,3}[a-z]?",
            source in "([A-Za-z0-9]{1,3}[.][a-z]{1,3}(:[0-9]{1,3})?/)?[a-z0-9]{1,3}((/|[._]|-{1,5})[a-z0-9]{1,3}){0,3}",
            depth in 1_usize..4,
        ) {
            if let (Ok(template), Ok(source)) = (template.parse::<TargetTemplate>(), source.parse()) {
                let path = template.render(&source);
                proptest::prop_assert!(path.parse::<RepositoryPath>().is_ok(), "{}", path);
                let folded = fold(&path, depth);
                proptest::prop_assert!(folded.parse::<RepositoryPath>().is_ok(), "{}", folded);
                proptest::prop_assert!(folded.split('/').count() <= depth, "{}", folded);
            }
        }
    }
}
