//! The values document of a rendering, and the merged values of a chart and its subcharts.

use serde_yaml::{Mapping, Value};

use crate::chart::ChartValues;
use crate::list::{Key, ValuePath};
use messages::Advice;

/// Values below this key of any chart apply to all of them.
pub(super) const GLOBAL: &str = "global";

/// A values document that sets paths. Helm replaces lists as a whole, so a list with a path is completed
/// from the values of the chart.
pub(super) fn document<'a>(
    settings: impl IntoIterator<Item = (&'a ValuePath, Value)>,
    whole: &Value,
) -> String {
    let mut root = Value::Mapping(Mapping::new());
    for (path, value) in settings {
        set(&mut root, path.keys(), value, whole);
    }
    // JSON is YAML that quotes every string; Helm would read `2024_10_01` without quotes as a number. A
    // value that was parsed from YAML can always be written.
    serde_json::to_string(&root).unwrap_or_default()
}

fn set(target: &mut Value, keys: &[Key], value: Value, whole: &Value) {
    let Some((key, rest)) = keys.split_first() else {
        *target = value;
        return;
    };
    match key {
        Key::Name(name) => {
            if !target.is_mapping() {
                *target = Value::Mapping(Mapping::new());
            }
            let below = whole.get(name.as_str()).unwrap_or(&Value::Null);
            if let Some(entries) = target.as_mapping_mut() {
                let entry = entries.entry(Value::String(name.clone()));
                set(entry.or_insert(Value::Null), rest, value, below);
            }
        }
        Key::Index(index) => {
            if !target.is_sequence() {
                *target = whole.clone();
            }
            let below = whole.get(*index).unwrap_or(&Value::Null);
            if let Some(item) = target.as_sequence_mut().and_then(|items| items.get_mut(*index)) {
                set(item, rest, value, below);
            }
        }
    }
}

/// The value at a path.
pub(super) fn value_at<'v>(whole: &'v Value, path: &ValuePath) -> Option<&'v Value> {
    path.keys().iter().try_fold(whole, |value, key| match key {
        Key::Name(name) => value.get(name.as_str()),
        Key::Index(index) => value.get(*index),
    })
}

/// The values of a chart and its subcharts in one tree. The values of the top chart take precedence.
/// Global values of a subchart are global values of the top chart.
///
/// # Errors
/// If the values of a chart are not valid YAML.
pub(super) fn whole_values(charts: &[ChartValues]) -> Result<Value, Advice> {
    let mut whole = Value::Mapping(Mapping::new());
    for chart in charts {
        let mut values: Value = serde_yaml::from_str(&chart.text)
            .map_err(|error| format!("the values of `{}`: {error}", chart.path.join(".")))?;
        // Helm resolves merge keys (`<<`); those without an anchor stay as they are.
        let _ = values.apply_merge();
        name_keys(&mut values);
        if !chart.path.is_empty()
            && let Some(globals) = values.as_mapping_mut().and_then(|map| map.remove(GLOBAL))
        {
            fill(&mut whole, Value::Mapping([(GLOBAL.into(), globals)].into_iter().collect()));
        }
        for key in chart.path.iter().rev() {
            values = Value::Mapping([(Value::String(key.clone()), values)].into_iter().collect());
        }
        fill(&mut whole, values);
    }
    Ok(whole)
}

/// Makes texts of the keys that are numbers or booleans, as helm does.
fn name_keys(value: &mut Value) {
    match value {
        Value::Mapping(entries) => {
            for (key, mut below) in std::mem::take(entries) {
                name_keys(&mut below);
                let name = match key {
                    Value::Number(number) => Value::String(number.to_string()),
                    Value::Bool(boolean) => Value::String(boolean.to_string()),
                    other => other,
                };
                entries.insert(name, below);
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(name_keys),
        _ => {}
    }
}

/// Adds what is missing.
fn fill(target: &mut Value, more: Value) {
    match (target, more) {
        (Value::Mapping(target), Value::Mapping(more)) => {
            for (key, value) in more {
                match target.get_mut(&key) {
                    Some(have) => fill(have, value),
                    None => drop(target.insert(key, value)),
                }
            }
        }
        (target @ Value::Null, more) => *target = more,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_with_a_sentinel_is_completed() {
        let whole: Value =
            serde_yaml::from_str("a: {l: [{x: '1_0', y: '2'}, {x: '3', z: 4}]}").unwrap();
        let (first, second) = ("a.l[1].x".parse().unwrap(), "a.l[0].y".parse().unwrap());
        let settings = [(&first, "S".into()), (&second, "T".into())];
        let expected = r#"{"a":{"l":[{"x":"1_0","y":"T"},{"x":"S","z":4}]}}"#;
        assert_eq!(document(settings, &whole), expected);
    }

    #[test]
    fn numbers_as_keys_are_names() {
        let text = "v: {1: a, true: [{2: b}]}".to_owned();
        let whole = whole_values(&[ChartValues { text, ..ChartValues::default() }]).unwrap();
        let expected: Value = serde_yaml::from_str("v: {'1': a, 'true': [{'2': b}]}").unwrap();
        assert_eq!(whole, expected);
    }

    #[test]
    fn the_top_chart_takes_precedence_and_globals_of_subcharts_are_its_globals() {
        let chart = |path: &[&str], text: &str| ChartValues {
            path: path.iter().map(|&key| key.to_owned()).collect(),
            text: text.to_owned(),
            ..ChartValues::default()
        };
        let charts = [
            chart(&[], "global: {a: 1}\nsub: {x: 1}\n"),
            chart(&["sub"], "global: {a: 2, b: 2}\nx: 2\ny: 2\n"),
        ];
        let expected: Value =
            serde_yaml::from_str("{global: {a: 1, b: 2}, sub: {x: 1, y: 2}}").unwrap();
        let whole = whole_values(&charts).unwrap();
        assert_eq!(whole, expected);
        assert_eq!(value_at(&whole, &"sub.y".parse().unwrap()), Some(&2.into()));
        assert!(whole_values(&[chart(&["sub"], "a: b: c")]).is_err());
    }
}
