//! Adds pairs to a table of an image list, which is created if it is missing, and finds pairs to remove.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::lines::{below, indent, line_end, separator, start_of_line};
use super::spans::{end_of, is_section, with_comments};

/// The owner of a table, which determines where a new one goes.
pub(super) enum Owner {
    List,
    Image { header: usize },
    ImageInBraces,
}

/// A pair to add, `key = value`, or a header.
pub(super) struct Line {
    /// On one line, above the pair.
    pub(super) comment: Option<String>,
    pub(super) text: String,
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self { comment: None, text }
    }
}

impl Line {
    /// The lines to write: the comment, if there is one, and the text.
    fn rows(&self) -> impl Iterator<Item = String> {
        let comment = self.comment.iter().map(|comment| format!("# {comment}"));
        comment.chain([self.text.clone()])
    }
}

/// An offset in the text, and the text to insert there.
pub(super) type Addition = (usize, String);

impl Owner {
    /// The image whose entry begins at an offset.
    pub(super) fn of_image(text: &str, start: usize) -> Self {
        if text[start..].starts_with('{') {
            Self::ImageInBraces
        } else {
            Self::Image { header: start }
        }
    }

    /// Adds pairs to a table of the owner.
    pub(super) fn added(
        &self,
        text: &str,
        owner: &DeTable<'_>,
        name: &str,
        lines: Vec<Line>,
    ) -> Vec<Addition> {
        let own = owner.get(name).and_then(|own| Some((own.span(), own.get_ref().as_table()?)));
        match own {
            _ if lines.is_empty() => Vec::new(),
            Some((span, table)) => {
                let addition = self.added_to(text, span.clone(), table, &lines);
                let is_in_one_line =
                    text[span.clone()].starts_with('{') && !addition.1.contains('\n');
                // One line has no room for comments: they go above it.
                let comments = above(text, span.start, &lines).filter(|_| is_in_one_line);
                comments.into_iter().chain([addition]).collect()
            }
            None => vec![self.new_table(text, owner, name, lines)],
        }
    }

    /// Adds pairs to an existing table, in its form.
    fn added_to(
        &self,
        text: &str,
        span: Range<usize>,
        table: &DeTable<'_>,
        lines: &[Line],
    ) -> Addition {
        let last = table.iter().map(|(key, value)| (end_of(value), key.span().start)).max();
        let written = &text[span.clone()];
        match last {
            Some((end, key)) if written.starts_with('{') => {
                pairs(end, &separator(text, key), lines)
            }
            None if written.starts_with('{') => (span.start + 1, format!(" {} ", joined(lines))),
            Some((end, key)) if written.starts_with('[') => {
                rows(text, end, indent(text, key), lines)
            }
            None => rows(text, span.end, indent(text, span.start), lines),
            Some((end, key)) => {
                let dotted = |line: &Line| Line {
                    comment: line.comment.clone(),
                    text: format!("{written}.{}", line.text),
                };
                let lines: Vec<Line> = lines.iter().map(dotted).collect();
                match self {
                    Self::ImageInBraces => pairs(end, &separator(text, span.start), &lines),
                    Self::List | Self::Image { .. } => rows(text, end, indent(text, key), &lines),
                }
            }
        }
    }

    fn new_table(
        &self,
        text: &str,
        owner: &DeTable<'_>,
        name: &str,
        mut lines: Vec<Line>,
    ) -> Addition {
        let own = owner.iter().filter(|(_, value)| !is_section(text, value));
        let last = own.map(|(key, value)| (end_of(value), key.span().start)).max();
        match self {
            Self::List => {
                lines.splice(0..0, [String::new().into(), format!("[{name}]").into()]);
                rows(text, text.len(), "", &lines)
            }
            Self::Image { header } => {
                lines.insert(0, format!("[image.{name}]").into());
                let end = last.map_or(*header, |(end, _)| end);
                rows(text, end, indent(text, *header), &lines)
            }
            Self::ImageInBraces => {
                let (end, key) = last.unwrap_or_default();
                let table = format!("{name} = {{ {} }}", joined(&lines));
                pairs(end, &separator(text, key), &[table.into()])
            }
        }
    }
}

/// The place of a pair in a table of an image, with the comma or comment that is removed with it. Empty
/// if the table lacks it; `None` if it is written in a form that cannot be removed.
pub(super) fn place_of_pair(
    text: &str,
    image: &Spanned<DeValue<'_>>,
    name: &str,
    key: &str,
) -> Option<Range<usize>> {
    let Some(table) = image.get_ref().as_table()?.get(name) else { return Some(0..0) };
    let Some((key, value)) = table.get_ref().as_table()?.get_key_value(key) else {
        return Some(0..0);
    };
    let written = &text[table.span()];
    let start = start_of_pair(text, table, key.span().start)?;
    let pair = start..value.span().end;
    let is_in_braces = text[image.span()].starts_with('{') || written.starts_with('{');
    Some(if is_in_braces { with_comma(text, pair) } else { with_comments(text, pair) })
}

/// The start of a pair in a table, with the key at an offset: of the first part, if the key is dotted.
pub(super) fn start_of_pair(text: &str, table: &Spanned<DeValue<'_>>, key: usize) -> Option<usize> {
    let written = &text[table.span()];
    if written.starts_with(['{', '[']) {
        return Some(key);
    }
    // The parser reports the place of the last part of a dotted key.
    let before = text[..key].trim_end_matches([' ', '\t']).strip_suffix('.')?;
    Some(before.trim_end_matches([' ', '\t']).strip_suffix(written)?.len())
}

/// A pair in braces, with the comma that it needs.
pub(super) fn with_comma(text: &str, pair: Range<usize>) -> Range<usize> {
    let rest = &text[pair.end..];
    let after = rest.trim_start();
    if let Some(next) = after.strip_prefix(',') {
        let next = next.trim_start();
        if !next.starts_with(['}', '#']) {
            return pair.start..text.len() - next.len();
        }
    }
    match text[..pair.start].trim_end().strip_suffix(',') {
        Some(before) => before.len()..pair.end,
        None => pair.start..text.len() - after.strip_prefix(',').unwrap_or(rest).len(),
    }
}

/// Inserts lines below the one with the offset.
pub(super) fn rows(text: &str, at: usize, indent: &str, lines: &[Line]) -> Addition {
    let line_end = line_end(text);
    let (at, before) = below(text, at);
    let rows: String = lines
        .iter()
        .flat_map(Line::rows)
        .map(|row| format!("{}{row}{line_end}", if row.is_empty() { "" } else { indent }))
        .collect();
    (at, format!("{before}{rows}"))
}

/// Inserts pairs in braces after one that ends at the offset. Comments need pairs on lines of their own.
pub(super) fn pairs(at: usize, separator: &str, lines: &[Line]) -> Addition {
    let new_line = separator.trim_start_matches(',');
    let pair = |line: &Line| {
        if !new_line.contains('\n') {
            return format!("{separator}{}", line.text);
        }
        let rows: Vec<String> = line.rows().collect();
        format!("{separator}{}", rows.join(new_line))
    };
    (at, lines.iter().map(pair).collect())
}

/// Inserts a line below the tag of an image.
pub(super) fn below_tag(
    text: &str,
    image: &Spanned<DeValue<'_>>,
    line: String,
) -> Option<Addition> {
    let (key, tag) = image.get_ref().as_table()?.get_key_value("tag")?;
    let (key, end) = (key.span().start, tag.span().end);
    let line = [line.into()];
    Some(if text[image.span()].starts_with('{') {
        pairs(end, &separator(text, key), &line)
    } else {
        rows(text, end, indent(text, key), &line)
    })
}

fn joined(lines: &[Line]) -> String {
    lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(", ")
}

/// The comments of pairs, above the line with the offset.
fn above(text: &str, at: usize, lines: &[Line]) -> Option<Addition> {
    let (start, indent, line_end) = (start_of_line(text, at), indent(text, at), line_end(text));
    let comments = lines.iter().filter_map(|line| line.comment.as_ref());
    let comments: String =
        comments.map(|comment| format!("{indent}# {comment}{line_end}")).collect();
    (!comments.is_empty()).then_some((start, comments))
}
