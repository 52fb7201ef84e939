//! Changes to the text of an image list: what is not changed stays as it is, byte by byte. Entries are
//! added and removed here, digests set in `digests`, Helm values added in `values`; `tables` and `lines`
//! say where in the text. Pure.
//!
//! The parser says where things are, and the text is cut there: a document that is edited as such and
//! written back keeps comments, but neither the ends of lines nor which comment belongs to which entry.

use std::fmt::Write as _;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Image, ValueTemplate};
use lines::{below, end_of_line, indent, line_end, quoted, start_of_line};

pub mod digests;
mod lines;
mod tables;
pub mod values;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text with `new` entries after its last one, and without those at the positions `old`.
///
/// An entry goes with its comments: those inside of it, and the lines right above it. `None` if the
/// text is not a valid list, or has no entry.
pub fn edited(text: &str, new: &[Image], old: &[usize]) -> Option<String> {
    if new.is_empty() && old.is_empty() {
        return Some(text.to_owned());
    }
    let mark = if text.starts_with(BYTE_ORDER_MARK) { "\u{feff}" } else { "" };
    let mut edited = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).to_owned();
    if !new.is_empty() {
        let (at, added) = entries(&edited)?.last()?.addition(&edited, new);
        edited.insert_str(at, &added);
    }
    // Later ones first, so that the earlier ones keep their positions.
    let mut old = old.to_vec();
    old.sort_unstable();
    for position in old.into_iter().rev() {
        let entries = entries(&edited)?;
        for range in entries.get(position)?.removal(&edited, &entries).into_iter().rev() {
            let is_end = range.end == edited.len();
            edited.replace_range(range, "");
            if is_end {
                edited.truncate(edited.trim_end().len());
                edited.push_str(line_end(text));
            }
        }
    }
    Some(format!("{mark}{edited}"))
}

fn entries(text: &str) -> Option<Vec<Entry>> {
    let document = DeTable::parse(text).ok()?;
    let DeValue::Array(images) = document.get_ref().get("image")?.get_ref() else { return None };
    Some(images.iter().map(|image| Entry::of(text, image)).collect())
}

/// An entry as one writes it.
pub fn entry(image: &Image) -> String {
    let mut text = String::from("[[image]]\n");
    for (key, value) in keys(image) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key} = {}", quoted(&value));
    }
    if !image.subsets.is_empty() {
        text.push_str("[image.subsets]\n");
    }
    for (platforms, digest) in &image.subsets {
        let _ = writeln!(text, "{} = {}", quoted(&platforms.to_string()), quoted(digest.as_str()));
    }
    if !image.values.is_empty() {
        text.push_str("[image.values]\n");
    }
    for (path, template) in &image.values {
        let value = match template {
            ValueTemplate::Text(template) => quoted(&template.to_string()),
            ValueTemplate::Boolean(boolean) => boolean.to_string(),
            ValueTemplate::Integer(integer) => integer.to_string(),
        };
        let _ = writeln!(text, "{} = {value}", quoted(&path.to_string()));
    }
    text
}

/// Where an entry stands in the text.
struct Entry {
    /// A table in braces, or one or more sections that begin with a header.
    is_inline: bool,
    /// In the order of the text, each from its first character to the end of its last value.
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
    fn addition(&self, text: &str, new: &[Image]) -> (usize, String) {
        let line_end = line_end(text);
        let mut added = String::new();
        if !self.is_inline {
            let (at, before) = below(text, self.end());
            added.push_str(before);
            for image in new {
                added.push_str(line_end);
                added.push_str(&entry(image).replace('\n', line_end));
            }
            return (at, added);
        }
        let start = start_of_line(text, self.end());
        let indent = indent(text, self.end());
        let is_alone = text[start..self.end()].trim_start().starts_with('{')
            && start == start_of_line(text, self.parts[0].start);
        let between = if is_alone { format!(",{line_end}{indent}") } else { ", ".to_owned() };
        for image in new {
            added.push_str(&between);
            added.push_str(&inline_entry(image));
        }
        (self.end(), added)
    }

    /// What to cut out, in the order of the text.
    fn removal(&self, text: &str, entries: &[Self]) -> Vec<Range<usize>> {
        if self.is_inline {
            return vec![self.inline_removal(text, entries)];
        }
        self.parts.iter().map(|part| with_comments(text, part.clone())).collect()
    }

    fn inline_removal(&self, text: &str, entries: &[Self]) -> Range<usize> {
        let this = self.parts[0].clone();
        let rest = &text[this.end..];
        let comma = rest.trim_start().starts_with(',').then(|| rest.find(',').unwrap_or(0) + 1);
        let end = this.end + comma.unwrap_or(0);
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
            // With the comma in front.
            (None, Some(previous)) => previous..this.end,
            (None, None) => this,
        }
    }
}

/// The extent of a table with a header, and of the tables with headers of their own below it.
fn sections(text: &str, table: &Spanned<DeValue<'_>>, parts: &mut Vec<Range<usize>>) {
    let header = table.span();
    let mut end = header.end;
    if let DeValue::Table(entries) = table.get_ref() {
        for (_, value) in entries.iter() {
            if is_section(text, value) {
                sections(text, value, parts);
            } else {
                end = end.max(end_of(value));
            }
        }
    }
    parts.push(header.start..end);
}

/// Whether a value is a table with a header of its own.
fn is_section(text: &str, value: &Spanned<DeValue<'_>>) -> bool {
    matches!(value.get_ref(), DeValue::Table(_)) && text[value.span()].starts_with('[')
}

/// The end of a value; of dotted keys, that of the last one.
fn end_of(value: &Spanned<DeValue<'_>>) -> usize {
    match value.get_ref() {
        DeValue::Table(entries) => {
            entries.iter().map(|(_, value)| end_of(value)).max().unwrap_or(0).max(value.span().end)
        }
        _ => value.span().end,
    }
}

/// Whole lines, with the comment right above them and the empty lines that would be too many.
fn with_comments(text: &str, part: Range<usize>) -> Range<usize> {
    let mut start = start_of_line(text, part.start);
    while start > 0 {
        let above = start_of_line(text, start - 1);
        let line = text[above..start].trim();
        // `#:schema` speaks of the whole file.
        if !line.starts_with('#') || line.starts_with("#:") {
            break;
        }
        start = above;
    }
    let mut end = end_of_line(text, part.end);
    let above = if start == 0 { "" } else { text[start_of_line(text, start - 1)..start].trim() };
    // After the bracket of a list, too, an empty line would be one too many.
    let is_blank_above = above.is_empty() || above.ends_with('[');
    while is_blank_above && end < text.len() {
        let below = end_of_line(text, end);
        if !text[end..below].trim().is_empty() {
            break;
        }
        end = below;
    }
    start..end
}

fn is_only_comments(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

/// What an entry says that does not go without saying.
fn keys(image: &Image) -> Vec<(&'static str, String)> {
    let mut keys = vec![("source", image.source.to_string()), ("tag", image.tag.to_string())];
    keys.extend(image.digest.as_ref().map(|digest| ("digest", digest.to_string())));
    keys.extend(image.target.as_ref().map(|target| ("target", target.to_string())));
    keys
}

fn inline_entry(image: &Image) -> String {
    let keys = keys(image);
    let pairs: Vec<_> =
        keys.iter().map(|(key, value)| format!("{key} = {}", quoted(value))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

#[cfg(test)]
mod tests;
