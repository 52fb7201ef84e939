//! Pieces of TOML and YAML that several formats share.

use crate::list::SetValue;
use crate::values::Tree;

/// A basic string of TOML.
pub(super) fn toml_string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                quoted += &format!("\\U{:08X}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

pub(super) fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Tree)>) -> Tree {
    Tree::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

pub(super) fn list(items: impl IntoIterator<Item = Tree>) -> Tree {
    Tree::List(items.into_iter().enumerate().collect())
}

pub(super) fn string(text: impl Into<String>) -> Tree {
    Tree::Scalar(SetValue::String(text.into()))
}

pub(super) fn boolean(value: Toggle) -> Tree {
    Tree::Scalar(SetValue::Boolean(value == Toggle::On))
}

/// A boolean of YAML.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Toggle {
    On,
    Off,
}
