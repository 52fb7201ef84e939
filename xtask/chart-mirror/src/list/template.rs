//! `Template`: a text with placeholders, and the Helm values that are written with it.

use std::fmt;
use std::str::FromStr;

use super::SetValue;

/// A Helm value of the list. Texts depend on the destination; other values are the same everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueTemplate {
    Text(Template),
    Boolean(bool),
    Integer(i64),
}

/// A text with placeholders, as in `{registry}/{repository}`. All of them are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template<P = Placeholder>(Vec<Part<P>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part<P> {
    Text(String),
    Placeholder(P),
}

/// A kind of placeholder with the names that it has in braces.
pub trait Named: Copy {
    fn name(self) -> &'static str;

    fn from_name(name: &str) -> Option<Self>;
}

/// What the placeholders of a value are replaced with.
///
/// The values in `[values]` belong to no image and use only `{registry}`: start from
/// `Placeholders::default()` for them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Placeholders<'a> {
    /// Where pods pull from: the registry with its prefix, without a trailing slash.
    pub registry: &'a str,
    /// The path of the image at the destination.
    pub repository: &'a str,
    pub tag: &'a str,
    /// `None` only if the value does not use `{digest}`.
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// A placeholder that does not exist, without its braces.
    #[error("unknown placeholder `{{{}}}`", .0.escape_debug())]
    Unknown(String),
    /// A `{` without its `}`.
    #[error("a `{{` without its `}}`")]
    Unclosed,
    /// A `}` without its `{`.
    #[error("a `}}` without its `{{`")]
    Unopened,
}

impl ValueTemplate {
    pub fn render(&self, placeholders: &Placeholders<'_>) -> SetValue {
        let get = |placeholder| placeholders.get(placeholder).to_owned();
        self.map_text(|template| template.render(get))
    }

    /// The value as images.toml has it.
    pub fn unrendered(&self) -> SetValue {
        self.map_text(ToString::to_string)
    }

    fn map_text(&self, text: impl FnOnce(&Template) -> String) -> SetValue {
        match self {
            Self::Text(template) => SetValue::String(text(template)),
            Self::Boolean(boolean) => SetValue::Boolean(*boolean),
            Self::Integer(integer) => SetValue::Integer(*integer),
        }
    }

    pub fn uses(&self, placeholder: Placeholder) -> bool {
        matches!(self, Self::Text(template) if template.placeholders().any(|it| it == placeholder))
    }

    /// Whether it differs between images or destinations.
    pub fn has_placeholders(&self) -> bool {
        matches!(self, Self::Text(template) if template.placeholders().next().is_some())
    }
}

impl<P: Named> Template<P> {
    pub(super) fn of(placeholder: P) -> Self {
        Self(vec![Part::Placeholder(placeholder)])
    }

    pub(super) fn render(&self, replacement: impl Fn(P) -> String) -> String {
        let part = |part: &Part<P>| match part {
            Part::Text(text) => text.clone(),
            Part::Placeholder(placeholder) => replacement(*placeholder),
        };
        self.0.iter().map(part).collect()
    }

    /// In the order of the text.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = P> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Placeholder(placeholder) => Some(*placeholder),
        })
    }

    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.0.push(Part::Text(text.to_owned()));
        }
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
}

impl Named for Placeholder {
    fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Repository => "repository",
            Self::Tag => "tag",
            Self::Digest => "digest",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|placeholder| placeholder.name() == name)
    }
}

impl<P: Named> FromStr for Template<P> {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        let mut template = Self(Vec::new());
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            let (before, from_brace) = rest.split_at(brace);
            template.push_text(before);
            let inside = from_brace.strip_prefix('{').ok_or(InvalidTemplate::Unopened)?;
            let (name, after) = inside.split_once('}').ok_or(InvalidTemplate::Unclosed)?;
            if name.contains('{') {
                return Err(InvalidTemplate::Unclosed);
            }
            let unknown = || InvalidTemplate::Unknown(name.to_owned());
            template.0.push(Part::Placeholder(P::from_name(name).ok_or_else(unknown)?));
            rest = after;
        }
        template.push_text(rest);
        Ok(template)
    }
}

/// The text that was parsed.
impl<P: Named> fmt::Display for Template<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(|placeholder| format!("{{{}}}", placeholder.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_everywhere() {
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
            assert_eq!(template.render(|it| placeholders.get(it).to_owned()), expected, "{text}");
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
