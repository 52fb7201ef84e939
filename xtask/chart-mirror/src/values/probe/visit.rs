//! Visits the values of a chart with their paths.

use serde_yaml::Value;

use crate::list::Key;

/// What to visit after a value.
pub(super) enum Next {
    /// The entries or items of the value.
    Below,
    /// Its next sibling.
    Sibling,
}

/// Calls `visitor` for a value and everything below it. Entries whose keys are not strings are skipped,
/// because no path can name them.
pub(super) fn visit(
    value: &Value,
    path: &mut Vec<Key>,
    visitor: &mut dyn FnMut(&Value, &[Key]) -> Next,
) {
    if let Next::Sibling = visitor(value, path) {
        return;
    }
    let mut below = |key: Key, value: &Value| {
        path.push(key);
        visit(value, path, visitor);
        path.pop();
    };
    match value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                if let Value::String(name) = key {
                    below(Key::Name(name.clone()), value);
                }
            }
        }
        Value::Sequence(items) => {
            items.iter().enumerate().for_each(|(index, item)| below(Key::Index(index), item));
        }
        _ => {}
    }
}
