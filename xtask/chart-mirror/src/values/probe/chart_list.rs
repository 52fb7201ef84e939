//! `ChartList`: a list in the values of a chart, and what images.toml cannot express of it.

use serde_yaml::Value;

use super::visit::{Next, visit};
use crate::list::{SetValue, ValuePath};

/// A list in the values of a chart that is not in another list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartList {
    pub path: ValuePath,
    /// Every scalar in the list, without nulls, which templates treat as absent.
    pub leaves: Vec<(ValuePath, Value)>,
    pub unsupported: Vec<UnsupportedValue>,
}

/// A value that images.toml cannot express. It makes its whole list unsupported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedValue {
    pub path: ValuePath,
    pub reason: Unsupported,
}

/// Why images.toml cannot express a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    #[error("without quotes it is not a string for Helm, and the quotes in the chart are unknown")]
    Ambiguous,
    #[error("it contains a brace, which starts a placeholder in images.toml")]
    Brace,
    #[error("it is an empty list")]
    EmptyList,
    #[error("it is an empty map")]
    EmptyMap,
    #[error("one of its keys is empty or not a string")]
    InvalidKey,
    #[error("it is not an integer, or too large")]
    NotInteger,
    #[error("it is not a string, boolean or number")]
    NotScalar,
    #[error("one of its items is null")]
    NullItem,
    #[error("it contains only null")]
    OnlyNull,
    #[error("it has a YAML tag")]
    Tagged,
}

/// All lists in the values of a chart tree that have items.
pub(super) fn lists(whole: &Value) -> Vec<ChartList> {
    let mut lists = Vec::new();
    visit(whole, &mut Vec::new(), &mut |value, path| match value {
        Value::Sequence(items) if !items.is_empty() => {
            lists.extend(ValuePath::new(path.to_vec()).map(|path| ChartList::read(path, value)));
            Next::Sibling
        }
        _ => Next::Below,
    });
    lists
}

impl ChartList {
    fn read(path: ValuePath, list: &Value) -> Self {
        let (mut leaves, mut unsupported) = (Vec::new(), Vec::new());
        visit(list, &mut path.keys().to_vec(), &mut |value, path| {
            let Some(path) = ValuePath::new(path.to_vec()) else { return Next::Sibling };
            let reason = match value {
                Value::Null => return Next::Sibling,
                Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    leaves.push((path, value.clone()));
                    return Next::Sibling;
                }
                Value::Tagged(_) => Unsupported::Tagged,
                Value::Mapping(entries) if entries.is_empty() => Unsupported::EmptyMap,
                Value::Sequence(items) if items.is_empty() => Unsupported::EmptyList,
                Value::Mapping(entries) if entries.values().all(Value::is_null) => {
                    Unsupported::OnlyNull
                }
                Value::Sequence(items) if items.iter().any(Value::is_null) => Unsupported::NullItem,
                Value::Mapping(entries) if !entries.keys().all(is_path_key) => {
                    unsupported.push(UnsupportedValue { path, reason: Unsupported::InvalidKey });
                    return Next::Below;
                }
                Value::Mapping(_) | Value::Sequence(_) => return Next::Below,
            };
            unsupported.push(UnsupportedValue { path, reason });
            Next::Sibling
        });
        Self { path, leaves, unsupported }
    }
}

fn is_path_key(key: &Value) -> bool {
    key.as_str().is_some_and(|name| !name.is_empty())
}

/// The value for images.toml that is the same as a value of the chart.
pub(super) fn literal(value: &Value) -> Result<SetValue, Unsupported> {
    match value {
        Value::Bool(boolean) => Ok(SetValue::Boolean(*boolean)),
        Value::Number(number) => {
            number.as_i64().map(SetValue::Integer).ok_or(Unsupported::NotInteger)
        }
        Value::String(text) if is_ambiguous(text) => Err(Unsupported::Ambiguous),
        Value::String(text) => Ok(SetValue::String(text.clone())),
        _ => Err(Unsupported::NotScalar),
    }
}

/// Whether a text without quotes is a string in YAML 1.2, by which charts are parsed here, but a boolean
/// or a number in YAML 1.1, which Helm uses. The quotes in the chart are unknown after parsing.
fn is_ambiguous(text: &str) -> bool {
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    let digits = text.trim_start_matches(['-', '+']);
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.chars().all(|digit| digit.is_ascii_digit() || digit == '_')
        && (digits.contains('_') || digits.starts_with('0'));
    is_number || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(yaml: &str) -> Vec<ChartList> {
        lists(&serde_yaml::from_str(yaml).unwrap())
    }

    #[test]
    fn a_list_has_all_its_scalars_and_no_others() {
        let found =
            of("a: {x: 1, l: [{b: 1, c: null, d: [t, true]}, {b: 2.5}]}\nempty: []\n'n.m': [0]\n");
        let describe = |list: &ChartList| {
            let leaves = list.leaves.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>();
            assert_eq!(list.unsupported, []);
            format!("{} {}", list.path, leaves.join(" "))
        };
        let described: Vec<String> = found.iter().map(describe).collect();
        let expected = ["a.l a.l[0].b a.l[0].d[0] a.l[0].d[1] a.l[1].b", r"n\.m n\.m[0]"];
        assert_eq!(described, expected);
    }

    #[test]
    fn unsupported_values_are_reported_with_their_place() {
        let table = [
            ("l: [{a: 1, b: {}}]", "l[0].b", Unsupported::EmptyMap),
            ("l: [{a: 1, b: []}]", "l[0].b", Unsupported::EmptyList),
            ("l: [1, null]", "l", Unsupported::NullItem),
            ("l: [{a: null}]", "l[0]", Unsupported::OnlyNull),
            ("l: [{1: a}]", "l[0]", Unsupported::InvalidKey),
            ("l: [!t a]", "l[0]", Unsupported::Tagged),
        ];
        for (yaml, path, reason) in table {
            let found = of(yaml);
            let [value] = found[0].unsupported.as_slice() else { panic!("{yaml}: {found:?}") };
            assert_eq!((value.path.to_string().as_str(), value.reason), (path, reason));
        }
    }

    #[test]
    fn only_strings_of_both_versions_of_yaml_are_literals() {
        let text = |text: &str| literal(&Value::String(text.to_owned()));
        for word in ["yes", "No", "ON", "off", "y", "0644", "1_000", "2024_10_01", "-07"] {
            assert!(text(word).is_err(), "{word}");
        }
        for word in ["", "true", "8080", "1.10", "0.1", "quay.io", "null", "a_b", "_", "-", "nope"]
        {
            assert_eq!(text(word), Ok(SetValue::String(word.to_owned())));
        }
        assert_eq!(literal(&Value::Number(3.into())), Ok(SetValue::Integer(3)));
        assert!(literal(&Value::Number(1.5.into())).is_err());
        assert!(literal(&Value::Number(u64::MAX.into())).is_err());
    }
}
