//! Text in the page: escaped, without characters that change how the rest is shown, and numbers for people.

use messages::printable::is_unprintable;

/// Without characters that control the direction of text or nothing at all. White space becomes spaces, which keep
/// the indentation of details.
pub(super) fn clean(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    spaced.filter(|c| !is_unprintable(*c)).collect()
}

/// Text for an element or an attribute in `"`.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A message: what it has between backticks is code.
pub(super) fn message(text: &str) -> String {
    let mut parts: Vec<&str> = text.split('`').collect();
    // The last backtick of an odd number ends nothing.
    let rest = if parts.len().is_multiple_of(2) { parts.pop() } else { None };
    let mut shown = String::new();
    for (position, part) in parts.into_iter().enumerate() {
        let part = escaped(part);
        match position % 2 {
            0 => shown += &part,
            _ => shown += &format!("<code>{part}</code>"),
        }
    }
    shown + &rest.map(|rest| format!("`{}", escaped(rest))).unwrap_or_default()
}

/// `5,000`.
pub(super) fn number(value: usize) -> String {
    let digits = value.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 image`, `5,000 images`.
pub(super) fn count(value: usize, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(value))
}

/// A reference whose repository and tag stand out from the registry before them.
pub(super) fn reference(name: &str) -> String {
    let (before, last) = match name.rsplit_once('/') {
        Some((before, last)) => (format!("{before}/"), last),
        None => (String::new(), name),
    };
    format!("<span class=\"dim\">{}</span><wbr>{}", escaped(&before), escaped(last))
}

/// A digest that people can compare; its whole text is in the title.
pub(super) fn digest(digest: &str) -> String {
    let short: String = digest.chars().take(19).collect();
    format!("<code title=\"{}\">{}</code>", escaped(digest), escaped(&short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        let table = [
            ("<script>", "&lt;script&gt;"),
            ("\" onclick='x' &amp;", "&quot; onclick=&#39;x&#39; &amp;amp;"),
            ("a\nb\t\u{202e}c\u{1b}[31m", "a b c[31m"),
        ];
        for (text, expected) in table {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn backticks_mark_code_which_stays_text() {
        let table = [
            ("no", "no"),
            ("run `a <b>` and `c`", "run <code>a &lt;b&gt;</code> and <code>c</code>"),
            ("`</code><script>`", "<code>&lt;/code&gt;&lt;script&gt;</code>"),
            ("one ` alone", "one ` alone"),
            ("`a` b ` c", "<code>a</code> b ` c"),
            ("a `` b", "a <code></code> b"),
        ];
        for (text, expected) in table {
            assert_eq!(message(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_have_groups_of_three() {
        for (value, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(number(value), expected);
        }
        assert_eq!((count(1, "image"), count(2, "image")), ("1 image".into(), "2 images".into()));
    }
}
