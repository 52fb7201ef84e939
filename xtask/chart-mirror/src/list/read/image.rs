//! The `[[image]]` entries.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::reader::{Extent, PlacedImage, Reader, Table};
use super::value::Value;
use super::values::Scope;
use crate::list::Image;
use oci::{Digest, Platforms, Reference, Repository, RepositoryPath, Tag};

/// Where each source and tag is listed. No two entries may have the same ones.
type Sources = HashMap<Reference, Range<usize>>;

impl<'t> Reader<'t> {
    pub(super) fn images(&mut self, list: &mut Table<'t>) -> Option<Vec<Image>> {
        let entries = match list.take("image") {
            Some(entries) => self.value::<Vec<Value<'t>>>(entries)?,
            None => Spanned::new(0..0, Vec::new()),
        };
        if entries.get_ref().is_empty() {
            if self.extent == Extent::Whole {
                let hint = "an entry begins with `[[image]]` and needs `source` and `tag`";
                self.report(entries.span(), "the list has no images", hint);
            }
            return None;
        }
        let mut sources = Sources::new();
        self.all(entries.into_inner(), |reader, entry| reader.image(entry, &mut sources))
    }

    fn image(&mut self, entry: Value<'t>, sources: &mut Sources) -> Option<Image> {
        let entry: Spanned<DeTable<'t>> = self.value(entry)?;
        let mut table = self.table(entry, "`[[image]]`");
        let problems_before = self.problems.len();
        let hint = "write where it comes from: `source = \"quay.io/stackstate/wait\"`";
        let source = self.required(&mut table, "source", hint, Self::source);
        let hint =
            "without a tag it would be `latest`, which changes without notice: write the version";
        let tag = self.required(&mut table, "tag", hint, Self::tag);
        let target = self.optional(&mut table, "target", Self::target);
        let is_placed = self.problems.len() == problems_before;
        let scope = match table.span_of("digest") {
            Some(_) => Scope::PinnedImage,
            None => Scope::UnpinnedImage,
        };
        let digest = self.optional(&mut table, "digest", Self::digest);
        if let (Some(span), Scope::UnpinnedImage) = (table.span_of("subsets"), scope) {
            let hint = "they are parts of the index that the image is pinned to: add its `digest`";
            self.report(span, "`subsets` without `digest`", hint);
        }
        let subsets = self.optional(&mut table, "subsets", Self::subsets);
        let values =
            self.optional(&mut table, "values", |reader, values| reader.values(values, scope));
        let span = table.span();
        let source_span = table.span_of("source").unwrap_or_default();
        let target_span = table.span_of("target").unwrap_or_else(|| source_span.clone());
        let valid = self.finish(table);

        let (source, tag) = (source?, tag?);
        let reference = source.tagged(&tag);
        match sources.insert(reference.clone(), source_span.clone()) {
            // The same source and tag has the same target, which needs no second report.
            Some(first) => {
                let message = format!("`{reference}` is listed twice");
                self.report_second(source_span, first, message, "remove one of the two entries");
            }
            None if is_placed => self.placed.push(PlacedImage {
                source: source.clone(),
                tag: tag.clone(),
                target: target.clone(),
                span: target_span,
            }),
            None => {}
        }
        valid?;
        Some(Image {
            source,
            tag,
            digest,
            subsets: subsets.unwrap_or_default(),
            target,
            values: values.unwrap_or_default(),
            place: self.place(&span),
        })
    }

    fn source(&mut self, text: Spanned<String>) -> Option<Repository> {
        self.without_credentials(&text)?;
        self.parsed(&text, |why| {
            (format!("`source` is not a repository: {why}"), hint_for_source(text.get_ref()))
        })
    }

    fn tag(&mut self, text: Spanned<String>) -> Option<Tag> {
        if text.get_ref() == "latest" {
            let hint = "write the tag of a version; `digest` can pin it further";
            let message = "the tag `latest` is floating: its content changes without notice";
            self.report(text.span(), message, hint)?;
        }
        self.parsed(&text, |why| {
            let hint = match text.get_ref().split_once('@') {
                Some((tag, digest)) => written(&[("tag", tag), ("digest", digest)]),
                None => "a tag is the part after the colon: `tag = \"1.0.6\"`".to_owned(),
            };
            (format!("`tag` is not a tag: {why}"), hint)
        })
    }

    fn digest(&mut self, text: Spanned<String>) -> Option<Digest> {
        self.parsed(&text, |why| {
            let hint = "leave it out rather than invent one: an image without it is not pinned";
            (format!("`digest` is not a digest: {why}"), hint)
        })
    }

    fn subsets(&mut self, table: Spanned<DeTable<'t>>) -> Option<BTreeMap<Platforms, Digest>> {
        let entries = self.entries(table);
        self.all(entries, |reader, (key, digest)| {
            let platforms = reader.platforms_of_key(&key);
            let digest = reader.value(digest).and_then(|text| reader.digest(text));
            Some((platforms?, digest?))
        })
    }

    fn target(&mut self, text: Spanned<String>) -> Option<RepositoryPath> {
        self.parsed(&text, |why| {
            let hint = "write it like `target = \"stackstate/wait\"`, without registry and tag";
            (format!("`target` is not the path of a repository: {why}"), hint)
        })
    }
}

/// How to write a `source` that is a whole reference, or has a scheme.
fn hint_for_source(text: &str) -> String {
    let whole = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (named, digest) = match whole.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (whole, None),
    };
    let path_start = named.rfind('/').unwrap_or(0);
    let (source, tag) = match named[path_start..].find(':') {
        Some(colon) => (&named[..path_start + colon], Some(&named[path_start + colon + 1..])),
        None => (named, None),
    };
    if source == text || source.parse::<Repository>().is_err() {
        return "write it like `source = \"quay.io/stackstate/wait\"`".to_owned();
    }
    let keys = [("source", Some(source)), ("tag", tag), ("digest", digest)];
    let keys: Vec<_> = keys.iter().filter_map(|(key, value)| Some((*key, (*value)?))).collect();
    written(&keys)
}

/// "write `tag = "1.0.6"` and `digest = "…"`"
fn written(keys: &[(&str, &str)]) -> String {
    let keys: Vec<_> =
        keys.iter().map(|(key, value)| format!("`{key} = \"{}\"`", value.escape_debug())).collect();
    format!("write {}", keys.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_splits_a_whole_reference() {
        let table = [
            (
                "quay.io/stackstate/wait:1.0.6",
                "write `source = \"quay.io/stackstate/wait\"` and `tag = \"1.0.6\"`",
            ),
            ("busybox:1", "write `source = \"busybox\"` and `tag = \"1\"`"),
            ("A/b", "write it like `source = \"quay.io/stackstate/wait\"`"),
            ("https://quay.io/a/b", "write `source = \"quay.io/a/b\"`"),
            (
                "quay.io/a:1@sha256:00",
                "write `source = \"quay.io/a\"` and `tag = \"1\"` and `digest = \"sha256:00\"`",
            ),
            ("quay.io/A", "write it like `source = \"quay.io/stackstate/wait\"`"),
            ("", "write it like `source = \"quay.io/stackstate/wait\"`"),
        ];
        for (text, expected) in table {
            assert_eq!(hint_for_source(text), expected, "{text}");
        }
    }
}
