//! Finds lines in a text by offsets, and quotes texts for TOML.

use std::fmt::Write as _;

/// Splits a text into its byte order mark, if there is one, and the rest.
pub(super) fn split_mark(text: &str) -> (&str, &str) {
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    text.split_at(mark)
}

/// The start of the line with the offset.
pub(in crate::list) fn start_of_line(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// The start of the line after the one with the offset.
pub(in crate::list) fn end_of_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// The indentation of the line with the offset.
pub(super) fn indent(text: &str, at: usize) -> &str {
    let line = &text[start_of_line(text, at)..end_of_line(text, at)];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

pub(super) fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Where to insert whole lines below the line with the offset, and what to insert before them: a line
/// end, if the text ends without one.
pub(super) fn below(text: &str, at: usize) -> (usize, &'static str) {
    let end = end_of_line(text, at);
    (end, if text[..end].ends_with('\n') { "" } else { line_end(text) })
}

/// The separator between a pair in braces, with its key at the offset, and another one. The new pair
/// gets a line of its own if the first one has one.
pub(super) fn separator(text: &str, key: usize) -> String {
    let is_first_in_its_line = text[start_of_line(text, key)..key].trim().is_empty();
    if is_first_in_its_line {
        format!(",{}{}", line_end(text), indent(text, key))
    } else {
        ", ".to_owned()
    }
}

/// Writes a basic string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => drop(write!(quoted, "\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
