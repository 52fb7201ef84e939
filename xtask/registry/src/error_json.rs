//! The JSON form of [`Error`].

use serde::{Serialize, Serializer};

use crate::error::{Cause, Error, Side};

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
    /// The code of `verify` for what is wrong with the content, if that is the cause.
    #[serde(getter = "Error::mismatch")]
    code: Option<&'static str>,
    /// The whole error in one line.
    #[serde(getter = "ToString::to_string")]
    message: String,
    /// What to do.
    #[serde(getter = "Error::hint")]
    hint: Option<String>,
}

impl Error {
    /// The kind of a mismatch.
    pub fn mismatch(&self) -> Option<&'static str> {
        match &self.cause {
            Cause::Mismatch { code, .. } => Some(code),
            _ => None,
        }
    }
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
