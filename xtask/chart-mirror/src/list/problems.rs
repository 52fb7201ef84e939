//! `Problems`: everything that is wrong with an image list, each at its place in the text.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// What is wrong with an image list, in the order of the text. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    file_name: String,
    text: String,
    problems: Vec<Problem>,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it begins: line and column (in characters), counted from 1.
    pub line: usize,
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
    span: Range<usize>,
    /// The other place, where a mistake is about two.
    first: Option<Range<usize>>,
    /// What is never shown.
    secret: Option<Range<usize>>,
}

impl Problems {
    /// The problems found in a text, put in its order.
    pub(super) fn new(file_name: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        let mut text = text.to_owned();
        for secret in problems.iter().filter_map(|problem| problem.secret.clone()) {
            let hide = |byte| if byte == b'\n' { '\n' } else { '*' };
            let hidden: String = text[secret.clone()].bytes().map(hide).collect();
            text.replace_range(secret, &hidden);
        }
        Self { file_name: file_name.to_owned(), text, problems }
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.problems.iter()
    }

    /// All problems with their lines, with colours for a terminal. `Display` is the same without.
    pub fn render_with_colours(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let rendered: Vec<_> = self
            .problems
            .iter()
            .map(|problem| renderer.render(&[problem.group(&self.file_name, &self.text)]))
            .collect();
        rendered.join("\n\n")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Problems {}

impl Problem {
    /// A problem with a piece of `text`, which is cut to what is there.
    pub(super) fn new(text: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        let start = char_boundary(text, span.start);
        let end = char_boundary(text, span.end.max(start));
        let Position { line, column } = Position::of(text, start);
        let message = message.into();
        Self { line, column, message, hint: None, span: start..end, first: None, secret: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn hint_if_any(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Shows where the first of two stands; the problem itself is at the second.
    pub(super) fn first(mut self, span: Range<usize>) -> Self {
        self.first = Some(span);
        self
    }

    /// What stands at this place may be a secret: it is never shown.
    pub(super) fn about_a_secret(mut self) -> Self {
        self.secret = Some(self.span.clone());
        self
    }

    /// What stands at another place of `text` may be one.
    pub(super) fn beside_a_secret(mut self, text: &str, span: Range<usize>) -> Self {
        let start = char_boundary(text, span.start);
        self.secret = Some(start..char_boundary(text, span.end.max(start)));
        self
    }

    fn group<'a>(&'a self, file_name: &'a str, text: &'a str) -> Group<'a> {
        let mut snippet = Snippet::source(text)
            .path(file_name)
            .annotation(AnnotationKind::Primary.span(self.span.clone()));
        if let Some(first) = &self.first {
            let first = AnnotationKind::Context.span(first.clone()).label("the first is here");
            snippet = snippet.annotation(first);
        }
        let group = Level::ERROR.primary_title(&self.message).element(snippet);
        match &self.hint {
            Some(hint) => group.element(Level::HELP.with_name("hint").message(hint)),
            None => group,
        }
    }
}

/// A place in a text: line and column (in characters), counted from 1.
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = &text[..char_boundary(text, offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// The nearest place at or before `offset` where a character begins or the text ends.
fn char_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The known word that is meant by a mistyped one, if one is near enough.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    let distance = |candidate: &&str| strsim::damerau_levenshtein(&word, candidate);
    let best = known.iter().copied().min_by_key(distance)?;
    // One mistake in three letters is still a typing error; more is another word.
    let allowed = best.chars().count().div_ceil(3);
    (distance(&best) <= allowed).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_is_recognised_and_another_word_is_not() {
        let known = ["source", "tag", "digest", "plain-http"];
        let table = [
            ("sorce", Some("source")),
            ("tga", Some("tag")),
            ("Digest", Some("digest")),
            ("plain_http", Some("plain-http")),
            ("repository", None),
            ("", None),
        ];
        for (word, expected) in table {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }

    #[test]
    fn a_secret_is_shown_by_no_problem() {
        let text = "password = 's3cret'\n";
        let problems = Problems::new(
            "x.toml",
            text,
            vec![
                Problem::new(text, 0..8, "another problem of the line"),
                Problem::new(text, 11..19, "no place for secrets").about_a_secret(),
            ],
        );
        let shown = problems.to_string() + &problems.render_with_colours();
        assert!(shown.contains("********") && !shown.contains("s3cret"), "{shown}");
        assert!(!format!("{problems:?}").contains("s3cret"));
    }

    #[test]
    fn columns_count_characters() {
        let text = "ä = 1\nöö = x";
        let Position { line, column } = Position::of(text, text.find('x').unwrap());
        assert_eq!((line, column), (2, 6));
        let Position { line, column } = Position::of(text, usize::MAX);
        assert_eq!((line, column), (2, 7));
    }

    #[test]
    fn a_problem_shows_its_line_the_other_place_and_a_hint_on_its_own_line() {
        let text = "one = 1\n\n\n\n\n\none = 2\n";
        let problem = Problem::new(text, 13..16, "`one` again").hint("remove it").first(0..3);
        let shown = Problems::new("x.toml", text, vec![problem]).to_string();
        assert_eq!(
            shown,
            "\
error: `one` again
 --> x.toml:7:1
  |
1 | one = 1
  | --- the first is here
...
7 | one = 2
  | ^^^
  |
  = hint: remove it"
        );
    }
}
