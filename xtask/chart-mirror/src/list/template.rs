//! Templates: the texts of values, with placeholders for what is only known per destination.

use std::fmt;
use std::str::FromStr;

use super::SetValue;

/// A Helm value of the list: a text that depends on the destination, or what is the same for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueTemplate {
    Text(Template),
    Boolean(bool),
    Integer(i64),
}

/// A text with placeholders, as in `{registry}/{repository}`. Every placeholder in it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// What the placeholders of a template stand for.
///
/// Under `[values]`, which belongs to no single image, only `{registry}` occurs: start from
/// `Placeholders::default()` there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Placeholders<'a> {
    /// Where pods pull from: the registry with its prefix, without a trailing slash.
    pub registry: &'a str,
    /// The path of the image at the destination.
    pub repository: &'a str,
    pub tag: &'a str,
    /// Whoever renders makes sure that `{digest}` occurs only where there is one.
    pub digest: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    Registry,
    Repository,
    Tag,
    Digest,
}

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidTemplate {
    /// A placeholder that does not exist, without its braces.
    Unknown(String),
    /// A `{` that nothing closes.
    Unclosed,
    /// A `}` that nothing opened.
    Unopened,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(Placeholder),
}

impl ValueTemplate {
    pub fn render(&self, placeholders: &Placeholders<'_>) -> SetValue {
        match self {
            Self::Text(template) => SetValue::String(template.render(placeholders)),
            Self::Boolean(boolean) => SetValue::Boolean(*boolean),
            Self::Integer(integer) => SetValue::Integer(*integer),
        }
    }

    /// Whether a placeholder occurs in it.
    pub fn names(&self, placeholder: Placeholder) -> bool {
        matches!(self, Self::Text(template) if template.placeholders().any(|it| it == placeholder))
    }

    /// Whether it is another value for another image or destination.
    pub fn has_placeholders(&self) -> bool {
        matches!(self, Self::Text(template) if template.placeholders().next().is_some())
    }
}

impl Template {
    pub fn render(&self, placeholders: &Placeholders<'_>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(placeholder) => placeholders.get(*placeholder).to_owned(),
        };
        self.0.iter().map(part).collect()
    }

    /// The placeholders of this template, in their order.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(placeholder) => Some(*placeholder),
        })
    }
}

impl Placeholders<'_> {
    fn get(&self, placeholder: Placeholder) -> &str {
        match placeholder {
            Placeholder::Registry => self.registry,
            Placeholder::Repository => self.repository,
            Placeholder::Tag => self.tag,
            Placeholder::Digest => self.digest.unwrap_or_default(),
        }
    }
}

impl Placeholder {
    pub const ALL: [Self; 4] = [Self::Registry, Self::Repository, Self::Tag, Self::Digest];

    pub fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Repository => "repository",
            Self::Tag => "tag",
            Self::Digest => "digest",
        }
    }
}

impl FromStr for Template {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        let part = |piece| {
            Ok(match piece {
                Piece::Text(text) => Part::Text(text.to_owned()),
                Piece::Name(name) => {
                    let known = Placeholder::ALL.into_iter().find(|known| known.name() == name);
                    let unknown = || InvalidTemplate::Unknown(name.to_owned());
                    Part::Placeholder(known.ok_or_else(unknown)?)
                }
            })
        };
        pieces(text)?.into_iter().map(part).collect::<Result<_, _>>().map(Self)
    }
}

/// A piece of a template as it is written.
pub(super) enum Piece<'t> {
    Text(&'t str),
    /// What stands between braces.
    Name(&'t str),
}

/// Takes a text with names in braces apart.
///
/// # Errors
/// When the braces do not match.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, InvalidTemplate> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(brace) = rest.find(['{', '}']) {
        let (before, from_brace) = rest.split_at(brace);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let inside = from_brace.strip_prefix('{').ok_or(InvalidTemplate::Unopened)?;
        let (name, after) = inside.split_once('}').ok_or(InvalidTemplate::Unclosed)?;
        if name.contains('{') {
            return Err(InvalidTemplate::Unclosed);
        }
        pieces.push(Piece::Name(name));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// The text that was parsed.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Placeholder(placeholder) => write!(f, "{{{}}}", placeholder.name()),
        })
    }
}

impl fmt::Display for InvalidTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(f, "unknown placeholder `{{{}}}`", name.escape_debug())
            }
            Self::Unclosed => f.write_str("a `{` without its `}`"),
            Self::Unopened => f.write_str("a `}` without its `{`"),
        }
    }
}

impl std::error::Error for InvalidTemplate {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_wherever_they_stand() {
        let placeholders = Placeholders {
            registry: "mirror.example.com/a",
            repository: "stackstate/wait",
            tag: "1.0.6",
            digest: Some("sha256:00"),
        };
        let table = [
            ("{registry}", "mirror.example.com/a"),
            ("{registry}/{repository}", "mirror.example.com/a/stackstate/wait"),
            ("x{tag}{tag}y", "x1.0.61.0.6y"),
            ("{repository}@{digest}", "stackstate/wait@sha256:00"),
            ("no placeholder", "no placeholder"),
            ("", ""),
        ];
        for (text, expected) in table {
            let template: Template = text.parse().unwrap();
            assert_eq!(template.render(&placeholders), expected, "{text}");
            assert_eq!(template.to_string(), text);
        }
    }

    #[test]
    fn unknown_and_unbalanced_placeholders_are_refused() {
        let table = [
            ("{registri}", InvalidTemplate::Unknown("registri".to_owned())),
            ("{ tag }", InvalidTemplate::Unknown(" tag ".to_owned())),
            ("{}", InvalidTemplate::Unknown(String::new())),
            ("{registry", InvalidTemplate::Unclosed),
            ("{registry{tag}", InvalidTemplate::Unclosed),
            ("{{tag}}", InvalidTemplate::Unclosed),
            ("registry}", InvalidTemplate::Unopened),
            ("{tag}}", InvalidTemplate::Unopened),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<Template>(), Err(expected), "{text}");
        }
    }
}
