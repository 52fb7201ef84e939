//! `[[chart.ignore]]` and `[[chart.place]]`.

use toml::Spanned;
use toml::de::DeTable;

use super::reader::{Reader, Table};
use super::value::Value;
use crate::list::{IgnoreRule, PartKeys, PlaceForm, PlacePattern, PlaceRule};
use messages::program::command;

/// Stands for the reference in a `pattern`.
const IMAGE: &str = "{image}";
const REASON: &str = "reports repeat it: `reason = \"never deployed\"`";

impl<'t> Reader<'t> {
    pub(super) fn ignore_rules(
        &mut self,
        rules: Spanned<Vec<Value<'t>>>,
    ) -> Option<Vec<IgnoreRule>> {
        self.all(rules.into_inner(), |reader, rule| {
            let rule: Spanned<DeTable<'t>> = reader.value(rule)?;
            let mut table = reader.table(rule, "`[[chart.ignore]]`");
            let path = reader.optional(&mut table, "path", Self::pattern);
            let place = reader.place_pattern(&mut table, path);
            let text = reader.optional(&mut table, "text", Self::pattern);
            let reason = reader.required(&mut table, "reason", REASON, Self::reason);
            let span = table.span();
            let keys = ["template", "kind", "name", "path", "text"];
            if keys.iter().all(|key| table.span_of(key).is_none()) {
                let hint = "write what to ignore: `template`, `kind`, `name`, `path` or `text`";
                reader.report(span.clone(), "this rule would ignore everything", hint);
            }
            reader.finish(table)?;
            Some(IgnoreRule { place, text, reason: reason?, defined_at: reader.place(&span) })
        })
    }

    pub(super) fn place_rules(&mut self, rules: Spanned<Vec<Value<'t>>>) -> Option<Vec<PlaceRule>> {
        self.all(rules.into_inner(), |reader, rule| {
            let rule: Spanned<DeTable<'t>> = reader.value(rule)?;
            let mut table = reader.table(rule, "`[[chart.place]]`");
            let hint = format!(
                "{} shows paths: `path = \"spec.driver\"`, with `*` for any characters",
                command("images --explain REFERENCE")
            );
            let path = reader.required(&mut table, "path", &hint, Self::pattern);
            let place = reader.place_pattern(&mut table, path);
            let reason = reader.required(&mut table, "reason", REASON, Self::reason);
            if let (Some(_), Some(second)) = (table.span_of("pattern"), table.span_of("parts")) {
                let hint = "a text has a `pattern`, and a map has `parts`: keep one of them";
                reader.report(second, "`pattern` and `parts` together", hint);
            }
            let text = reader.optional(&mut table, "pattern", Self::text_form);
            let parts = reader.optional(&mut table, "parts", Self::part_keys);
            let span = table.span();
            reader.finish(table)?;
            let whole = PlaceForm::Text { before: String::new(), after: String::new() };
            let form = parts.or(text).unwrap_or(whole);
            Some(PlaceRule { place, form, reason: reason?, defined_at: reader.place(&span) })
        })
    }

    fn place_pattern(&mut self, table: &mut Table<'t>, path: Option<String>) -> PlacePattern {
        PlacePattern {
            template: self.optional(table, "template", Self::pattern),
            kind: self.optional(table, "kind", Self::pattern),
            name: self.optional(table, "name", Self::pattern),
            path,
        }
    }

    fn pattern(&mut self, text: Spanned<String>) -> Option<String> {
        if text.get_ref().is_empty() {
            let hint = "leave the key out to match anything";
            self.report(text.span(), "this matches nothing", hint)?;
        }
        Some(text.into_inner())
    }

    pub(super) fn reason(&mut self, text: Spanned<String>) -> Option<String> {
        if text.get_ref().trim().is_empty() {
            self.report(text.span(), "the reason is empty", "write why: reports repeat it")?;
        }
        Some(text.into_inner())
    }

    fn text_form(&mut self, text: Spanned<String>) -> Option<PlaceForm> {
        let parts: Vec<&str> = text.get_ref().split(IMAGE).collect();
        let [before, after] = parts[..] else {
            let hint = "write the text around the reference: `pattern = \"--reloader={image}\"`";
            self.report(text.span(), "a pattern must contain `{image}` exactly once", hint)?;
            return None;
        };
        Some(PlaceForm::Text { before: before.to_owned(), after: after.to_owned() })
    }

    fn part_keys(&mut self, table: Spanned<DeTable<'t>>) -> Option<PlaceForm> {
        let mut table = self.table(table, "`parts` of a `[[chart.place]]`");
        let hint = "write the key that holds the path: `repository = \"name\"`";
        let repository = self.required(&mut table, "repository", hint, Self::pattern);
        let registry = self.optional(&mut table, "registry", Self::pattern);
        let tag = self.optional(&mut table, "tag", Self::pattern);
        let digest = self.optional(&mut table, "digest", Self::pattern);
        self.finish(table)?;
        Some(PlaceForm::Parts(PartKeys { registry, repository: repository?, tag, digest }))
    }
}
