//! `Problems`: all mistakes in an image list, each with its place in the text.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::place::{Place, PlaceIndex, char_boundary};

/// The mistakes in an image list, in the order of the text. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    file_name: String,
    text: String,
    problems: Vec<Problem>,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it begins. `Problems::new` sets it.
    pub place: Place,
    pub message: String,
    pub hint: Option<String>,
    span: Range<usize>,
    /// The first of two conflicting entries. The problem itself is at the second.
    first: Option<Range<usize>>,
    /// Text that is never displayed.
    secret: Option<Range<usize>>,
}

impl Problems {
    /// Sorts the problems of a text by their places, and hides secrets in the text.
    pub(super) fn new(file_name: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        let index = PlaceIndex::new(text);
        for problem in &mut problems {
            problem.place = index.place(problem.span.start);
            let spans = [Some(&mut problem.span), problem.first.as_mut(), problem.secret.as_mut()];
            for span in spans.into_iter().flatten() {
                let start = char_boundary(text, span.start);
                *span = start..char_boundary(text, span.end.max(start));
            }
        }
        problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        let mut text = text.to_owned();
        for secret in problems.iter().filter_map(|problem| problem.secret.clone()) {
            let hide = |byte| if byte == b'\n' { '\n' } else { '*' };
            let hidden: String = text[secret.clone()].bytes().map(hide).collect();
            text.replace_range(secret, &hidden);
        }
        Self { file_name: file_name.to_owned(), text, problems }
    }

    /// The file, as it was named when it was read.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.problems.iter()
    }

    /// All problems with their lines, with colours for a terminal. `Display` omits the colours.
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
    pub(super) fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        let (place, message) = (Place::NOWHERE, message.into());
        Self { place, message, hint: None, span, first: None, secret: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Also points to the first of two conflicting entries.
    pub(super) fn first(mut self, span: Range<usize>) -> Self {
        self.first = Some(span);
        self
    }

    /// Hides text that may be a secret.
    pub(super) fn secret(mut self, span: Range<usize>) -> Self {
        self.secret = Some(span);
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

/// The known word that a mistyped one resembles, if any.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase().replace('_', "-");
    let distance = |candidate: &&str| strsim::damerau_levenshtein(&word, candidate);
    let best = known.iter().copied().min_by_key(distance)?;
    // Up to one wrong letter in three is a typo. With more, it is a different word.
    let allowed = best.chars().count().div_ceil(3);
    (distance(&best) <= allowed).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_is_recognised_but_a_different_word_is_not() {
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
    fn no_problem_displays_a_secret() {
        let text = "password = 's3cret'\n";
        let problems = Problems::new(
            "x.toml",
            text,
            vec![
                Problem::new(0..8, "another problem in the line"),
                Problem::new(11..19, "no secrets here").secret(11..19),
            ],
        );
        let displayed = problems.to_string() + &problems.render_with_colours();
        assert!(displayed.contains("********") && !displayed.contains("s3cret"), "{displayed}");
        assert!(!format!("{problems:?}").contains("s3cret"));
    }

    #[test]
    fn a_problem_shows_its_line_the_other_place_and_a_hint_on_its_own_line() {
        let text = "one = 1\n\n\n\n\n\none = 2\n";
        let problem = Problem::new(13..16, "`one` again").hint("remove it").first(0..3);
        let displayed = Problems::new("x.toml", text, vec![problem]).to_string();
        assert_eq!(
            displayed,
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
