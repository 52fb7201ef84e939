//! `SetValue`: a Helm value as the image list has it.

use std::fmt;

/// A Helm value that keeps its type: `true` is not `"true"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetValue<T = String> {
    String(T),
    Boolean(bool),
    Integer(i64),
    /// A value that TOML cannot express, such as null, which removes a key of the chart. It has no
    /// placeholders, and is neither a boolean nor an integer.
    Json(serde_json::Value),
}

impl<T> SetValue<T> {
    pub(super) fn of_json(json: serde_json::Value) -> Self {
        match (json.as_bool(), json.as_i64()) {
            (Some(boolean), _) => Self::Boolean(boolean),
            (_, Some(integer)) => Self::Integer(integer),
            _ => Self::Json(json),
        }
    }

    pub(super) fn map<U>(&self, text: impl FnOnce(&T) -> U) -> SetValue<U> {
        match self {
            Self::String(string) => SetValue::String(text(string)),
            Self::Boolean(boolean) => SetValue::Boolean(*boolean),
            Self::Integer(integer) => SetValue::Integer(*integer),
            Self::Json(json) => SetValue::Json(json.clone()),
        }
    }
}

impl fmt::Display for SetValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => f.write_str(text),
            Self::Boolean(boolean) => boolean.fmt(f),
            Self::Integer(integer) => integer.fmt(f),
            Self::Json(json) => json.fmt(f),
        }
    }
}
