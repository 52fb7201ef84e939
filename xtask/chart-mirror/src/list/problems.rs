//! `Problems`: all mistakes in an image list, each with its place in the text.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::edit::lines::{end_of_line, start_of_line};
use super::place::{Place, PlaceIndex, char_boundary};

/// How many problems are displayed with their lines. Each takes time to render, and more are not corrected at once.
const MOST_WITH_LINES: usize = 100;

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
        let text = without_secrets(text, &problems);
        Self { file_name: file_name.to_owned(), text, problems }
    }

    /// The file, as it was named when it was read.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.problems.iter()
    }

    /// The problems with their lines, with colours for a terminal. `Display` omits the colours.
    pub fn render_with_colours(&self) -> String {
        self.render(&Renderer::styled())
    }

    /// Displays the lines of the first problems, and one line for each of the others.
    fn render(&self, renderer: &Renderer) -> String {
        let (with_lines, others) = self.problems.split_at(self.problems.len().min(MOST_WITH_LINES));
        let rendered = with_lines
            .iter()
            .map(|problem| renderer.render(&[problem.group(&self.file_name, &self.text)]));
        let others: Vec<String> =
            others.iter().map(|one| one.in_one_line(&self.file_name)).collect();
        let others = Some(others.join("\n")).filter(|others| !others.is_empty());
        rendered.chain(others).collect::<Vec<_>>().join("\n\n")
    }
}

/// The text of a list, with `*` for every byte of a secret.
fn without_secrets(text: &str, problems: &[Problem]) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut shown_from = 0;
    for secret in problems.iter().filter_map(|problem| problem.secret.clone()) {
        // Two problems may be about one secret.
        let secret = secret.start.max(shown_from)..secret.end.max(shown_from);
        hidden.push_str(&text[shown_from..secret.start]);
        hidden.extend(text[secret.clone()].bytes().map(|b| if b == b'\n' { '\n' } else { '*' }));
        shown_from = secret.end;
    }
    hidden + &text[shown_from..]
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
        // Only a part of the text, because the renderer looks through all of what it gets.
        let first = self.first.clone().unwrap_or(self.span.clone());
        let last = char_boundary(text, text.len().saturating_sub(1));
        let start = start_of_line(text, self.span.start.min(first.start).min(last));
        let end = end_of_line(text, self.span.end.max(first.end));
        let within = |span: &Range<usize>| span.start - start..span.end - start;
        let lines_before = text[..start].bytes().filter(|byte| *byte == b'\n').count();
        let mut snippet = Snippet::source(&text[start..end])
            .line_start(lines_before + 1)
            .path(file_name)
            .annotation(AnnotationKind::Primary.span(within(&self.span)));
        if let Some(first) = &self.first {
            let first = AnnotationKind::Context.span(within(first)).label("the first is here");
            snippet = snippet.annotation(first);
        }
        let group = Level::ERROR.primary_title(&self.message).element(snippet);
        match &self.hint {
            Some(hint) => group.element(Level::HELP.with_name("hint").message(hint)),
            None => group,
        }
    }

    fn in_one_line(&self, file_name: &str) -> String {
        let Place { line, column } = self.place;
        format!("error: {file_name}:{line}:{column}: {}", self.message)
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

    #[test]
    fn many_problems_are_displayed_in_bounded_parts_of_the_text() {
        let line = "key = 'value'\n";
        let text = line.repeat(1000);
        let problem = |number: usize| {
            let at = number * line.len();
            Problem::new(at..at + 3, "wrong").first(0..3)
        };
        let displayed =
            Problems::new("x.toml", &text, (0..1000).map(problem).collect()).to_string();
        assert_eq!(displayed.matches(" --> x.toml:").count(), MOST_WITH_LINES);
        assert!(displayed.ends_with("error: x.toml:999:1: wrong\nerror: x.toml:1000:1: wrong"));
        assert_eq!(displayed.matches("wrong").count(), 1000, "none is left out");
    }

    #[test]
    fn a_problem_looks_the_same_wherever_its_part_of_the_text_begins() {
        let text = "a = 1\n\nbb = [\n  2, # ä\n]\n\nc = 'x'\n";
        let whole = |span: &Range<usize>| {
            let annotation = AnnotationKind::Primary.span(span.clone());
            let snippet = Snippet::source(text).path("x").annotation(annotation);
            Renderer::plain().render(&[Level::ERROR.primary_title("m").element(snippet)])
        };
        let starts = (0..=text.len()).filter(|start| text.is_char_boundary(*start));
        for span in starts.flat_map(|start| [start..start, start..text.len()]) {
            let problems = Problems::new("x", text, vec![Problem::new(span.clone(), "m")]);
            assert_eq!(problems.to_string(), whole(&span), "{span:?}");
        }
    }
}
