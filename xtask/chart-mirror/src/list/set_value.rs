//! `SetValue`: a Helm value as the image list gives it.

use std::fmt;

/// A Helm value that keeps its type: `true` is not `"true"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetValue {
    String(String),
    Boolean(bool),
    Integer(i64),
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
