//! The kinds of values in an image list: which TOML value becomes which type.

use std::fmt;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::list::SetValue;
use messages::printable::is_unprintable;

/// A value of any kind, with its place in the text.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// A string that may have several lines.
pub(super) struct Lines(pub(super) String);

/// The kinds of values in an image list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Boolean,
    Integer,
    Scalar,
    Array,
    Table,
}

/// A type for one kind of value.
pub(super) trait FromValue<'t>: Sized {
    const KIND: Kind;

    /// Converts a value. Returns one of another kind as it is.
    fn from_value(value: DeValue<'t>) -> Result<Self, DeValue<'t>>;

    /// Whether it has no control characters. Names and addresses end up in messages, in comments and in
    /// arguments of helm, where a control character would start a new line or control the terminal.
    /// Only the texts of Helm values may have several lines.
    fn is_printable(&self) -> bool {
        true
    }
}

macro_rules! from_value {
    ($type:ty, $kind:ident, $pattern:pat => $value:expr $(; $self:ident => $printable:expr)?) => {
        impl<'t> FromValue<'t> for $type {
            const KIND: Kind = Kind::$kind;

            fn from_value(value: DeValue<'t>) -> Result<Self, DeValue<'t>> {
                match value {
                    $pattern => Ok($value),
                    other => Err(other),
                }
            }

            $(fn is_printable(&$self) -> bool {
                $printable
            })?
        }
    };
}

from_value!(String, String, DeValue::String(text) => text.into_owned();
    self => !self.contains(is_unprintable));
from_value!(Lines, String, DeValue::String(text) => Self(text.into_owned());
    self => are_printable_lines(&self.0));
from_value!(bool, Boolean, DeValue::Boolean(boolean) => boolean);
from_value!(Vec<Value<'t>>, Array, DeValue::Array(array) => array.into_iter().collect());
from_value!(DeTable<'t>, Table, DeValue::Table(table) => table);

impl<'t> FromValue<'t> for i64 {
    const KIND: Kind = Kind::Integer;

    fn from_value(value: DeValue<'t>) -> Result<Self, DeValue<'t>> {
        value.as_integer().and_then(integer).ok_or(value)
    }
}

impl<'t> FromValue<'t> for SetValue {
    const KIND: Kind = Kind::Scalar;

    fn from_value(value: DeValue<'t>) -> Result<Self, DeValue<'t>> {
        match value {
            DeValue::String(text) => Ok(Self::String(text.into_owned())),
            DeValue::Boolean(boolean) => Ok(Self::Boolean(boolean)),
            other => i64::from_value(other).map(Self::Integer),
        }
    }

    fn is_printable(&self) -> bool {
        !matches!(self, Self::String(text) if !are_printable_lines(text))
    }
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn are_printable_lines(text: &str) -> bool {
    !text.contains(|c| is_unprintable(c) && !matches!(c, '\n' | '\r' | '\t'))
}

/// Describes a value that should be of another kind.
pub(super) fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("string {text:?}"),
        DeValue::Integer(number) if integer(number).is_none() => "an integer beyond 64 bits".into(),
        DeValue::Integer(number) => format!("integer `{number}`"),
        DeValue::Float(number) => format!("floating point `{number}`"),
        DeValue::Boolean(boolean) => format!("boolean `{boolean}`"),
        DeValue::Datetime(_) => "a date or time".to_owned(),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "a string",
            Self::Boolean => "a boolean",
            Self::Integer => "an integer",
            Self::Scalar => "a string, a boolean or an integer",
            Self::Array => "an array",
            Self::Table => "a table",
        })
    }
}
