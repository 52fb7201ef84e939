//! Helm values: dotted paths and templates, of all images and of one.

use toml::Spanned;

use super::Reader;
use crate::list::fields::{Entries, Field};
use crate::list::problems::nearest;
use crate::list::template::{InvalidTemplate, Placeholder, Template};

/// Whose values they are decides which placeholders have a meaning.
#[derive(Clone, Copy)]
enum Of {
    All,
    Image { is_pinned: bool },
}

impl Reader<'_> {
    pub(super) fn values_of_all(
        &mut self,
        values: Spanned<Entries<String>>,
    ) -> Option<Vec<(String, Template)>> {
        self.values(values, Of::All)
    }

    pub(super) fn values_of_image(
        &mut self,
        values: Spanned<Entries<String>>,
        is_pinned: bool,
    ) -> Option<Vec<(String, Template)>> {
        self.values(values, Of::Image { is_pinned })
    }

    fn values(
        &mut self,
        values: Spanned<Entries<String>>,
        of: Of,
    ) -> Option<Vec<(String, Template)>> {
        self.all(values.into_inner().0, |reader, (key, field)| {
            let path = reader.value_path(&key);
            let template = reader.template(field, of);
            Some((path?, template?))
        })
    }

    fn value_path(&mut self, key: &Spanned<String>) -> Option<String> {
        let path = key.get_ref();
        if path.contains(['[', ']']) {
            let hint = "Helm replaces a list as a whole: one of its items cannot be set alone";
            self.report(key.span(), "the path of a value goes into a list", hint.to_owned());
            return None;
        }
        if path.split('.').any(str::is_empty) {
            let hint = "write it as in `\"global.imageRegistry\"`".to_owned();
            self.report(key.span(), "a part of the path of a value is empty", hint);
            return None;
        }
        Some(path.clone())
    }

    fn template(&mut self, field: Field<String>, of: Of) -> Option<Template> {
        if field.value.as_ref().is_err_and(|mismatch| mismatch.is_about_a_table()) {
            // `a.b = "x"` without quotes is a table `a` with a key `b`.
            let line = self.text[field.span.start..].lines().next().unwrap_or_default();
            let path = line.split('=').next().unwrap_or_default().trim();
            let hint = if path.contains('.') {
                format!("quote the path as one key: `\"{}\" = …`", path.replace('"', ""))
            } else {
                "write the path as one key: `\"global.imageRegistry\" = …`".to_owned()
            };
            self.report(field.span, "expected a string, found a table", hint);
            return None;
        }
        let text = self.value(field)?;
        match text.get_ref().parse::<Template>() {
            Ok(template) => self.placeholders_have_a_meaning(&text, template, of),
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

fn hint_for_template(error: &InvalidTemplate) -> String {
    let known = Placeholder::ALL.map(Placeholder::name);
    if let InvalidTemplate::Unknown(name) = error
        && let Some(meant) = nearest(name.trim(), &known)
    {
        return format!("did you mean `{{{meant}}}`?");
    }
    "placeholders are `{registry}`, `{repository}`, `{tag}` and `{digest}`".to_owned()
}
