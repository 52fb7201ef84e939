//! JSON schemas of the types that JSON holds as text or as a list of texts.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::{Digest, Platforms, Reference, Registry, RepositoryPath, Tag};

macro_rules! schemas {
    ($($name:ident as $json:ty),*) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                generator.subschema_for::<$json>()
            }
        }
    )*};
}
schemas!(
    Digest as String,
    Platforms as Vec<String>,
    Reference as String,
    Registry as String,
    RepositoryPath as String,
    Tag as String
);
