//! `SetValue`: a Helm value as the image list has it.

use std::fmt;

/// A Helm value that keeps its type: `true` is not `"true"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetValue<T = String> {
    String(T),
    Boolean(bool),
    Integer(i64),
}

impl<T> SetValue<T> {
    pub(super) fn map<U>(&self, text: impl FnOnce(&T) -> U) -> SetValue<U> {
        match self {
            Self::String(string) => SetValue::String(text(string)),
            Self::Boolean(boolean) => SetValue::Boolean(*boolean),
            Self::Integer(integer) => SetValue::Integer(*integer),
        }
    }
}

impl fmt::Display for SetValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => f.write_str(text),
            Self::Boolean(boolean) => boolean.fmt(f),
            Self::Integer(integer) => integer.fmt(f),
        }
    }
}
