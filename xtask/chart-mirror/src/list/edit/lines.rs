//! The lines of a text, by the places in it; and texts as TOML writes them.

use std::fmt::Write as _;

/// The beginning of the line that a place is in.
pub(super) fn start_of_line(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// The beginning of the line after the one that a place is in.
pub(super) fn end_of_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// What the line that a place is in begins with.
pub(super) fn indent(text: &str, at: usize) -> &str {
    let line = &text[start_of_line(text, at)..end_of_line(text, at)];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

pub(super) fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Where whole lines can be put behind the line that a place is in, and what has to stand before
/// them: the end of that line, if the text ends without one.
pub(super) fn below(text: &str, at: usize) -> (usize, &'static str) {
    let end = end_of_line(text, at);
    (end, if text[..end].ends_with('\n') { "" } else { line_end(text) })
}

/// What separates a further pair in braces from the one whose key stands at this place: it has a line
/// of its own if that one has.
pub(super) fn separator(text: &str, key: usize) -> String {
    let is_first_in_its_line = text[start_of_line(text, key)..key].trim().is_empty();
    if is_first_in_its_line {
        format!(",{}{}", line_end(text), indent(text, key))
    } else {
        ", ".to_owned()
    }
}

/// A basic string of TOML.
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
