//! `[chart]` and its renderings.

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::reader::Reader;
use super::value::{Lines, Value};
use crate::list::{Chart, Rendering};

const NAME_OF_RENDERING: &str = "messages need a name for it: `name = \"backup\"`";

impl<'t> Reader<'t> {
    pub(super) fn chart(&mut self, entry: Spanned<DeTable<'t>>) -> Option<Chart> {
        let mut table = self.table(entry, "`[chart]`");
        let hint = "write `name = \"stackstate\"`, or the path of a chart";
        let name = self.required(&mut table, "name", hint, Self::argument);
        let repository = self.optional(&mut table, "repository", Self::chart_repository);
        let version = self.optional(&mut table, "version", Self::argument);
        let mut names = HashMap::new();
        let renderings: Option<Vec<Rendering>> =
            self.optional(&mut table, "rendering", |reader, renderings: Spanned<Vec<_>>| {
                reader.all(renderings.into_inner(), |reader, entry| {
                    reader.rendering(entry, &mut names)
                })
            });
        let ignore = self.optional(&mut table, "ignore", Self::ignore_rules);
        let places = self.optional(&mut table, "place", Self::place_rules);
        self.finish(table)?;
        let mut renderings = renderings.unwrap_or_default();
        if renderings.is_empty() {
            renderings.push(Rendering { name: "default".to_owned(), ..Rendering::default() });
        }
        Some(Chart {
            name: name?,
            repository,
            version,
            renderings,
            ignore: ignore.unwrap_or_default(),
            places: places.unwrap_or_default(),
        })
    }

    fn rendering(
        &mut self,
        entry: Value<'t>,
        names: &mut HashMap<String, Range<usize>>,
    ) -> Option<Rendering> {
        let entry = self.value(entry)?;
        let mut table = self.table(entry, "`[[chart.rendering]]`");
        let name = self.required(&mut table, "name", NAME_OF_RENDERING, |reader, name| {
            reader.rendering_name(name, names)
        });
        let set =
            self.optional(&mut table, "set", |reader, table| reader.set(table, Self::set_value));
        let set_string = self.optional(&mut table, "set-string", |reader, table| {
            reader.set(table, Self::value::<Lines>)
        });
        let values = self.optional(&mut table, "values", Self::arguments);
        let kube_version = self.optional(&mut table, "kube-version", Self::argument);
        let api_versions = self.optional(&mut table, "api-versions", Self::arguments);
        let release = self.optional(&mut table, "release", Self::release);
        let namespace = self.optional(&mut table, "namespace", Self::namespace);
        let is_upgrade = self.flag(&mut table, "is-upgrade");
        let skip_tests = self.flag(&mut table, "skip-tests");
        let include_crds = self.flag(&mut table, "include-crds");
        self.finish(table)?;
        let set_string = set_string.unwrap_or_default().into_iter();
        Some(Rendering {
            name: name?,
            set: set.unwrap_or_default(),
            set_string: set_string.map(|(path, Lines(text))| (path, text)).collect(),
            values: values.unwrap_or_default(),
            kube_version,
            api_versions: api_versions.unwrap_or_default(),
            release,
            namespace,
            is_upgrade: is_upgrade.unwrap_or_default(),
            skip_tests: skip_tests.unwrap_or_default(),
            omit_crds: include_crds == Some(false),
        })
    }

    fn rendering_name(
        &mut self,
        name: Spanned<String>,
        names: &mut HashMap<String, Range<usize>>,
    ) -> Option<String> {
        if name.get_ref().is_empty() {
            self.report(name.span(), "the name of a rendering is empty", NAME_OF_RENDERING)?;
        }
        if let Some(first) = names.insert(name.get_ref().clone(), name.span()) {
            let message = format!("two renderings have the name `{}`", name.get_ref());
            self.report_second(name.span(), first, message, "give one of them another name")?;
        }
        Some(name.into_inner())
    }

    fn release(&mut self, name: Spanned<String>) -> Option<String> {
        self.object_name(name, 53)
    }

    fn namespace(&mut self, name: Spanned<String>) -> Option<String> {
        self.object_name(name, 63)
    }

    /// A DNS label (RFC 1123), as Kubernetes requires.
    fn object_name(&mut self, name: Spanned<String>, longest: usize) -> Option<String> {
        let text = name.get_ref();
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_label = !text.is_empty()
            && text.len() <= longest
            && text.chars().all(is_inner)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if !is_label {
            let hint =
                format!("use at most {longest} lowercase letters, digits and, between them, `-`");
            self.report(name.span(), "this is not a valid name in Kubernetes", hint)?;
        }
        Some(name.into_inner())
    }

    fn set<T>(
        &mut self,
        table: Spanned<DeTable<'t>>,
        read: impl Fn(&mut Self, Value<'t>) -> Option<Spanned<T>>,
    ) -> Option<Vec<(String, T)>> {
        let entries = self.entries(table);
        self.all(entries, |reader, (key, value)| {
            let value = read(reader, value);
            if key.get_ref().is_empty() {
                let hint = "write a path like `\"backup.enabled\"`";
                reader.report(key.span(), "the path of a value is empty", hint)?;
            }
            Some((key.into_inner(), value?.into_inner()))
        })
    }

    fn arguments(&mut self, texts: Spanned<Vec<Value<'t>>>) -> Option<Vec<String>> {
        self.all(texts.into_inner(), |reader, text| {
            let text = reader.value(text)?;
            reader.argument(text)
        })
    }

    /// An argument of `helm`, which would take a leading `-` for an option.
    fn argument(&mut self, text: Spanned<String>) -> Option<String> {
        if text.get_ref().is_empty() || text.get_ref().starts_with('-') {
            let hint = "leave the key out if there is nothing to set";
            self.report(text.span(), "this must not be empty or start with `-`", hint)?;
        }
        Some(text.into_inner())
    }

    fn chart_repository(&mut self, text: Spanned<String>) -> Option<String> {
        let rest = ["https://", "http://", "oci://"]
            .iter()
            .find_map(|scheme| text.get_ref().strip_prefix(scheme));
        let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
        if host.is_empty() {
            let hint = "write it like `repository = \"https://helm.stackstate.io\"`, or leave it out for a chart on disk";
            self.report(text.span(), "this is not the address of a chart repository", hint)?;
        }
        if host.contains('@') {
            self.report_credentials(text.span())?;
        }
        Some(text.into_inner())
    }
}
