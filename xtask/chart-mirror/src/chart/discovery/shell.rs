//! Splits a text into commands and words as a shell does; pure, and linear in the length of the text. Texts
//! are often not meant for a shell: a quote that is never closed separates words, and nothing is an error.

use std::borrow::Cow;
use std::ops::Range;

/// A word of a command, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word<'t> {
    /// Where it stands in the text, with its quotes.
    pub(super) range: Range<usize>,
    pub(super) text: Cow<'t, str>,
    /// Whether a part of it was in quotes. Such a word may itself be a script.
    pub(super) is_quoted: bool,
}

/// A text as a shell reads it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Script<'t> {
    pub(super) commands: Vec<Vec<Word<'t>>>,
    /// In their order.
    pub(super) comments: Vec<Range<usize>>,
}

impl<'t> Script<'t> {
    pub(super) fn parse(text: &'t str) -> Self {
        let mut lexer = Lexer { text, position: 0, script: Self::default(), command: Vec::new() };
        while lexer.position < text.len() {
            lexer.step();
        }
        lexer.end_command();
        lexer.script
    }

    /// Whether a position is in a comment.
    pub(super) fn is_comment(&self, position: usize) -> bool {
        let next = self.comments.partition_point(|comment| comment.end <= position);
        self.comments.get(next).is_some_and(|comment| comment.contains(&position))
    }
}

struct Lexer<'t> {
    text: &'t str,
    position: usize,
    script: Script<'t>,
    command: Vec<Word<'t>>,
}

impl<'t> Lexer<'t> {
    /// Reads a separator, a comment or a word.
    fn step(&mut self) {
        let rest = &self.text[self.position..];
        let Some(first) = rest.chars().next() else { return };
        match first {
            '\n' | ';' | '|' | '&' | '(' | ')' | '`' => {
                self.end_command();
                self.position += 1;
            }
            '#' => {
                let end = rest.find('\n').map_or(self.text.len(), |at| self.position + at);
                self.script.comments.push(self.position..end);
                self.position = end;
            }
            '\\' if continues_line(rest) => self.position += rest.find('\n').unwrap_or(0) + 1,
            c if c.is_whitespace() || matches!(c, '<' | '>') => self.position += c.len_utf8(),
            _ => self.word(),
        }
    }

    fn end_command(&mut self) {
        if !self.command.is_empty() {
            self.script.commands.push(std::mem::take(&mut self.command));
        }
    }

    fn word(&mut self) {
        let start = self.position;
        let mut word = Pieces::default();
        while let Some(first) = self.text[self.position..].chars().next() {
            let rest = &self.text[self.position..];
            let (piece, length) = match first {
                '\\' if continues_line(rest) => break,
                '\\' => {
                    let escaped = rest[1..].chars().next().map_or(0, char::len_utf8);
                    (Cow::Borrowed(&rest[1..=escaped]), 1 + escaped)
                }
                '"' | '\'' => {
                    let Some(piece) = quoted(rest, first) else {
                        self.skip_quote(start);
                        break;
                    };
                    word.is_quoted = true;
                    let text = if first == '"' { unescaped(piece) } else { Cow::Borrowed(piece) };
                    (text, piece.len() + 2)
                }
                '$' => {
                    let length = variable(rest);
                    (Cow::Borrowed(&rest[..length]), length)
                }
                c if ends_word(c) => break,
                _ => {
                    let is_special = |c: char| ends_word(c) || "\\\"'$".contains(c);
                    let length = rest.find(is_special).unwrap_or(rest.len());
                    (Cow::Borrowed(&rest[..length]), length)
                }
            };
            word.push(piece);
            self.position += length;
        }
        let Pieces { text, is_quoted } = word;
        if let Some(text) = text {
            self.command.push(Word { range: start..self.position, text, is_quoted });
        }
    }

    /// A quote at the start of a word that nothing closes; within a word, it ends the word.
    fn skip_quote(&mut self, start: usize) {
        if self.position == start {
            self.position += 1;
        }
    }
}

/// The text of a word, borrowed if it is one piece.
#[derive(Default)]
struct Pieces<'t> {
    text: Option<Cow<'t, str>>,
    is_quoted: bool,
}

impl<'t> Pieces<'t> {
    fn push(&mut self, piece: Cow<'t, str>) {
        match &mut self.text {
            None => self.text = Some(piece),
            Some(text) => text.to_mut().push_str(&piece),
        }
    }
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || ";|&()<>`".contains(c)
}

/// Whether a text starts with a backslash at the end of a line.
fn continues_line(text: &str) -> bool {
    text.starts_with("\\\n") || text.starts_with("\\\r\n")
}

/// What stands between a quote at the start of the text and the one that closes it.
fn quoted(text: &str, quote: char) -> Option<&str> {
    let mut is_escaped = false;
    let end = text[1..].find(|c: char| {
        let is_end = c == quote && !is_escaped;
        is_escaped = quote == '"' && c == '\\' && !is_escaped;
        is_end
    })?;
    Some(&text[1..=end])
}

/// The text between double quotes, without the backslashes that protect quotes.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.chars().next() {
            Some(c @ ('"' | '\\' | '`')) => {
                plain.push(c);
                rest = &rest[1..];
            }
            _ => plain.push('\\'),
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The length of `$(NAME)`, which Kubernetes replaces, of `${NAME}`, or of a single `$`.
fn variable(text: &str) -> usize {
    let mut after = text[1..].chars();
    let (closing, ends): (char, fn(char) -> bool) = match after.next() {
        Some('(') => (')', |c| !c.is_ascii_alphanumeric() && !"_-.".contains(c)),
        Some('{') => ('}', |c| c.is_whitespace() || "{}$\"'".contains(c)),
        _ => return 1,
    };
    match text[2..].find(ends) {
        Some(end) if text[2 + end..].starts_with(closing) => 2 + end + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        let script = Script::parse(text);
        let words = |command: &Vec<Word<'_>>| {
            command.iter().map(|word| word.text.to_string()).collect::<Vec<_>>()
        };
        script.commands.iter().map(words).collect()
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        let table: [(&str, &[&[&str]]); 14] = [
            ("a b\tc", &[&["a", "b", "c"]]),
            ("a --b=\"c d\" 'e  f'g", &[&["a", "--b=c d", "e  fg"]]),
            ("a \\\n  b \\\r\n c\nd", &[&["a", "b", "c"], &["d"]]),
            ("a; b && c | d", &[&["a"], &["b"], &["c"], &["d"]]),
            ("x=$(a b) y", &[&["x=$"], &["a", "b"], &["y"]]),
            ("a:$(B) c:${D:-e} $f", &[&["a:$(B)", "c:${D:-e}", "$f"]]),
            ("a # b 'c\nd#e", &[&["a"], &["d#e"]]),
            ("a\\ b \\\"c\\\"", &[&["a b", "\"c\""]]),
            ("\"a\\\"b\\n\" c", &[&["a\"b\\n", "c"]]),
            // Nothing closes these quotes.
            ("don't x=\"y", &[&["don", "t", "x=", "y"]]),
            ("cat <<EOF >a", &[&["cat", "EOF", "a"]]),
            ("a\\", &[&["a"]]),
            ("'' \"\" ", &[&["", ""]]),
            (" \n;; ", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn words_and_comments_keep_their_positions() {
        let text = "é 'b' # c\nd";
        let script = Script::parse(text);
        let ranges = script.commands.iter().flatten().map(|word| &text[word.range.clone()]);
        assert_eq!(ranges.collect::<Vec<_>>(), ["é", "'b'", "d"]);
        assert!(script.is_comment(text.find('c').unwrap()));
        assert!(!script.is_comment(text.find('d').unwrap()));
    }

    #[test]
    fn a_text_of_open_quotes_is_split_in_linear_time() {
        for text in ["\" ", "'", "\\\"", "$(", "${a ", "\"'", "#\n", "\\\n"] {
            Script::parse(&text.repeat(200_000));
        }
    }
}
