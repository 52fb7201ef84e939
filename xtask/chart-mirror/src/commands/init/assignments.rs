//! Parses `--set` and `--set-string` as helm does, into values of a rendering; pure.

use crate::list::SetValue;
use messages::Advice;
use serde_json::Value;

/// The assignments of one `--set`: `a.b=1,c=x`.
///
/// # Errors
/// If one has no `=` or no key.
pub fn typed(text: &str) -> Result<Vec<(String, SetValue)>, Advice> {
    pairs(text)?.into_iter().map(|(key, value)| Ok((key, typed_value(&value)))).collect()
}

/// The assignments of one `--set-string`, whose values are all texts.
///
/// # Errors
/// As for [`typed`].
pub fn texts(text: &str) -> Result<Vec<(String, String)>, Advice> {
    Ok(pairs(text)?.into_iter().map(|(key, value)| (key, unescaped(&value))).collect())
}

fn pairs(text: &str) -> Result<Vec<(String, String)>, Advice> {
    let parts = split(text);
    let pair = |part: &String| match part.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        // The text is not quoted: it may be a password.
        _ => Err(Advice::new("this is not an assignment").with_hint("write `key=value`")),
    };
    parts.iter().map(pair).collect()
}

/// Splits at commas that are neither escaped nor in braces.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut is_escaped) = (vec![String::new()], 0_usize, false);
    for c in text.chars() {
        match c {
            ',' if !is_escaped && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            '{' if !is_escaped => depth += 1,
            '}' if !is_escaped => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_escaped = c == '\\' && !is_escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

fn typed_value(text: &str) -> SetValue {
    if let Some(items) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        let items = split(items).into_iter().filter(|item| !item.is_empty());
        return SetValue::Json(Value::Array(items.map(|item| json(&item)).collect()));
    }
    match json(text) {
        Value::Bool(boolean) => SetValue::Boolean(boolean),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => SetValue::Integer(integer),
            None => SetValue::String(unescaped(text)),
        },
        Value::Null => SetValue::Json(Value::Null),
        _ => SetValue::String(unescaped(text)),
    }
}

/// helm takes `true`, `false`, `null` and integers for what they are. Numbers with a leading zero are texts.
fn json(text: &str) -> Value {
    match text {
        "true" => true.into(),
        "false" => false.into(),
        "null" => Value::Null,
        _ if text != "0" && text.starts_with('0') => unescaped(text).into(),
        _ => text.parse::<i64>().map_or_else(|_| unescaped(text).into(), Value::from),
    }
}

fn unescaped(text: &str) -> String {
    let (mut plain, mut characters) = (String::new(), text.chars());
    while let Some(c) = characters.next() {
        plain.push(if c == '\\' { characters.next().unwrap_or('\\') } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_types_that_helm_gives_them() {
        let text = |text: &str| SetValue::String(text.to_owned());
        let table = [
            ("a.b=true", vec![("a.b", SetValue::Boolean(true))]),
            ("a=1,b=x", vec![("a", SetValue::Integer(1)), ("b", text("x"))]),
            (r"a\.b[0].c=x\,y", vec![(r"a\.b[0].c", text("x,y"))]),
            ("a=null", vec![("a", SetValue::Json(Value::Null))]),
            ("a={x,1}", vec![("a", SetValue::Json(serde_json::json!(["x", 1])))]),
            ("a=010", vec![("a", text("010"))]),
            ("a=0", vec![("a", SetValue::Integer(0))]),
            ("a=1.10", vec![("a", text("1.10"))]),
            ("a=", vec![("a", text(""))]),
            ("a=b=c", vec![("a", text("b=c"))]),
        ];
        for (argument, expected) in table {
            let expected: Vec<_> =
                expected.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            assert_eq!(typed(argument).unwrap(), expected, "{argument}");
        }
        assert_eq!(texts("a=1,b=true").unwrap()[1], ("b".to_owned(), "true".to_owned()));
        for argument in ["", "a", "=x", "a=1,b"] {
            assert!(typed(argument).is_err(), "{argument}");
        }
    }
}
