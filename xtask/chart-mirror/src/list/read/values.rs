//! Helm values: paths and templates, of all images and of one.

use toml::Spanned;

use super::Reader;
use crate::list::fields::{Entries, Field};
use crate::list::problems::nearest;
use crate::list::template::{InvalidTemplate, Placeholder, Template, ValueTemplate};
use crate::list::{InvalidValuePath, SetValue, ValuePath};

/// Whose values they are decides which placeholders have a meaning.
#[derive(Clone, Copy)]
enum Of {
    All,
    Image { is_pinned: bool },
}

impl Reader<'_> {
    pub(super) fn values_of_all(
        &mut self,
        values: Spanned<Entries<SetValue>>,
    ) -> Option<Vec<(ValuePath, ValueTemplate)>> {
        self.values(values, Of::All)
    }

    pub(super) fn values_of_image(
        &mut self,
        values: Spanned<Entries<SetValue>>,
        is_pinned: bool,
    ) -> Option<Vec<(ValuePath, ValueTemplate)>> {
        self.values(values, Of::Image { is_pinned })
    }

    fn values(
        &mut self,
        values: Spanned<Entries<SetValue>>,
        of: Of,
    ) -> Option<Vec<(ValuePath, ValueTemplate)>> {
        self.all(values.into_inner().0, |reader, (key, field)| {
            let path = reader.value_path(&key);
            let value = reader.value_template(field, of);
            let (path, value) = (path?, value?);
            let place = reader.place(&key.span());
            reader.value_places.entry(path.clone()).or_insert(place);
            Some((path, value))
        })
    }

    fn value_path(&mut self, key: &Spanned<String>) -> Option<ValuePath> {
        match key.get_ref().parse::<ValuePath>() {
            Ok(path) => Some(path),
            Err(error) => {
                self.report(key.span(), error.to_string(), hint_for_path(&error).to_owned());
                None
            }
        }
    }

    fn value_template(&mut self, field: Field<SetValue>, of: Of) -> Option<ValueTemplate> {
        if let Err(mismatch) = &field.value
            && mismatch.is_about_a_table()
        {
            // `a.b = "x"` without quotes is a table `a` with a key `b`.
            let line = self.text[field.span.start..].lines().next().unwrap_or_default();
            let path = line.split('=').next().unwrap_or_default().trim();
            let hint = if path.contains('.') {
                format!("quote the path as one key: `\"{}\" = …`", path.replace('"', ""))
            } else {
                "write the path as one key: `\"global.imageRegistry\" = …`".to_owned()
            };
            self.report(field.span, mismatch.to_string(), hint);
            return None;
        }
        let value = self.value(field)?;
        let span = value.span();
        match value.into_inner() {
            SetValue::Boolean(boolean) => Some(ValueTemplate::Boolean(boolean)),
            SetValue::Integer(integer) => Some(ValueTemplate::Integer(integer)),
            SetValue::String(text) => {
                self.template(&Spanned::new(span, text), of).map(ValueTemplate::Text)
            }
        }
    }

    fn template(&mut self, text: &Spanned<String>, of: Of) -> Option<Template> {
        match text.get_ref().parse::<Template>() {
            Ok(template) => self.placeholders_have_a_meaning(text, template, of),
            Err(error) => {
                let hint = hint_for_template(&error);
                self.report(text.span(), error.to_string(), hint);
                None
            }
        }
    }

    fn placeholders_have_a_meaning(
        &mut self,
        text: &Spanned<String>,
        template: Template,
        of: Of,
    ) -> Option<Template> {
        let mismatch = template.placeholders().find_map(|placeholder| match (of, placeholder) {
            (Of::All, Placeholder::Registry) | (Of::Image { is_pinned: true }, _) => None,
            (Of::All, other) => Some((
                format!("`{{{}}}` belongs to one image, and `[values]` to all", other.name()),
                "move the line below `[image.values]` of that image",
            )),
            (Of::Image { is_pinned: false }, Placeholder::Digest) => Some((
                "`{digest}` has no meaning: this image is not pinned".to_owned(),
                "give the image its `digest`, or use `{tag}`",
            )),
            (Of::Image { is_pinned: false }, _) => None,
        });
        let Some((message, hint)) = mismatch else { return Some(template) };
        self.report(text.span(), message, hint.to_owned());
        None
    }
}

fn hint_for_path(error: &InvalidValuePath) -> &'static str {
    match error {
        InvalidValuePath::EmptyPart => "write it as in `\"global.imageRegistry\"`",
        InvalidValuePath::Backslash => {
            "`\\.` is a dot inside of a key, and `\\\\` a backslash: leave this one out"
        }
        InvalidValuePath::NotAnIndex(_) => "items count from 0, as in `\"packs.images[0].tag\"`",
        InvalidValuePath::Unclosed | InvalidValuePath::Unopened | InvalidValuePath::AfterIndex => {
            "write an item as in `\"packs.images[0].tag\"`, and a bracket inside of a key as `\\[`"
        }
    }
}

fn hint_for_template(error: &InvalidTemplate) -> String {
    let known = Placeholder::ALL.map(Placeholder::name);
    if let InvalidTemplate::Unknown(name) = error
        && let Some(meant) = nearest(name.trim(), &known)
    {
        return format!("did you mean `{{{meant}}}`?");
    }
    "placeholders are `{registry}`, `{repository}`, `{tag}` and `{digest}`".to_owned()
}
