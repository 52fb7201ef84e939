//! Writes rules for messages.

use super::lines::quoted;

/// The `[[chart.ignore]]` for one text at one place, in the words of a hint.
pub fn ignore_rule(template: Option<&str>, path: &str, text: &str) -> String {
    let keys = [("template", template), ("path", Some(path)), ("text", Some(text))];
    let keys = keys.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let keys: Vec<String> =
        keys.map(|(key, value)| format!("`{key} = {}`", quoted(value))).collect();
    format!("a `[[chart.ignore]]` with {} and your `reason`", keys.join(", "))
}
