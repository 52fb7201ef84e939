//! `[chart]` and its renderings.

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;

use super::Reader;
use crate::list::fields::{Entries, Field, Table};
use crate::list::problems::Problem;
use crate::list::raw::{RawChart, RawRendering};
use crate::list::{Chart, Rendering};

impl Reader<'_> {
    pub(super) fn chart(&mut self, entry: Spanned<Table<RawChart>>) -> Option<Chart> {
        let table = Spanned::new(entry.span(), "`[chart]`");
        let raw = self.keys(entry.into_inner(), table.get_ref());
        let hint = "write `name = \"stackstate\"`, or the path of a chart";
        let name = self.required(raw.name, &table, "name", hint, Self::argument);
        let repository = self.optional(raw.repository, Self::chart_repository);
        let version = self.optional(raw.version, Self::argument);
        let mut seen = HashMap::new();
        let renderings = self.optional(raw.rendering, |reader, renderings| {
            reader.all(renderings.into_inner(), |reader, field| reader.rendering(field, &mut seen))
        });
        let mut renderings = renderings?.unwrap_or_default();
        if renderings.is_empty() {
            renderings.push(Rendering { name: "default".to_owned(), ..Rendering::default() });
        }
        Some(Chart { name: name?, repository: repository?, version: version?, renderings })
    }

    fn rendering(
        &mut self,
        field: Field<Table<RawRendering>>,
        seen: &mut HashMap<String, Range<usize>>,
    ) -> Option<Rendering> {
        let entry = self.value(field)?;
        let table = Spanned::new(entry.span(), "`[[chart.rendering]]`");
        let raw = self.keys(entry.into_inner(), table.get_ref());
        let hint = "messages need to call it something: `name = \"backup\"`";
        let name = self.required(raw.name, &table, "name", hint, |reader, name| {
            reader.rendering_name(name, seen)
        });
        let set = self.optional(raw.set, Self::set);
        let set_string = self.optional(raw.set_string, Self::set);
        let values = self.optional(raw.values, Self::arguments);
        let kube_version = self.optional(raw.kube_version, Self::argument);
        let api_versions = self.optional(raw.api_versions, Self::arguments);
        Some(Rendering {
            name: name?,
            set: set?.unwrap_or_default(),
            set_string: set_string?.unwrap_or_default(),
            values: values?.unwrap_or_default(),
            kube_version: kube_version?,
            api_versions: api_versions?.unwrap_or_default(),
        })
    }

    fn rendering_name(
        &mut self,
        name: Spanned<String>,
        seen: &mut HashMap<String, Range<usize>>,
    ) -> Option<String> {
        if name.get_ref().is_empty() {
            let hint = "messages need to call it something: `name = \"backup\"`".to_owned();
            self.report(name.span(), "the name of a rendering is empty", hint);
            return None;
        }
        if let Some(first) = seen.insert(name.get_ref().clone(), name.span()) {
            let message = format!("two renderings are `{}`", name.get_ref().escape_debug());
            let problem = Problem::new(self.text, name.span(), message)
                .first(first)
                .hint("give one of them another name");
            self.problems.push(problem);
            return None;
        }
        Some(name.into_inner())
    }

    fn set<T>(&mut self, entries: Spanned<Entries<T>>) -> Option<Vec<(String, T)>> {
        self.all(entries.into_inner().0, |reader, (key, field)| {
            let value = reader.value(field);
            if key.get_ref().is_empty() {
                let hint = "write it as in `\"backup.enabled\"`".to_owned();
                reader.report(key.span(), "the path of a value is empty", hint);
                return None;
            }
            Some((key.into_inner(), value?.into_inner()))
        })
    }

    fn arguments(&mut self, texts: Spanned<Vec<Field<String>>>) -> Option<Vec<String>> {
        self.all(texts.into_inner(), |reader, field| {
            let text = reader.value(field)?;
            reader.argument(text)
        })
    }

    /// What becomes an argument of `helm`, which would take a leading `-` for an option.
    fn argument(&mut self, text: Spanned<String>) -> Option<String> {
        if text.get_ref().is_empty() || text.get_ref().starts_with('-') {
            let hint = "leave the key out if there is nothing to say".to_owned();
            self.report(text.span(), "this is empty or begins with `-`", hint);
            return None;
        }
        Some(text.into_inner())
    }

    fn chart_repository(&mut self, text: Spanned<String>) -> Option<String> {
        let rest = ["https://", "http://", "oci://"]
            .iter()
            .find_map(|scheme| text.get_ref().strip_prefix(scheme));
        let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let problem = if host.is_empty() {
            let hint = "write it as in `repository = \"https://helm.stackstate.io\"`, or leave it out for a chart on disk";
            Problem::new(self.text, text.span(), "this is not the address of a chart repository")
                .hint(hint)
        } else if host.contains('@') {
            self.report_credentials(text.span());
            return None;
        } else {
            return Some(text.into_inner());
        };
        self.problems.push(problem);
        None
    }
}
