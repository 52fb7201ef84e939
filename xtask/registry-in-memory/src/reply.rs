//! Replies as values, before they become bytes on a connection.

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde_json::{Value, json};

/// The reply of a handler.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why a handler has no reply to what was requested.
#[derive(Debug)]
pub(super) enum Failure {
    /// The registry refuses, with a status and the error envelope of the specification.
    Refused(Box<Reply>),
    /// The connection is gone.
    Disconnected,
}

impl Reply {
    pub(super) fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Sets a header, unless its name or value cannot stand in one.
    pub(super) fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name), HeaderValue::try_from(value.as_ref()))
        {
            self.headers.insert(name, value);
        }
        self
    }

    pub(super) fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(super) fn json(media_type: &str, body: &Value) -> Self {
        Self::new(StatusCode::OK).with("content-type", media_type).with_body(body.to_string())
    }

    /// The error envelope of the distribution specification.
    fn error(status: StatusCode, code: &str, message: &str, detail: &Value) -> Self {
        let envelope = json!({"errors": [{"code": code, "message": message, "detail": detail}]});
        Self { status, ..Self::json("application/json", &envelope) }
    }
}

impl Failure {
    pub(super) fn refused(status: StatusCode, code: &str, message: &str) -> Self {
        Self::with_detail(status, code, message, &Value::Null)
    }

    pub(super) fn with_detail(
        status: StatusCode,
        code: &str,
        message: &str,
        detail: &Value,
    ) -> Self {
        Reply::error(status, code, message, detail).into()
    }

    pub(super) fn unauthorized(challenge: &str) -> Self {
        let (status, message) = (StatusCode::UNAUTHORIZED, "authentication required");
        let reply = Reply::error(status, "UNAUTHORIZED", message, &Value::Null);
        reply.with("www-authenticate", challenge).into()
    }

    pub(super) fn not_found() -> Self {
        Self::refused(StatusCode::NOT_FOUND, "UNSUPPORTED", "there is nothing here")
    }

    pub(super) fn too_large(limit: u64) -> Self {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Self::with_detail(
            status,
            "SIZE_INVALID",
            "request body too large",
            &json!({"limit": limit}),
        )
    }

    /// 404, for content of this kind that the registry does not have.
    pub(super) fn unknown(code: &str, what: &str, detail: &Value) -> Self {
        let message = format!("{what} unknown to registry");
        Self::with_detail(StatusCode::NOT_FOUND, code, &message, detail)
    }

    pub(super) fn digest_invalid(digest: Option<&str>) -> Self {
        Self::with_detail(
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
            "provided digest did not match uploaded content",
            &json!({"digest": digest}),
        )
    }

    pub(super) fn method_unsupported() -> Self {
        Self::refused(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "the operation is unsupported")
    }
}

impl From<Reply> for Failure {
    fn from(reply: Reply) -> Self {
        Self::Refused(Box::new(reply))
    }
}
