//! The JSON form of [`Error`].

use serde::{Serialize, Serializer};

use crate::error::{Error, Side};

#[derive(Serialize)]
#[serde(remote = "Error")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ErrorObject {
    side: Side,
    /// What was tried.
    operation: String,
    /// Method and URL; empty if the error was not caused by a request.
    request: String,
    /// The HTTP status, if the server responded with one.
    #[serde(getter = "Error::status")]
    status: Option<u16>,
    /// The whole error in one line.
    #[serde(getter = "ToString::to_string")]
    message: String,
    /// What to do.
    #[serde(getter = "Error::hint")]
    hint: Option<String>,
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ErrorObject::serialize(self, serializer)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Error {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Error".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        ErrorObject::json_schema(generator)
    }
}
