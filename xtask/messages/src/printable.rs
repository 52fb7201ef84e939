//! Makes text from servers and programs safe for a terminal and short enough for one line.

const LONGEST: usize = 300;

/// The text on one line, without control characters, shortened to 300 characters.
pub fn printable(text: &str) -> String {
    printable_within(LONGEST, text)
}

/// Like [`printable`], with a limit of `longest` characters.
pub fn printable_within(longest: usize, text: &str) -> String {
    let mut line: String = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !is_unprintable(*c))
        .take(longest + 1)
        .collect();
    if line.chars().count() > longest {
        line.pop();
        line.push('…');
    }
    line
}

/// Whether a character controls the terminal or the direction of the text.
pub fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_becomes_one_short_line_without_control_characters() {
        let table = [
            (9, " a\n\n b\tc ", "a b c"),
            (9, "\u{1b}[31mred\u{7}", "[31mred"),
            (9, "a\u{202e}b", "ab"),
            (5, "12345", "12345"),
            (5, "123456", "12345…"),
        ];
        for (longest, text, expected) in table {
            assert_eq!(printable_within(longest, text), expected);
        }
        assert_eq!(printable(&"x".repeat(1000)).chars().count(), LONGEST + 1);
    }
}
