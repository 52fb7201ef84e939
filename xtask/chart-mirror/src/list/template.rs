//! `Template`: a text with placeholders, and the Helm values that are written with it.

use std::fmt;
use std::str::FromStr;

use super::{SetValue, named};

/// A Helm value of the list. Texts depend on the destination; other values are the same everywhere.
pub type ValueTemplate = SetValue<Template>;

/// A text with placeholders, as in `{registry}/{repository}`. All of them are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template<P = Placeholder> {
    /// Each placeholder, with the text before it.
    parts: Vec<(String, P)>,
    /// The text after the last placeholder.
    end: String,
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
        self.map(|template| template.render(get))
    }

    /// The value as images.toml has it.
    pub fn unrendered(&self) -> SetValue {
        self.map(ToString::to_string)
    }

    pub fn uses(&self, placeholder: Placeholder) -> bool {
        matches!(self, Self::String(template) if template.placeholders().any(|it| it == placeholder))
    }

    /// Whether it differs between images or destinations.
    pub fn has_placeholders(&self) -> bool {
        matches!(self, Self::String(template) if !template.parts.is_empty())
    }
}

impl<P: Copy> Template<P> {
    pub(super) fn of(placeholder: P) -> Self {
        Self { parts: vec![(String::new(), placeholder)], end: String::new() }
    }

    pub(super) fn render(&self, replacement: impl Fn(P) -> String) -> String {
        let part =
            |(before, placeholder): &(String, P)| before.clone() + &replacement(*placeholder);
        self.parts.iter().map(part).chain([self.end.clone()]).collect()
    }

    /// In the order of the text.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = P> {
        self.parts.iter().map(|(_, placeholder)| *placeholder)
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

named!(
    Placeholder,
    Registry = "registry",
    Repository = "repository",
    Tag = "tag",
    Digest = "digest"
);

impl<P: FromStr> FromStr for Template<P> {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, InvalidTemplate> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            let (before, from_brace) = rest.split_at(brace);
            let inside = from_brace.strip_prefix('{').ok_or(InvalidTemplate::Unopened)?;
            let (name, after) = inside.split_once('}').ok_or(InvalidTemplate::Unclosed)?;
            if name.contains('{') {
                return Err(InvalidTemplate::Unclosed);
            }
            let placeholder =
                name.parse().map_err(|_| InvalidTemplate::Unknown(name.to_owned()))?;
            parts.push((before.to_owned(), placeholder));
            rest = after;
        }
        Ok(Self { parts, end: rest.to_owned() })
    }
}

/// The text that was parsed.
impl<P: Copy + fmt::Display> fmt::Display for Template<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(|placeholder| format!("{{{placeholder}}}")))
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
