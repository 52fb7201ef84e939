//! Parses the text of a list as TOML: reports syntax errors, and parses the other sections.
//!
//! A section is the text from one `[header]` to the next. A section with a mistake is ignored, together
//! with the tables below it, because the mistake may cause other problems there: a key is missing if its
//! line is broken, and the entry below a broken header seems to belong to the one above.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

use super::problems::Problem;

/// The text with its broken sections replaced by spaces, so that all offsets stay the same, and the
/// mistakes in them.
pub(super) fn readable(text: &str) -> (String, Vec<Problem>) {
    let sections = sections(text);
    let mut readable = text.to_owned();
    let mut problems = Vec::new();
    loop {
        let errors = syntax_errors(&readable);
        if errors.is_empty() {
            return (readable, problems);
        }
        let before = readable.clone();
        for (span, _) in &errors {
            // An error past the end of the text belongs to the last section.
            let after = sections.partition_point(|section| section.start <= span.start);
            blank(&mut readable, with_subtables(text, &sections[after.saturating_sub(1)..]));
        }
        let is_first = problems.is_empty();
        // An unclosed string runs to the end of the text, through all sections on its way.
        let is_unclosed = readable == before;
        if is_unclosed {
            blank(&mut readable, 0..text.len());
        }
        if is_first || !is_unclosed {
            problems.extend(
                errors.into_iter().map(|(span, message)| syntax_problem(text, span, &message)),
            );
        }
    }
}

/// Parses a text whose only mistakes are duplicate keys.
pub(super) fn parse<'t>(readable: &'t str, problems: &mut Vec<Problem>) -> Spanned<DeTable<'t>> {
    let (document, errors) = DeTable::parse_recoverable(readable);
    problems.extend(errors.into_iter().map(|error| {
        Problem::new(error.span().unwrap_or_default(), DUPLICATE_KEY)
            .hint("remove one of the two; entries of a list have two brackets: `[[image]]`")
    }));
    document
}

const DUPLICATE_KEY: &str = "duplicate key";

fn syntax_errors(text: &str) -> Vec<(Range<usize>, String)> {
    let (_, errors) = DeTable::parse_recoverable(text);
    let errors = errors.into_iter().filter(|error| error.message() != DUPLICATE_KEY);
    let end = text.len()..text.len();
    errors.map(|error| (error.span().unwrap_or(end.clone()), error.message().to_owned())).collect()
}

fn sections(text: &str) -> Vec<Range<usize>> {
    let lines = text.split_inclusive('\n').scan(0, |end, line| {
        let start = *end;
        *end += line.len();
        Some((start, line))
    });
    let headers = lines.filter(|(start, line)| *start > 0 && line.trim_start().starts_with('['));
    let starts: Vec<usize> = std::iter::once(0).chain(headers.map(|(start, _)| start)).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

/// The first section with its subtables: `[[image]]` with the `[image.values]` that follows it.
fn with_subtables(text: &str, sections: &[Range<usize>]) -> Range<usize> {
    let prefix = format!("{}.", header(&text[sections[0].clone()]));
    let below = sections[1..]
        .iter()
        .take_while(|section| header(&text[(*section).clone()]).starts_with(&prefix));
    sections[0].start..below.last().unwrap_or(&sections[0]).end
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
    fn a_broken_section_is_ignored_with_its_subtables_and_nothing_else_is() {
        let text = "[a]\nx = 1\n[[b]\ny = 'ä'\n[b.c]\nz = 1\n[[b]]\ny = 2\n";
        let (readable, problems) = readable(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(readable.trim_start_matches("[a]\nx = 1\n").trim_start(), "[[b]]\ny = 2\n");
        assert_eq!(readable.len(), text.len());
        assert_eq!(readable.lines().count(), text.lines().count());
    }

    #[test]
    fn nothing_is_read_after_an_unclosed_string() {
        let text = "[a]\nx = '''\n[b]\ny = 1\n";
        let (readable, problems) = readable(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(readable.trim(), "");
    }
}
