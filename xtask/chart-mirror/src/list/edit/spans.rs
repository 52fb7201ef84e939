//! Where the values of a document are in its text.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::lines::{end_of_line, start_of_line};

/// The `[[image]]` entries.
pub(super) fn images<'d, 't>(document: &'d DeTable<'t>) -> Option<&'d [Spanned<DeValue<'t>>]> {
    document.get("image")?.get_ref().as_array().map(|images| &**images)
}

/// The sections of a table with a header: its own, and those of the tables below it that have a header.
pub(super) fn sections(text: &str, table: &Spanned<DeValue<'_>>, parts: &mut Vec<Range<usize>>) {
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
pub(super) fn is_section(text: &str, value: &Spanned<DeValue<'_>>) -> bool {
    matches!(value.get_ref(), DeValue::Table(_)) && text[value.span()].starts_with('[')
}

/// The end of a value. For a table of dotted keys, the end of the last one.
pub(super) fn end_of(value: &Spanned<DeValue<'_>>) -> usize {
    match value.get_ref() {
        DeValue::Table(entries) => {
            entries.iter().map(|(_, value)| end_of(value)).max().unwrap_or(0).max(value.span().end)
        }
        _ => value.span().end,
    }
}

/// The whole lines of a part, with the comment right above them, and with the blank lines below that
/// would follow another blank line.
pub(super) fn with_comments(text: &str, part: Range<usize>) -> Range<usize> {
    let mut start = start_of_line(text, part.start);
    while start > 0 {
        let above = start_of_line(text, start - 1);
        let line = text[above..start].trim();
        // `#:schema` applies to the whole file.
        if !line.starts_with('#') || line.starts_with("#:") {
            break;
        }
        start = above;
    }
    let mut end = end_of_line(text, part.end);
    let above = if start == 0 { "" } else { text[start_of_line(text, start - 1)..start].trim() };
    // A blank line after the opening bracket of a list is superfluous as well.
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
