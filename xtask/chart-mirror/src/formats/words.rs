//! `WordLines`: the lines of words in a text. The YAML library does not say where a value is.

use std::collections::HashMap;

/// Finds the lines of references, tags and paths.
pub(super) struct WordLines<'t> {
    lines: HashMap<&'t str, Vec<usize>>,
    /// The line that was found last.
    last: usize,
}

impl<'t> WordLines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut lines: HashMap<&str, Vec<usize>> = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split(" #").next().unwrap_or(line);
            let is_part = |c: char| c.is_ascii_alphanumeric() || "./:@_-[]".contains(c);
            for word in line.split(|c| !is_part(c)) {
                let word = word.trim_matches(['[', ']', ':']);
                if !word.is_empty() {
                    lines.entry(word).or_default().push(number);
                }
            }
        }
        Self { lines, last: 0 }
    }

    /// The line of a word: the next one after that of the word before, or else the first one. Entries are mostly
    /// read in the order of the file.
    pub(super) fn next(&mut self, word: &str) -> Option<usize> {
        let lines = self.lines.get(word)?;
        let next = lines.get(lines.partition_point(|line| *line <= self.last));
        let line = *next.or(lines.first())?;
        self.last = line;
        Some(line)
    }

    /// The first line of a word at or after a line of another one.
    pub(super) fn both(&self, first: &str, second: &str) -> Option<usize> {
        let start = *self.lines.get(first)?.first()?;
        let lines = self.lines.get(second)?;
        lines.get(lines.partition_point(|line| *line < start)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_as_a_whole_and_after_the_one_before() {
        let text = "sync: # a/b:1\n- source: a/b:10\n- source: 'a/b:1'\n- {source: a/b:1}\nc/d: [1.0, \"2\"]\n";
        let mut lines = WordLines::new(text);
        let found = ["a/b:10", "a/b:1", "a/b:1", "a/b:1", "x"].map(|word| lines.next(word));
        assert_eq!(found, [Some(2), Some(3), Some(4), Some(3), None]);
        assert_eq!([lines.both("c/d", "2"), lines.both("c/d", "3")], [Some(5), None]);
    }
}
