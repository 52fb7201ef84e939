//! Writes values as YAML that means the same in YAML 1.1 and 1.2.
//!
//! Helm reads YAML 1.1, where `yes`, `1_000` or `2024_10_01` without quotes are not strings, but common
//! libraries quote for YAML 1.2. So every string is quoted, and every key that is not an ordinary word.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::Tree;
use crate::list::SetValue;

/// A YAML document in block style, indented by two spaces.
pub(super) fn document(tree: &Tree) -> String {
    let lines = inline(tree).map_or_else(|| block(tree), |inline| vec![inline]);
    lines.into_iter().map(|line| line + "\n").collect()
}

/// A value that fits on the line of its key or dash: a scalar, or an empty map or list.
fn inline(tree: &Tree) -> Option<String> {
    match tree {
        Tree::Scalar(SetValue::String(text)) => Some(quoted(text)),
        // Texts are always quoted, so these are unambiguous.
        Tree::Scalar(bare @ (SetValue::Boolean(_) | SetValue::Integer(_))) => {
            Some(bare.to_string())
        }
        Tree::Scalar(SetValue::Json(json)) => match json {
            Json::Null | Json::Bool(_) => Some(json.to_string()),
            Json::Number(number) => Some(number_text(&number.to_string())),
            Json::String(text) => Some(quoted(text)),
            Json::Array(_) | Json::Object(_) => inline(&tree_of(json)),
        },
        Tree::Map(entries) if entries.is_empty() => Some("{}".to_owned()),
        Tree::List(items) if items.is_empty() => Some("[]".to_owned()),
        Tree::Map(_) | Tree::List(_) => None,
    }
}

/// The lines of a map or a list.
fn block(tree: &Tree) -> Vec<String> {
    match tree {
        Tree::Scalar(SetValue::Json(json)) => block(&tree_of(json)),
        Tree::Scalar(_) => Vec::new(),
        Tree::Map(entries) => entries
            .iter()
            .flat_map(|(key, value)| {
                let key = key_text(key);
                match inline(value) {
                    Some(value) => vec![format!("{key}: {value}")],
                    None => {
                        let below = block(value).into_iter().map(|line| format!("  {line}"));
                        [format!("{key}:")].into_iter().chain(below).collect()
                    }
                }
            })
            .collect(),
        Tree::List(items) => items
            .values()
            .flat_map(|item| {
                let lines = inline(item).map_or_else(|| block(item), |inline| vec![inline]);
                let dash = |number: usize| if number == 0 { "- " } else { "  " };
                let line = |(number, line)| format!("{}{line}", dash(number));
                lines.into_iter().enumerate().map(line).collect::<Vec<String>>()
            })
            .collect(),
    }
}

/// A number of JSON. In YAML 1.1, `1e9` is a text: a float has a dot, and its exponent a sign.
fn number_text(json: &str) -> String {
    let Some((mantissa, exponent)) = json.split_once('e') else { return json.to_owned() };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{}", exponent.trim_start_matches('+'))
}

/// The lists and maps of JSON as those of values.
fn tree_of(json: &Json) -> Tree {
    match json {
        Json::Array(items) => Tree::List(items.iter().map(tree_of).enumerate().collect()),
        Json::Object(entries) => {
            Tree::Map(entries.iter().map(|(key, json)| (key.clone(), tree_of(json))).collect())
        }
        scalar => Tree::Scalar(SetValue::Json(scalar.clone())),
    }
}

/// A key, quoted if it could be read as a number, a boolean or null.
fn key_text(key: &str) -> String {
    const WORDS_OF_YAML: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_word = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && !WORDS_OF_YAML.iter().any(|word| key.eq_ignore_ascii_case(word));
    if is_word { key.to_owned() } else { quoted(key) }
}

/// A double-quoted scalar, the same in YAML 1.1 and 1.2.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            ' '..='~' => quoted.push(character),
            other if other.is_alphanumeric() => quoted.push(other),
            // Control characters, and line breaks of YAML 1.1.
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
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use serde_yaml::Value;

    use super::*;

    fn value_of(tree: &Tree) -> Value {
        match tree {
            Tree::Scalar(SetValue::String(text)) => Value::String(text.clone()),
            Tree::Scalar(SetValue::Boolean(boolean)) => Value::Bool(*boolean),
            Tree::Scalar(SetValue::Integer(integer)) => Value::Number((*integer).into()),
            Tree::Scalar(SetValue::Json(json)) => serde_yaml::to_value(json).unwrap(),
            Tree::Map(entries) => {
                let entry =
                    |(key, tree): (&String, &Tree)| (Value::String(key.clone()), value_of(tree));
                Value::Mapping(entries.iter().map(entry).collect())
            }
            Tree::List(items) => Value::Sequence(items.values().map(value_of).collect()),
        }
    }

    fn list(items: Vec<Tree>) -> Tree {
        Tree::List(items.into_iter().enumerate().collect())
    }

    fn integer(integer: i64) -> Tree {
        Tree::Scalar(SetValue::Integer(integer))
    }

    #[test]
    fn texts_with_another_type_in_yaml_1_1_are_quoted() {
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
            let tree = Tree::Map(
                [(text.to_owned(), Tree::Scalar(SetValue::String(text.to_owned())))].into(),
            );
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
    fn an_empty_tree_is_an_empty_map() {
        assert_eq!(document(&Tree::Map([].into())), "{}\n");
    }

    #[test]
    fn lists_have_a_dash_for_each_item() {
        let item = Tree::Map(
            [
                ("a".to_owned(), integer(-1)),
                ("on".to_owned(), Tree::Scalar(SetValue::Boolean(false))),
                ("b".to_owned(), Tree::Map([("c".to_owned(), integer(2))].into())),
                ("d".to_owned(), list(vec![])),
            ]
            .into(),
        );
        let nested = list(vec![integer(3), list(vec![integer(4)])]);
        let tree = Tree::Map([("l".to_owned(), list(vec![item, integer(5), nested]))].into());
        let expected = "\
l:
  - a: -1
    \"on\": false
    b:
      c: 2
    d: []
  - 5
  - - 3
    - - 4
";
        assert_eq!(document(&tree), expected);
    }

    #[test]
    fn json_becomes_yaml_in_which_every_text_is_quoted() {
        let json = serde_json::json!({"a": null, "b": [1.5, {"c": "yes"}, []]});
        let tree = Tree::Map(
            [
                ("x".to_owned(), Tree::Scalar(SetValue::Json(json))),
                ("z".to_owned(), Tree::Scalar(SetValue::Json(Json::Null))),
            ]
            .into(),
        );
        let numbers = [("1e30", "1.0e+30"), ("-2.5e-9", "-2.5e-9"), ("1.5", "1.5"), ("7", "7")];
        for (json, yaml) in numbers {
            let number: Json = serde_json::from_str(json).unwrap();
            assert_eq!(document(&Tree::Scalar(SetValue::Json(number))), format!("{yaml}\n"));
        }
        let expected = "x:\n  a: null\n  b:\n    - 1.5\n    - c: \"yes\"\n    - []\nz: null\n";
        assert_eq!(document(&tree), expected);
    }

    fn any_tree() -> impl Strategy<Value = Tree> {
        let key = "\\PC{1,6}|[a-z.{}:#\"'\\\\ \n\t-]{1,6}";
        let scalar = prop_oneof![
            "(?s).{0,12}|yes|null|~|[0-9_]{1,4}".prop_map(SetValue::String),
            any::<bool>().prop_map(SetValue::Boolean),
            any::<i64>().prop_map(SetValue::Integer),
        ];
        scalar.prop_map(Tree::Scalar).prop_recursive(4, 24, 4, move |tree| {
            prop_oneof![
                btree_map(key, tree.clone(), 0..4)
                    .prop_map(|entries| Tree::Map(entries.into_iter().collect())),
                vec(tree, 0..4).prop_map(list),
            ]
        })
    }

    proptest! {
        #[test]
        fn written_trees_are_read_back(tree in any_tree()) {
            let written = document(&tree);
            let read: Value = serde_yaml::from_str(&written).unwrap();
            prop_assert_eq!(read, value_of(&tree), "{}", written);
        }
    }
}
