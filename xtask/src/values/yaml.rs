//! Writes values as YAML that every reader takes for the same texts.
//!
//! Helm reads YAML 1.1, where a bare `yes`, `1_000` or `2024_10_01` is no string, and the usual
//! emitters quote for YAML 1.2. So every text is quoted, and every key that is not plainly a word.

use std::fmt::Write as _;

use super::Tree;

/// A tree as one YAML document in block style, two spaces a level.
pub(super) fn document(tree: &Tree) -> String {
    let mut text = String::new();
    match tree {
        Tree::Map(entries) if entries.is_empty() => text.push_str("{}\n"),
        tree => write_below(&mut text, tree, 0),
    }
    text
}

fn write_below(text: &mut String, tree: &Tree, depth: usize) {
    match tree {
        Tree::Text(value) => text.push_str(&quoted(value)),
        Tree::Map(entries) => {
            for (key, value) in entries {
                let _ = write!(text, "{:width$}{}:", "", key_text(key), width = depth * 2);
                match value {
                    Tree::Text(value) => {
                        let _ = writeln!(text, " {}", quoted(value));
                    }
                    Tree::Map(entries) if entries.is_empty() => text.push_str(" {}\n"),
                    map => {
                        text.push('\n');
                        write_below(text, map, depth + 1);
                    }
                }
            }
        }
    }
}

/// A key as it is if nothing could take it for a number, a boolean or null; otherwise quoted.
fn key_text(key: &str) -> String {
    const WORDS_OF_YAML: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_word = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && !WORDS_OF_YAML.iter().any(|word| key.eq_ignore_ascii_case(word));
    if is_word { key.to_owned() } else { quoted(key) }
}

/// A double-quoted scalar, the same in YAML 1.1 and 1.2.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            ' '..='~' => quoted.push(character),
            other if other.is_alphanumeric() => quoted.push(other),
            // Control characters, and what YAML 1.1 takes for a line break.
            other => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(other));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_yaml::Value;

    fn value_of(tree: &Tree) -> Value {
        match tree {
            Tree::Text(text) => Value::String(text.clone()),
            Tree::Map(entries) => {
                let entry =
                    |(key, tree): &(String, Tree)| (Value::String(key.clone()), value_of(tree));
                Value::Mapping(entries.iter().map(entry).collect())
            }
        }
    }

    #[test]
    fn texts_that_yaml_1_1_takes_for_something_else_are_quoted() {
        for text in [
            "yes",
            "2024_10_01",
            "1_000",
            "0x_1F",
            "1.10",
            "7e6",
            "null",
            "~",
            "",
            "{{ .x }}",
            "a: b",
            "#",
        ] {
            let tree = Tree::Map(vec![(text.to_owned(), Tree::Text(text.to_owned()))]);
            let written = document(&tree);
            assert_eq!(written, format!("\"{text}\": \"{text}\"\n"));
        }
        assert_eq!(key_text("imageRegistry"), "imageRegistry");
        assert_eq!(
            key_text("prometheus-elasticsearch-exporter"),
            "prometheus-elasticsearch-exporter"
        );
        assert_eq!(key_text("On"), "\"On\"");
        assert_eq!(quoted("a\n\u{2028}é\u{7f}"), "\"a\\U0000000A\\U00002028é\\U0000007F\"");
    }

    #[test]
    fn nothing_to_say_is_an_empty_map() {
        assert_eq!(document(&Tree::Map(Vec::new())), "{}\n");
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(keys in proptest::collection::vec("\\PC{1,6}|[a-z.{}:#\"'\\\\ \n\t]{1,6}", 1..4), text in "(?s).{0,12}") {
            let mut tree = Tree::Text(text);
            for key in keys {
                tree = Tree::Map(vec![(key, tree)]);
            }
            let written = document(&tree);
            let read: Value = serde_yaml::from_str(&written).unwrap();
            proptest::prop_assert_eq!(read, value_of(&tree), "{}", written);
        }
    }
}
