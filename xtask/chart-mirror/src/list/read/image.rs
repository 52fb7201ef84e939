//! The `[[image]]` entries.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::reader::{Extent, PlacedImage, Reader, Table};
use super::value::Value;
use super::values::Scope;
use crate::list::image::SUBSETS_INDEX;
use crate::list::{Image, Replaced};
use messages::program::command;
use oci::{Digest, Platforms, Reference, Repository, RepositoryPath, Tag};

/// Where each image is listed, by its reference at the source and by the one in the chart. No two entries
/// may share one of them.
#[derive(Default)]
struct Listed {
    at_source: HashMap<Reference, Range<usize>>,
    in_chart: HashMap<Reference, Range<usize>>,
}

impl<'t> Reader<'t> {
    pub(super) fn images(&mut self, list: &mut Table<'t>) -> Option<Vec<Image>> {
        let entries = match list.take("image") {
            Some(entries) => self.value::<Vec<Value<'t>>>(entries)?,
            None => Spanned::new(0..0, Vec::new()),
        };
        match self.extent {
            _ if !entries.get_ref().is_empty() => {}
            _ if self.may_lack_images => return Some(Vec::new()),
            Extent::Draft => return Some(Vec::new()),
            Extent::Whole => {
                let hint = format!(
                    "an entry begins with `[[image]]` and needs `source` and `tag`; {} adds those of the chart",
                    command("images --write")
                );
                self.report(entries.span(), "the list has no images", hint)?;
            }
            Extent::Partial => return None,
        }
        let mut listed = Listed::default();
        self.all(entries.into_inner(), |reader, entry| reader.image(entry, &mut listed))
    }

    fn image(&mut self, entry: Value<'t>, listed: &mut Listed) -> Option<Image> {
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
        let (subsets_index, subsets) = subsets.unwrap_or_default();
        let replaces = self.optional(&mut table, "replaces", Self::replaced);
        let keep = self.optional(&mut table, "keep", Self::reason);
        if let (Some(span), Some(_)) = (table.span_of("keep"), table.span_of("replaces")) {
            let hint =
                "`keep` is for an image that the chart does not name at all: remove one of them";
            self.report(span, "`keep` together with `replaces`", hint);
        }
        let values =
            self.optional(&mut table, "values", |reader, values| reader.values(values, scope));
        let span = table.span();
        let source_span = table.span_of("source").unwrap_or_default();
        let target_span = table.span_of("target").unwrap_or_else(|| source_span.clone());
        let replaces_span = table.span_of("replaces");
        let valid = self.finish(table);
        let image = Image {
            source: source?,
            tag: tag?,
            digest,
            subsets,
            subsets_index,
            target,
            values: values.unwrap_or_default(),
            replaces,
            keep,
            place: self.place(&span),
        };
        // The same source and tag has the same target, which needs no second report.
        if self.check_references(&image, listed, source_span, replaces_span) && is_placed {
            self.placed.push(PlacedImage {
                source: image.source.clone(),
                tag: image.tag.clone(),
                target: image.target.clone(),
                span: target_span,
            });
        }
        valid.map(|()| image)
    }

    /// Reports an image that is listed twice, or that stands for the same image of the chart as another
    /// one. Whether it is listed for the first time.
    fn check_references(
        &mut self,
        image: &Image,
        listed: &mut Listed,
        source: Range<usize>,
        replaces: Option<Range<usize>>,
    ) -> bool {
        let hint = "remove one of the two entries";
        let reference = image.reference();
        if let Some(first) = listed.at_source.insert(reference.clone(), source.clone()) {
            self.report_second(source, first, format!("`{reference}` is listed twice"), hint);
            return false;
        }
        let named = image.chart_source().tagged(image.chart_tag());
        let span = replaces.unwrap_or(source);
        if image.replaces.is_some() && named == reference {
            let hint = "write what the chart names, or leave `replaces` out";
            self.report(span.clone(), format!("`{named}` cannot replace itself"), hint);
        }
        if let Some(first) = listed.in_chart.insert(named.clone(), span.clone()) {
            let message = format!("two entries stand for `{named}` of the chart");
            self.report_second(span, first, message, hint);
        }
        true
    }

    fn replaced(&mut self, table: Spanned<DeTable<'t>>) -> Option<Replaced> {
        let mut table = self.table(table, "`replaces` of an image");
        let hint = "write the repository that the chart names: `source = \"docker.io/old/wait\"`";
        let source = self.required(&mut table, "source", hint, Self::source);
        // The chart may name `latest`.
        let tag = self.optional(&mut table, "tag", Self::any_tag);
        let hint = "reports repeat it: `reason = \"the project moved\"`";
        let reason = self.required(&mut table, "reason", hint, Self::reason);
        self.finish(table)?;
        Some(Replaced { source: source?, tag, reason: reason? })
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
        self.any_tag(text)
    }

    fn any_tag(&mut self, text: Spanned<String>) -> Option<Tag> {
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

    /// The index that the subsets are of, and the subsets.
    fn subsets(
        &mut self,
        table: Spanned<DeTable<'t>>,
    ) -> Option<(Option<Digest>, BTreeMap<Platforms, Digest>)> {
        let (index, entries): (Vec<_>, Vec<_>) =
            self.entries(table).into_iter().partition(|(key, _)| key.get_ref() == SUBSETS_INDEX);
        let index: Option<Vec<_>> = self.all(index, |reader, (_, digest)| {
            reader.value(digest).and_then(|text| reader.digest(text))
        });
        let subsets = self.all(entries, |reader, (key, digest)| {
            let platforms = reader.platforms_of_key(&key);
            let digest = reader.value(digest).and_then(|text| reader.digest(text));
            Some((platforms?, digest?))
        });
        Some((index?.pop(), subsets?))
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
