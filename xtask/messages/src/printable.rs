//! Text of others (servers, programs), made fit for a terminal and for one line of a message.

const LONGEST: usize = 300;

/// No control characters, one line, not endless.
pub fn printable(text: &str) -> String {
    printable_within(LONGEST, text)
}

/// As [`printable`], with room for those who explain at length. In characters.
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

/// Control characters, and those that turn the direction of the text.
pub fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_fits_on_one_line() {
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
