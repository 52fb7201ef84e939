//! `TargetTemplate`: how the path of an image at a destination is made from where it comes from, and
//! how a path is made shallow.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use super::template::{InvalidTemplate, Piece, pieces};
use oci::{Repository, RepositoryPath};

/// A path with placeholders, as in `mirror/{registry}/{path}`. What comes out of it is always a path,
/// though one may be too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetTemplate(Vec<Part>);

/// Why a text is no such template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidTarget {
    Template(InvalidTemplate),
    /// What comes out would be no path.
    NotAPath(String),
    /// It says nothing of the image, so all of them would be in one repository.
    SameForAll,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(SourcePart),
}

/// A part of the repository that an image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourcePart {
    /// `stackstate/wait`
    Path,
    /// `wait`
    Name,
    /// `quay.io`; of `localhost:5000`, `localhost-5000`
    Registry,
}

impl SourcePart {
    pub(super) const ALL: [Self; 3] = [Self::Path, Self::Name, Self::Registry];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Name => "name",
            Self::Registry => "registry",
        }
    }

    fn of(self, source: &Repository) -> String {
        match self {
            Self::Path => source.path().to_string(),
            Self::Name => source.path().name().to_owned(),
            // A path has neither colons nor capitals; all else that a host may have, it may have too.
            Self::Registry => source.registry().as_str().to_lowercase().replace(':', "-"),
        }
    }
}

impl TargetTemplate {
    /// The path for what comes from a repository.
    pub(super) fn render(&self, source: &Repository) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(placeholder) => placeholder.of(source),
        };
        self.0.iter().map(part).collect()
    }
}

/// `{path}`: every image keeps its path.
impl Default for TargetTemplate {
    fn default() -> Self {
        Self(vec![Part::Placeholder(SourcePart::Path)])
    }
}

impl FromStr for TargetTemplate {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let part = |piece| {
            Ok(match piece {
                Piece::Text(text) => Part::Text(text.to_owned()),
                Piece::Name(name) => {
                    let known = SourcePart::ALL.into_iter().find(|known| known.name() == name);
                    let unknown = || InvalidTemplate::Unknown(name.to_owned());
                    Part::Placeholder(known.ok_or_else(unknown)?)
                }
            })
        };
        let parts = pieces(text).and_then(|pieces| pieces.into_iter().map(part).collect());
        let template = Self(parts.map_err(InvalidTarget::Template)?);
        // Whatever stands for a placeholder begins and ends with a letter or a digit, so one example
        // tells of all.
        let example = text.replace(['{', '}'], "");
        example
            .parse::<RepositoryPath>()
            .map_err(|why| InvalidTarget::NotAPath(why.to_string()))?;
        let is_of_image =
            |part: &Part| matches!(part, Part::Placeholder(SourcePart::Path | SourcePart::Name));
        if template.0.iter().any(is_of_image) {
            Ok(template)
        } else {
            Err(InvalidTarget::SameForAll)
        }
    }
}

/// A path of at most so many parts: the last ones are joined, as in `a/b-c-d` of `a/b/c/d`.
pub(super) fn fold(path: &str, depth: NonZeroUsize) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let (kept, joined) = parts.split_at(parts.len().min(depth.get() - 1));
    let joined = joined.join("-");
    kept.iter()
        .copied()
        .chain([joined.as_str()])
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
}

/// The text that was parsed.
impl fmt::Display for TargetTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Placeholder(placeholder) => write!(f, "{{{}}}", placeholder.name()),
        })
    }
}

impl fmt::Display for InvalidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(why) => why.fmt(f),
            Self::NotAPath(why) => write!(f, "`target` makes no path of a repository: {why}"),
            Self::SameForAll => f.write_str("`target` would put all images into one repository"),
        }
    }
}

impl std::error::Error for InvalidTarget {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_made_of_the_parts_of_the_source() {
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
            let made = parsed.render(&source.parse().unwrap());
            assert_eq!(made, expected, "{template} {source}");
            assert!(made.parse::<RepositoryPath>().is_ok(), "{made}");
            assert_eq!(parsed.to_string(), template);
        }
        assert_eq!("{path}".parse(), Ok(TargetTemplate::default()));
    }

    #[test]
    fn what_makes_no_path_is_refused_with_the_reason() {
        let table = [
            ("", "makes no path"),
            ("/{path}", "makes no path"),
            ("{path}/", "makes no path"),
            ("{path}-", "makes no path"),
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
    fn a_path_that_is_too_deep_has_its_last_parts_joined() {
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
            assert_eq!(fold(path, depth.try_into().unwrap()), expected, "{path} {depth}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_template_and_the_source_a_path_comes_out(
            template in "([a-z0-9]{0,2}([._-]|__|/)?\\{(path|name|registry)\\}([._-]|__|/)?){1,3}[a-z]?",
            source in "([A-Za-z0-9]{1,3}[.][a-z]{1,3}(:[0-9]{1,3})?/)?[a-z0-9]{1,3}((/|[._]|-+)[a-z0-9]{1,3}){0,3}",
            depth in 1_usize..4,
        ) {
            if let (Ok(template), Ok(source)) = (template.parse::<TargetTemplate>(), source.parse()) {
                let made = template.render(&source);
                proptest::prop_assert!(made.parse::<RepositoryPath>().is_ok(), "{}", made);
                let folded = fold(&made, depth.try_into().unwrap());
                proptest::prop_assert!(folded.parse::<RepositoryPath>().is_ok(), "{}", folded);
                proptest::prop_assert!(folded.split('/').count() <= depth, "{}", folded);
            }
        }
    }
}
