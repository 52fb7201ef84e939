//! The JSON form of [`Error`].

use serde::{Serialize, Serializer};

use crate::error::{Error, Side};

#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ErrorObject<'a> {
    side: Side,
    /// What was tried.
    operation: &'a str,
    /// Method and URL; empty if the error was not caused by a request.
    request: &'a str,
    /// The HTTP status, if the server responded with one.
    status: Option<u16>,
    /// The whole error in one line.
    message: String,
    /// What to do.
    hint: Option<String>,
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = ErrorObject {
            side: self.side,
            operation: &self.operation,
            request: &self.request,
            status: self.status(),
            message: self.to_string(),
            hint: self.hint(),
        };
        object.serialize(serializer)
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
