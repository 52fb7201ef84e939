//! How the raw types read TOML: one pass that goes on after a mistake, so that all are found.
//!
//! Serde stops at the first mistake. These types take the place of plain ones in a struct and keep
//! the mistake as a value instead: `Field` a value of the wrong kind, `Table` the unknown keys.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, IntoDeserializer as _, MapAccess,
    Visitor,
};
use toml::Spanned;

/// A value with its place in the text, or what was found in its stead.
#[derive(Debug)]
pub(super) struct Field<T> {
    pub(super) span: Range<usize>,
    pub(super) value: Result<T, Mismatch>,
}

/// A value of the wrong kind.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) expected: Kind,
    /// What is there, as serde tells it.
    found: String,
}

/// A table with fixed keys.
#[derive(Debug)]
pub(super) struct Table<T> {
    pub(super) keys: T,
    pub(super) known: &'static [&'static str],
    pub(super) unknown: Vec<Unknown>,
}

/// A key that the table does not have, with the place of its value.
#[derive(Debug)]
pub(super) struct Unknown {
    pub(super) key: Spanned<String>,
    pub(super) value: Range<usize>,
}

/// A table whose keys are names that the writer chose, in the order of the text.
#[derive(Debug)]
pub(super) struct Entries<T>(pub(super) Vec<(Spanned<String>, Field<T>)>);

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

impl Mismatch {
    pub(super) fn is_about_a_table(&self) -> bool {
        self.found.starts_with("invalid type: map,")
    }
}

/// A type that stands for one kind of value.
pub(super) trait OfKind {
    const KIND: Kind;
}

impl OfKind for String {
    const KIND: Kind = Kind::String;
}

impl OfKind for bool {
    const KIND: Kind = Kind::Boolean;
}

impl OfKind for i64 {
    const KIND: Kind = Kind::Integer;
}

impl<T> OfKind for Vec<T> {
    const KIND: Kind = Kind::Array;
}

impl<T> OfKind for Table<T> {
    const KIND: Kind = Kind::Table;
}

impl<T> OfKind for Entries<T> {
    const KIND: Kind = Kind::Table;
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

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Serde's names for TOML's kinds.
        let found = self.found.strip_prefix("invalid type: ").unwrap_or(&self.found);
        let found = match found.rsplit_once(", expected ") {
            Some(("map", _)) => "a table",
            Some(("sequence", _)) => "an array",
            Some((found, _)) => found,
            None => found,
        };
        write!(f, "expected {}, found {found}", self.expected)
    }
}

impl<'de, T: Deserialize<'de> + OfKind> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attempt<T>(Result<T, Mismatch>);

        impl<'de, T: Deserialize<'de> + OfKind> Deserialize<'de> for Attempt<T> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(Self(T::deserialize(deserializer).map_err(|error| {
                    let text = error.to_string();
                    let found = text.lines().next().unwrap_or_default().to_owned();
                    Mismatch { expected: T::KIND, found }
                })))
            }
        }

        let attempt = Spanned::<Attempt<T>>::deserialize(deserializer)?;
        Ok(Self { span: attempt.span(), value: attempt.into_inner().0 })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T>
where
    Field<T>: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T>
        where
            Field<T>: Deserialize<'de>,
        {
            type Value = Vec<(Spanned<String>, Field<T>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<Spanned<String>, Field<T>>()? {
                    entries.push(entry);
                }
                entries.sort_by_key(|(key, _)| key.span().start);
                Ok(entries)
            }
        }

        deserializer.deserialize_map(InOrder(PhantomData)).map(Self)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut known: &'static [&'static str] = &[];
        let mut unknown = Vec::new();
        let keys = T::deserialize(KnownKeys {
            inner: deserializer,
            known: &mut known,
            unknown: &mut unknown,
        })?;
        Ok(Self { keys, known, unknown })
    }
}

/// Gives a struct only the keys that it knows, and collects the others.
///
/// It is the deserializer, the visitor and the map of the same table, one after the other.
struct KnownKeys<'a, Inner> {
    inner: Inner,
    known: &'a mut &'static [&'static str],
    unknown: &'a mut Vec<Unknown>,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for KnownKeys<'_, D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        *self.known = fields;
        let Self { inner, known, unknown } = self;
        inner.deserialize_map(KnownKeys { inner: visitor, known, unknown })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, D::Error> {
        Err(D::Error::custom("only a struct knows its keys"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for KnownKeys<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let Self { inner, known, unknown } = self;
        inner.visit_map(KnownKeys { inner: map, known, unknown })
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for KnownKeys<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.inner.next_key::<Spanned<String>>()? {
            if self.known.contains(&key.get_ref().as_str()) {
                return seed.deserialize(key.into_inner().into_deserializer()).map(Some);
            }
            let value = self.inner.next_value::<Spanned<IgnoredAny>>()?.span();
            self.unknown.push(Unknown { key, value });
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(seed)
    }
}

/// To a schema, the wrappers are what they wrap.
#[cfg(test)]
mod schema {
    use std::borrow::Cow;

    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{Entries, Field, Table};

    macro_rules! transparent {
        ($($wrapper:ident),*) => {$(
            impl<T: JsonSchema> JsonSchema for $wrapper<T> {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    T::schema_name()
                }

                fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                    T::json_schema(generator)
                }
            }
        )*};
    }
    transparent!(Field, Table);

    impl<T: JsonSchema> JsonSchema for Entries<T> {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            format!("Entries_of_{}", T::schema_name()).into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "object", "additionalProperties": T::json_schema(generator) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    struct Example {
        name: Option<Field<String>>,
        is_new: Option<Field<bool>>,
        list: Option<Field<Vec<Field<i64>>>>,
        names: Option<Field<Entries<String>>>,
    }

    #[test]
    fn reading_goes_on_after_every_mistake() {
        let text = "name = 1.5\nmame = 1\nis-new = 'no'\nis_new = 2\nlist = [1, {}]\n\
                    names = { z = 'z', a = 1 }";
        let table: Table<Example> = toml::from_str(text).unwrap();
        let unknown: Vec<_> =
            table.unknown.iter().map(|unknown| &text[unknown.key.span()]).collect();
        assert_eq!(unknown, ["is_new", "mame"], "keys of the TOML library come sorted");
        assert_eq!(table.known, ["name", "is-new", "list", "names"]);

        fn mismatch<T: fmt::Debug>(field: &Field<T>) -> String {
            field.value.as_ref().unwrap_err().to_string()
        }
        let Example { name, is_new, list, names } = table.keys;
        let (name, list, names) = (name.unwrap(), list.unwrap(), names.unwrap());
        assert_eq!(mismatch(&name), "expected a string, found floating point `1.5`");
        assert_eq!(&text[name.span], "1.5");
        assert_eq!(mismatch(&is_new.unwrap()), "expected a boolean, found string \"no\"");
        assert_eq!(mismatch(&list.value.unwrap()[1]), "expected an integer, found a table");
        let names = names.value.unwrap().0;
        assert_eq!(names[0].0.get_ref(), "z", "the order of the text");
        assert_eq!(mismatch(&names[1].1), "expected a string, found integer `1`");
    }
}
