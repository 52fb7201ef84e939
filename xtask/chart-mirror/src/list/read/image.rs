//! The `[[image]]` entries.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use toml::Spanned;

use super::{Placed, Reader};
use crate::list::Image;
use crate::list::fields::{Entries, Field, Table};
use crate::list::problems::Problem;
use crate::list::raw::RawImage;
use messages::secret::holds_userinfo;
use oci::{Digest, Platforms, Reference, Repository, RepositoryPath, Tag};

/// The places of the sources, which no two entries may share.
type Seen = HashMap<Reference, Range<usize>>;

impl Reader<'_> {
    pub(super) fn images(
        &mut self,
        raw: Option<Field<Vec<Field<Table<RawImage>>>>>,
    ) -> Option<Vec<Image>> {
        let entries = match raw {
            Some(field) => self.value(field)?,
            None => Spanned::new(0..0, Vec::new()),
        };
        if entries.get_ref().is_empty() {
            if self.is_whole {
                let hint = "an entry begins with `[[image]]` and needs `source` and `tag`";
                self.report(entries.span(), "no image is listed", hint.to_owned());
            }
            return None;
        }
        let mut seen = Seen::default();
        self.all(entries.into_inner(), |reader, entry| reader.image(entry, &mut seen))
    }

    fn image(&mut self, entry: Field<Table<RawImage>>, seen: &mut Seen) -> Option<Image> {
        let entry = self.value(entry)?;
        let table = Spanned::new(entry.span(), "`[[image]]`");
        let raw = self.keys(entry.into_inner(), table.get_ref());
        let source_span = raw.source.as_ref().map_or(0..0, |field| field.span.clone());
        let target_span = raw.target.as_ref().map(|field| field.span.clone());
        let is_pinned = raw.digest.is_some();
        let subsets_span = raw.subsets.as_ref().map(|field| field.span.clone());

        let hint = "write where it comes from: `source = \"quay.io/stackstate/wait\"`";
        let source = self.required(raw.source, &table, "source", hint, Self::source);
        let hint =
            "without a tag it would be `latest`, which changes without notice: write the version";
        let tag = self.required(raw.tag, &table, "tag", hint, Self::tag);
        let digest = self.optional(raw.digest, Self::digest);
        let subsets = self.optional(raw.subsets, Self::subsets);
        if let (Some(span), false) = (subsets_span, is_pinned) {
            let hint =
                "they are parts of the index that the image is pinned to: give it its `digest`";
            self.report(span, "`subsets` without `digest`", hint.to_owned());
        }
        let target = self.optional(raw.target, Self::target);
        let values =
            self.optional(raw.values, |reader, values| reader.values_of_image(values, is_pinned));

        let (source, tag) = (source?, tag?);
        let is_new = self.is_new_source(seen, &source.tagged(&tag), source_span.clone());
        // The same source and tag has the same target: one mistake, not two.
        if let (true, Some(target)) = (is_new, &target) {
            let span = target_span.unwrap_or(source_span);
            let (source, tag, target) = (source.clone(), tag.clone(), target.clone());
            self.placed.push(Placed { source, tag, target, span });
        }
        Some(Image {
            source,
            tag,
            digest: digest?,
            subsets: subsets?.unwrap_or_default(),
            target: target?,
            values: values?.unwrap_or_default(),
            place: self.place(&table.span()),
        })
    }

    fn source(&mut self, text: Spanned<String>) -> Option<Repository> {
        if holds_userinfo(text.get_ref()) {
            self.report_credentials(text.span());
            return None;
        }
        let reason = match text.get_ref().parse::<Repository>() {
            Ok(repository) => return Some(repository),
            Err(reason) => reason.to_string(),
        };
        let hint = hint_for_source(text.get_ref());
        self.report(text.span(), format!("`source` is not a repository: {reason}"), hint);
        None
    }

    fn tag(&mut self, text: Spanned<String>) -> Option<Tag> {
        if text.get_ref() == "latest" {
            let message = "the tag `latest` is floating: what it names changes without notice";
            let hint = "write the tag of a version; `digest` can pin it further".to_owned();
            self.report(text.span(), message, hint);
            return None;
        }
        match text.get_ref().parse() {
            Ok(tag) => Some(tag),
            Err(reason) => {
                let hint = match text.get_ref().split_once('@') {
                    Some((tag, digest)) => written(&[("tag", tag), ("digest", digest)]),
                    None => "a tag is what follows the colon: `tag = \"1.0.6\"`".to_owned(),
                };
                self.report(text.span(), format!("`tag` is not a tag: {reason}"), hint);
                None
            }
        }
    }

    fn digest(&mut self, text: Spanned<String>) -> Option<Digest> {
        match text.get_ref().parse() {
            Ok(digest) => Some(digest),
            Err(reason) => {
                let hint = "leave it out rather than invent one: an image without it is not pinned";
                let message = format!("`digest` is not a digest: {reason}");
                self.report(text.span(), message, hint.to_owned());
                None
            }
        }
    }

    fn subsets(
        &mut self,
        subsets: Spanned<Entries<String>>,
    ) -> Option<BTreeMap<Platforms, Digest>> {
        let subsets = self.all(subsets.into_inner().0, |reader, (key, field)| {
            let platforms = reader.platforms_of_key(&key);
            let digest = reader.value(field).and_then(|text| reader.digest(text));
            Some((platforms?, digest?))
        });
        subsets.map(|subsets| subsets.into_iter().collect())
    }

    fn target(&mut self, text: Spanned<String>) -> Option<RepositoryPath> {
        match text.get_ref().parse() {
            Ok(path) => Some(path),
            Err(reason) => {
                let message = format!("`target` is not the path of a repository: {reason}");
                let hint =
                    "write it as in `target = \"stackstate/wait\"`, without registry and tag";
                self.report(text.span(), message, hint.to_owned());
                None
            }
        }
    }

    fn is_new_source(
        &mut self,
        seen: &mut Seen,
        reference: &Reference,
        span: Range<usize>,
    ) -> bool {
        let Some(first) = seen.insert(reference.clone(), span.clone()) else {
            return true;
        };
        let problem = Problem::new(self.text, span, format!("`{reference}` is listed twice"))
            .first(first)
            .hint("remove one of the two entries");
        self.problems.push(problem);
        false
    }
}

/// How to write what stands in `source` and does not belong there.
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
        return "write it as in `source = \"quay.io/stackstate/wait\"`".to_owned();
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
    fn the_hint_takes_a_whole_reference_apart() {
        let table = [
            (
                "quay.io/stackstate/wait:1.0.6",
                "write `source = \"quay.io/stackstate/wait\"` and `tag = \"1.0.6\"`",
            ),
            ("busybox:1", "write `source = \"busybox\"` and `tag = \"1\"`"),
            ("A/b", "write it as in `source = \"quay.io/stackstate/wait\"`"),
            ("https://quay.io/a/b", "write `source = \"quay.io/a/b\"`"),
            (
                "quay.io/a:1@sha256:00",
                "write `source = \"quay.io/a\"` and `tag = \"1\"` and `digest = \"sha256:00\"`",
            ),
            ("quay.io/A", "write it as in `source = \"quay.io/stackstate/wait\"`"),
            ("", "write it as in `source = \"quay.io/stackstate/wait\"`"),
        ];
        for (text, expected) in table {
            assert_eq!(hint_for_source(text), expected, "{text}");
        }
    }
}
