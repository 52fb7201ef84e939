//! From text to TOML: mistakes of syntax, and what can be read in spite of them.
//!
//! The text is taken in sections, from one `[header]` to the next. A section with a mistake of syntax is
//! set aside, with what hangs below it, because whatever else seems wrong there may be that mistake's
//! doing: a key is missing where its line is broken, and the entry below a broken header looks like a
//! part of the one above. All other sections are read as if it were not there.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::problems::Problem;

/// The text with its broken sections blanked, so that all places stay, and the mistakes in them.
pub(super) fn readable(text: &str) -> (String, Vec<Problem>) {
    let mut readable = text.to_owned();
    let mut problems = Vec::new();
    loop {
        let errors = syntax_errors(&readable);
        if errors.is_empty() {
            return (readable, problems);
        }
        let broken = sections(text)
            .filter(|section| errors.iter().any(|(span, _)| is_in(span.start, section, text)));
        let before = readable.clone();
        for section in broken {
            blank(&mut readable, with_subtables(text, section));
        }
        let is_first = problems.is_empty();
        // A string without end reaches through all sections to the end of the text: there is no
        // telling what it swallowed.
        let is_endless = readable == before;
        if is_endless {
            blank(&mut readable, 0..text.len());
        }
        if is_first || !is_endless {
            problems.extend(
                errors.into_iter().map(|(span, message)| syntax_problem(text, span, &message)),
            );
        }
    }
}

/// Parses what `readable` left, which has no mistakes of syntax but keys that are there twice.
pub(super) fn parse<'t>(readable: &'t str, problems: &mut Vec<Problem>) -> Spanned<DeTable<'t>> {
    let (document, errors) = DeTable::parse_recoverable(readable);
    for error in errors {
        let problem = Problem::new(error.span().unwrap_or_default(), "duplicate key")
            .hint("remove one of the two; entries of a list have two brackets: `[[image]]`");
        problems.push(problem);
    }
    document
}

const DUPLICATE_KEY: &str = "duplicate key";

fn syntax_errors(text: &str) -> Vec<(Range<usize>, String)> {
    let (_, errors) = DeTable::parse_recoverable(text);
    let errors = errors.into_iter().filter(|error| error.message() != DUPLICATE_KEY);
    let end = text.len()..text.len();
    errors.map(|error| (error.span().unwrap_or(end.clone()), error.message().to_owned())).collect()
}

fn sections(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut starts = vec![0];
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('[') && offset > 0 {
            starts.push(offset);
        }
        offset += line.len();
    }
    let ends: Vec<_> = starts.iter().skip(1).copied().chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| start..end)
}

fn is_in(offset: usize, section: &Range<usize>, text: &str) -> bool {
    section.contains(&offset) || (offset >= text.len() && section.end == text.len())
}

/// `[[image]]` with the `[image.values]` that follows it.
fn with_subtables(text: &str, section: Range<usize>) -> Range<usize> {
    let prefix = format!("{}.", header(&text[section.clone()]));
    let following = sections(text).skip_while(|other| other.start < section.end);
    let below = following.take_while(|other| header(&text[other.clone()]).starts_with(&prefix));
    let end = below.last().map_or(section.end, |last| last.end);
    section.start..end
}

/// The name in the header of a section, which may be broken itself.
fn header(section: &str) -> &str {
    let line = section.lines().next().unwrap_or_default().trim_start();
    let name = line.trim_start_matches(['[', ' ']);
    name.split([']', '#', ' ']).next().unwrap_or_default().trim_end()
}

fn blank(text: &mut String, range: Range<usize>) {
    let blanked: String = text[range.clone()]
        .chars()
        .flat_map(|c| std::iter::repeat_n(if c == '\n' { '\n' } else { ' ' }, c.len_utf8()))
        .collect();
    text.replace_range(range, &blanked);
}

fn syntax_problem(text: &str, span: Range<usize>, message: &str) -> Problem {
    let written = text.get(span.clone()).unwrap_or_default();
    let unquoted = message.starts_with("string values must be quoted");
    let hint = match message {
        _ if unquoted && written.is_empty() => "write a value after the `=`".to_owned(),
        _ if unquoted => format!("write it in quotes: `\"{}\"`", written.escape_debug()),
        _ if message.starts_with("key with no value") => "write `key = \"value\"`".to_owned(),
        _ if message.starts_with("unclosed") => "add the bracket that is missing".to_owned(),
        _ if message.contains("string, expected") => "add the quote that is missing".to_owned(),
        _ => return Problem::new(span, message),
    };
    let message = if unquoted { "this is not a value" } else { message };
    Problem::new(span, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_section_is_set_aside_with_its_subtables_and_nothing_else_is() {
        let text = "[a]\nx = 1\n[[b]\ny = 'ä'\n[b.c]\nz = 1\n[[b]]\ny = 2\n";
        let (readable, problems) = readable(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(readable.trim_start_matches("[a]\nx = 1\n").trim_start(), "[[b]]\ny = 2\n");
        assert_eq!(readable.len(), text.len());
        assert_eq!(readable.lines().count(), text.lines().count());
    }

    #[test]
    fn nothing_is_read_beside_a_string_without_end() {
        let text = "[a]\nx = '''\n[b]\ny = 1\n";
        let (readable, problems) = readable(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(readable.trim(), "");
    }
}
