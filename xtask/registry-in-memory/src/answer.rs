//! Answers as values, before they become bytes on a line.

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde_json::json;

/// An answer that a handler gives.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why a handler did not come to the answer that was asked for.
#[derive(Debug)]
pub(super) enum Stop {
    /// The registry refuses, with a status and the error envelope of the specification.
    Refused(Box<Answer>),
    /// The connection is gone.
    Cut,
}

impl Answer {
    pub(super) fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// Sets a header. What cannot stand in one is left out, as no header is.
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

    pub(super) fn json(status: StatusCode, media_type: &str, body: &serde_json::Value) -> Self {
        Self::new(status).with("content-type", media_type).with_body(body.to_string())
    }

    /// The error envelope of the distribution specification.
    pub(super) fn error(
        status: StatusCode,
        code: &str,
        message: &str,
        detail: &serde_json::Value,
    ) -> Self {
        let envelope = json!({"errors": [{"code": code, "message": message, "detail": detail}]});
        Self::json(status, "application/json", &envelope)
    }
}

impl Stop {
    pub(super) fn refused(status: StatusCode, code: &str, message: &str) -> Self {
        Self::with_detail(status, code, message, &serde_json::Value::Null)
    }

    pub(super) fn with_detail(
        status: StatusCode,
        code: &str,
        message: &str,
        detail: &serde_json::Value,
    ) -> Self {
        Self::Refused(Box::new(Answer::error(status, code, message, detail)))
    }

    pub(super) fn too_large(limit: u64) -> Self {
        Self::with_detail(
            StatusCode::PAYLOAD_TOO_LARGE,
            "SIZE_INVALID",
            "request body too large",
            &json!({"limit": limit}),
        )
    }

    pub(super) fn name_unknown(repository: &str) -> Self {
        Self::with_detail(
            StatusCode::NOT_FOUND,
            "NAME_UNKNOWN",
            "repository name not known to registry",
            &json!({"name": repository}),
        )
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

impl From<Answer> for Stop {
    fn from(answer: Answer) -> Self {
        Self::Refused(Box::new(answer))
    }
}
