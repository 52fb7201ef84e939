//! Adds and removes the entries of images.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::changes::changed;
use super::lines::{
    below, end_of_line, indent, line_end, quoted, separator, split_mark, start_of_line,
};
use super::spans::{images, sections, with_comments};
use super::updates::{TagUpdate, update_tags};
use super::values::value_line;
use crate::list::{Image, Replaced};

/// What to change in the entries of images. Positions are those before the edit.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImageEdits<'e> {
    pub updated: &'e [TagUpdate],
    pub added: &'e [Image],
    pub removed: &'e [usize],
}

/// An edited text, and what was removed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    pub text: String,
    /// The position of an entry, and what was removed of it as it was written.
    pub removed: Vec<(usize, String)>,
}

/// Changes the tags of entries in place, adds entries after the last one, and removes those at some
/// positions.
///
/// An entry is removed with its comments: those inside it, and the lines right above it. `None` if the
/// text is not TOML, lacks one of the entries, or has one in a form that cannot be edited.
pub fn edit_images(text: &str, edits: ImageEdits<'_>) -> Option<Edited> {
    let (mark, bare) = split_mark(text);
    let (mut edited, mut removed_texts) = update_tags(bare, edits.updated)?;
    if !edits.added.is_empty() {
        let document = DeTable::parse(&edited).ok()?;
        let place = match entries(&edited)?.last() {
            Some(last) => last.addition(&edited, edits.added),
            None => first_entries(&edited, document.get_ref(), edits.added)?,
        };
        drop(document);
        let (range, added) = place;
        edited.replace_range(range, &added);
    }
    let mut removed = edits.removed.to_vec();
    removed.sort_unstable();
    while !removed.is_empty() {
        let entries = entries(&edited)?;
        // The last one first, so that the others keep their positions. In braces they share commas.
        let is_inline = entries.first().is_some_and(|entry| entry.is_inline);
        let first = if is_inline { removed.len() - 1 } else { 0 };
        let mut changes = Vec::new();
        for position in removed.split_off(first) {
            let ranges = entries.get(position)?.removal(&edited, &entries);
            let texts = ranges.iter().map(|range| &edited[range.clone()]);
            removed_texts.push((position, texts.collect()));
            changes.extend(ranges.into_iter().map(|range| (range, String::new())));
        }
        let is_end = changes.iter().any(|(range, _)| range.end == edited.len());
        edited = changed(&edited, changes);
        if is_end {
            edited.truncate(edited.trim_end().len());
            edited.push_str(line_end(text));
        }
    }
    removed_texts.sort_by_key(|(position, _)| *position);
    Some(Edited { text: format!("{mark}{edited}"), removed: removed_texts })
}

fn entries(text: &str) -> Option<Vec<Entry>> {
    let document = DeTable::parse(text).ok()?;
    let images = images(document.get_ref()).unwrap_or_default();
    Some(images.iter().map(|image| Entry::of(text, image)).collect())
}

/// Where the first entries of a list go, and their text. `None` if `image` is not a list.
fn first_entries(
    text: &str,
    document: &DeTable<'_>,
    new: &[Image],
) -> Option<(Range<usize>, String)> {
    let line_end = line_end(text);
    let Some(empty) = document.get("image") else {
        let before = if text.trim().is_empty() { "" } else { line_end };
        let entries: Vec<String> = new.iter().map(image_entry).collect();
        let (at, end) = below(text, text.len());
        let end = if text.is_empty() { "" } else { end };
        return Some((at..at, format!("{end}{before}{}", lines(&entries.join("\n"), line_end))));
    };
    empty.get_ref().as_array()?;
    let rows: String =
        new.iter().map(|image| format!("  {},{line_end}", in_braces(image))).collect();
    Some((empty.span(), format!("[{line_end}{rows}]")))
}

fn lines(text: &str, line_end: &str) -> String {
    text.replace('\n', line_end)
}

fn in_braces(image: &Image) -> String {
    format!("{{ {} }}", pairs(image).join(", "))
}

/// An entry in the usual form.
pub fn image_entry(image: &Image) -> String {
    let subset = |(platforms, digest): (&oci::Platforms, &oci::Digest)| {
        format!("{} = {}", quoted(&platforms.to_string()), quoted(digest.as_str()))
    };
    let index = image.subsets_index.iter().filter(|_| !image.subsets.is_empty());
    let index = index.map(|index| format!("index = {}", quoted(index.as_str())));
    let subsets = index.chain(image.subsets.iter().map(subset));
    let values = image.values.iter().map(|(path, value)| value_line(path, &value.unrendered()));
    let tables = [
        ("[[image]]", pairs(image)),
        ("[image.subsets]", subsets.collect()),
        ("[image.values]", values.collect()),
    ];
    let tables = tables.into_iter().filter(|(_, lines)| !lines.is_empty());
    tables.map(|(header, lines)| format!("{header}\n{}\n", lines.join("\n"))).collect()
}

/// The keys of an image, except for its tables.
fn pairs(image: &Image) -> Vec<String> {
    let digest = image.digest.as_ref().map(ToString::to_string);
    let target = image.target.as_ref().map(ToString::to_string);
    let pairs = [
        ("source", Some(image.source.to_string())),
        ("tag", Some(image.tag.to_string())),
        ("digest", digest),
        ("target", target),
        ("keep", image.keep.clone()),
    ];
    let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let pairs = pairs.map(|(key, value)| format!("{key} = {}", quoted(&value)));
    pairs.chain(image.replaces.iter().map(replaces)).collect()
}

fn replaces(replaced: &Replaced) -> String {
    let tag = replaced.tag.as_ref().map(|tag| format!(", tag = {}", quoted(tag.as_str())));
    format!(
        "replaces = {{ source = {}{}, reason = {} }}",
        quoted(&replaced.source.to_string()),
        tag.unwrap_or_default(),
        quoted(&replaced.reason)
    )
}

/// Where an entry is in the text.
struct Entry {
    /// Whether it is a table in braces. Otherwise, it has sections that begin with a header.
    is_inline: bool,
    /// The ranges of its text, in order: each from its first character to the end of its last value.
    parts: Vec<Range<usize>>,
}

impl Entry {
    fn of(text: &str, image: &Spanned<DeValue<'_>>) -> Self {
        let span = image.span();
        if text[span.clone()].starts_with('{') {
            return Self { is_inline: true, parts: vec![span] };
        }
        let mut parts = Vec::new();
        sections(text, image, &mut parts);
        parts.sort_by_key(|part| part.start);
        let mut joined: Vec<Range<usize>> = Vec::new();
        for part in parts {
            match joined.last_mut() {
                Some(before) if is_only_comments(&text[before.end..part.start]) => {
                    before.end = part.end;
                }
                _ => joined.push(part),
            }
        }
        Self { is_inline: false, parts: joined }
    }

    fn end(&self) -> usize {
        self.parts.last().map_or(0, |part| part.end)
    }

    /// Where new entries go, and their text.
    fn addition(&self, text: &str, new: &[Image]) -> (Range<usize>, String) {
        if self.is_inline {
            if let Some(addition) = self.addition_below(text, new) {
                return addition;
            }
            let separator = separator(text, self.parts[0].start);
            let entry = |image| format!("{separator}{}", in_braces(image));
            return (self.end()..self.end(), new.iter().map(entry).collect());
        }
        let (at, before) = below(text, self.end());
        let entries: String = new.iter().map(|image| format!("\n{}", image_entry(image))).collect();
        (at..at, format!("{before}{}", lines(&entries, line_end(text))))
    }

    /// Below an entry in braces that has its line to itself, so that a comment behind it stays there.
    fn addition_below(&self, text: &str, new: &[Image]) -> Option<(Range<usize>, String)> {
        let (start, line_start) = (self.parts[0].start, start_of_line(text, self.parts[0].start));
        let line = self.end()..end_of_line(text, self.end());
        let rest = &text[line.clone()];
        let (behind, last) = match rest.trim_start().strip_prefix(',') {
            Some(behind) => (behind, ","),
            None => (rest, ""),
        };
        let is_comment = behind.trim().is_empty() || behind.trim_start().starts_with('#');
        if !text[line_start..start].trim().is_empty() || !is_comment {
            return None;
        }
        let (indent, line_end) = (indent(text, start), line_end(text));
        let entries: Vec<String> =
            new.iter().map(|image| format!("{indent}{}", in_braces(image))).collect();
        let entries = entries.join(&format!(",{line_end}"));
        Some((line, format!(",{behind}{entries}{last}{line_end}")))
    }

    /// The ranges to remove, in the order of the text.
    fn removal(&self, text: &str, entries: &[Self]) -> Vec<Range<usize>> {
        if self.is_inline {
            return vec![self.inline_removal(text, entries)];
        }
        self.parts.iter().map(|part| with_comments(text, part.clone())).collect()
    }

    fn inline_removal(&self, text: &str, entries: &[Self]) -> Range<usize> {
        let this = self.parts[0].clone();
        let rest = &text[this.end..];
        let after = rest.trim_start().strip_prefix(',').unwrap_or(rest);
        let end = text.len() - after.len();
        let line = start_of_line(text, this.start);
        let after = &text[end..end_of_line(text, end)];
        let is_alone = text[line..this.start].trim().is_empty()
            && (after.trim().is_empty() || after.trim_start().starts_with('#'));
        if is_alone {
            return with_comments(text, line..end);
        }
        let next =
            entries.iter().map(|entry| entry.parts[0].start).find(|start| *start > this.start);
        let previous = entries.iter().map(Self::end).rfind(|end| *end < this.end);
        match (next, previous) {
            (Some(next), _) => this.start..next,
            // Includes the comma before it.
            (None, Some(previous)) => previous..this.end,
            (None, None) => this,
        }
    }
}

fn is_only_comments(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}
