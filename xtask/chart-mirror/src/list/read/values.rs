//! Helm values: paths and templates, for the whole list and for one image.

use toml::Spanned;
use toml::de::DeTable;

use super::reader::Reader;
use super::value::{Kind, Lines, Value, describe};
use crate::list::problems::nearest;
use crate::list::template::{InvalidTemplate, Placeholder, Template, ValueTemplate};
use crate::list::{InvalidValuePath, SetValue, ValuePath};

/// The key of a value that is written as JSON.
const JSON: &str = "json";

/// What values apply to. It decides which placeholders they may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    List,
    PinnedImage,
    UnpinnedImage,
}

impl<'t> Reader<'t> {
    pub(super) fn values(
        &mut self,
        table: Spanned<DeTable<'t>>,
        scope: Scope,
    ) -> Option<Vec<(ValuePath, ValueTemplate)>> {
        let entries = self.entries(table);
        self.all(entries, |reader, (key, value)| {
            let path: Option<ValuePath> = reader
                .parsed(&key, |error: InvalidValuePath| (error.to_string(), hint_for_path(&error)));
            let value = reader.value_template(value, scope);
            let (path, value) = (path?, value?);
            let place = reader.place(&key.span());
            reader.value_places.entry(path.clone()).or_insert(place);
            Some((path, value))
        })
    }

    /// A Helm value. One that TOML cannot express is written as JSON: `{ json = "null" }`.
    pub(super) fn set_value(&mut self, value: Value<'t>) -> Option<Spanned<SetValue>> {
        if !self.is_json(&value) {
            return self.value(value);
        }
        let span = value.span();
        let table = self.value(value)?;
        let mut table = self.table(table, "a value with `json`");
        let json = self.optional(&mut table, JSON, Self::json);
        self.finish(table)?;
        Some(Spanned::new(span, SetValue::of_json(json?)))
    }

    /// Whether a value is `{ json = … }`. `image.json = …` without quotes and braces is a misspelled path.
    fn is_json(&self, value: &Value<'t>) -> bool {
        let has_key = value.get_ref().get(JSON).is_some();
        has_key && self.written(&value.span()).starts_with('{')
    }

    fn json(&mut self, text: Spanned<Lines>) -> Option<serde_json::Value> {
        let Lines(json) = text.get_ref();
        let error = match serde_json::from_str(json) {
            Ok(json) => return Some(json),
            Err(error) => error,
        };
        let hint = "write it like `{ json = \"null\" }` or `{ json = '[{\"a\": 1.5}]' }`";
        self.report(text.span(), format!("this is not JSON: {error}"), hint)?;
        None
    }

    fn value_template(&mut self, value: Value<'t>, scope: Scope) -> Option<ValueTemplate> {
        if value.get_ref().is_table() && !self.is_json(&value) {
            // `a.b = "x"` without quotes is a table `a` with a key `b`.
            let line = self.text[value.span().start..].lines().next().unwrap_or_default();
            let path = line.split('=').next().unwrap_or_default().trim();
            let hint = if path.contains('.') {
                format!("quote the path as one key: `\"{}\" = …`", path.replace('"', ""))
            } else {
                "write the path as one key: `\"global.imageRegistry\" = …`".to_owned()
            };
            let message = format!("expected {}, found {}", Kind::Scalar, describe(value.get_ref()));
            self.report(value.span(), message, hint)?;
        }
        let value = self.set_value(value)?;
        let span = value.span();
        Some(match value.into_inner() {
            SetValue::Boolean(boolean) => SetValue::Boolean(boolean),
            SetValue::Integer(integer) => SetValue::Integer(integer),
            SetValue::Json(json) => SetValue::Json(json),
            SetValue::String(text) => {
                SetValue::String(self.template(&Spanned::new(span, text), scope)?)
            }
        })
    }

    fn template(&mut self, text: &Spanned<String>, scope: Scope) -> Option<Template> {
        let template: Template = self.parsed(text, |error| {
            let otherwise = "placeholders are `{registry}`, `{repository}`, `{tag}` and `{digest}`";
            let hint =
                hint_for_template(&error, &Placeholder::ALL.map(Placeholder::name), otherwise);
            (error.to_string(), hint)
        })?;
        let unusable = template.placeholders().find_map(|placeholder| match (scope, placeholder) {
            (Scope::List, Placeholder::Registry) | (Scope::PinnedImage, _) => None,
            (Scope::List, other) => Some((
                format!("`{{{other}}}` is not available in `[values]`, which apply to all images"),
                "move the line below `[image.values]` of its image",
            )),
            (Scope::UnpinnedImage, Placeholder::Digest) => Some((
                "`{digest}` needs a pinned image".to_owned(),
                "use `{tag}` until the image has a `digest`",
            )),
            (Scope::UnpinnedImage, _) => None,
        });
        let Some((message, hint)) = unusable else { return Some(template) };
        self.report(text.span(), message, hint);
        None
    }
}

fn hint_for_path(error: &InvalidValuePath) -> &'static str {
    match error {
        InvalidValuePath::EmptyPart => "write it like `\"global.imageRegistry\"`",
        InvalidValuePath::Backslash => {
            "`\\.` is a dot inside a key, and `\\\\` a backslash: leave this one out"
        }
        InvalidValuePath::TooLong => {
            "no chart has values that are nested as deep: shorten the path"
        }
        InvalidValuePath::NotAnIndex(_) => "items are counted from 0: `\"packs.images[0].tag\"`",
        InvalidValuePath::Unclosed | InvalidValuePath::Unopened | InvalidValuePath::AfterIndex => {
            "write an item like `\"packs.images[0].tag\"`, and a bracket inside a key as `\\[`"
        }
    }
}

/// Suggests the placeholder that a misspelled one resembles.
pub(super) fn hint_for_template(
    error: &InvalidTemplate,
    known: &[&str],
    otherwise: &str,
) -> String {
    if let InvalidTemplate::Unknown(name) = error
        && let Some(known) = nearest(name.trim(), known)
    {
        return format!("did you mean `{{{known}}}`?");
    }
    otherwise.to_owned()
}
