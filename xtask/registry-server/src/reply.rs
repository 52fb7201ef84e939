//! Replies as values, before they become bytes on a connection, and the error bodies of the specification
//! (distribution-spec, "Error Codes").

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use messages::Advice;
use oci::Digest;
use serde_json::{Value, json};

/// A reply. Its body is in memory, or is described by a value from which it can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply<B = Bytes> {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: B,
}

/// A reply with an error status, usually with the error body of the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReply(Box<Reply>);

impl Reply {
    pub fn new(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub fn json(media_type: &str, body: &Value) -> Self {
        Self::new(StatusCode::OK).with("content-type", media_type).with_body(body.to_string())
    }

    /// A blob was stored, or has been there before.
    pub fn blob_created(location: &str, digest: &Digest) -> Self {
        Self::new(StatusCode::CREATED)
            .with("location", location)
            .with("docker-content-digest", digest.as_str())
    }

    /// The reply to `GET /v2/`: this is a registry.
    pub fn base() -> Self {
        Self::json("application/json", &json!({}))
            .with("docker-distribution-api-version", "registry/2.0")
    }
}

impl<B> Reply<B> {
    /// Sets a header, unless its name or value cannot stand in one.
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name), HeaderValue::try_from(value.as_ref()))
        {
            self.headers.insert(name, value);
        }
        self
    }

    /// The same reply without a header.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// The same reply with another body.
    pub fn map_body<C>(self, map: impl FnOnce(B) -> C) -> Reply<C> {
        Reply { status: self.status, headers: self.headers, body: map(self.body) }
    }
}

impl ErrorReply {
    pub fn new(status: StatusCode, code: &str, message: &str) -> Self {
        Self::with_detail(status, code, message, &Value::Null)
    }

    pub fn with_detail(status: StatusCode, code: &str, message: &str, detail: &Value) -> Self {
        let envelope = json!({"errors": [{"code": code, "message": message, "detail": detail}]});
        let reply = Reply::json("application/json", &envelope);
        Self(Box::new(Reply { status, ..reply }))
    }

    /// 404, for a path that is not one of the API.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "UNSUPPORTED", "there is nothing here")
    }

    /// 405, for a method that the path or this registry does not have.
    pub fn unsupported() -> Self {
        let message = "the operation is unsupported";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
    }

    /// 405 with the reason, for a registry that accepts no writes. The hint is in the details.
    pub fn read_only(why: &Advice) -> Self {
        let (status, detail) = (StatusCode::METHOD_NOT_ALLOWED, json!({"hint": why.hint}));
        Self::with_detail(status, "UNSUPPORTED", &why.message, &detail)
    }

    pub fn name_invalid() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "NAME_INVALID", "invalid repository name")
    }

    pub fn name_unknown(repository: &str) -> Self {
        let message = "repository name not known to registry";
        let detail = json!({"name": repository});
        Self::with_detail(StatusCode::NOT_FOUND, "NAME_UNKNOWN", message, &detail)
    }

    pub fn manifest_unknown(reference: &str) -> Self {
        Self::unknown("MANIFEST_UNKNOWN", "manifest", &json!({"reference": reference}))
    }

    pub fn blob_unknown(digest: &Digest) -> Self {
        Self::unknown("BLOB_UNKNOWN", "blob", &json!({"digest": digest}))
    }

    pub fn upload_unknown(id: &str) -> Self {
        Self::unknown("BLOB_UPLOAD_UNKNOWN", "blob upload", &json!({"id": id}))
    }

    /// 400, for a manifest that refers to something that the repository does not have.
    pub fn child_unknown(digest: &Digest) -> Self {
        let message = "manifest references a manifest or blob unknown to registry";
        let detail = json!({"digest": digest});
        Self::with_detail(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN", message, &detail)
    }

    pub fn digest_invalid(digest: Option<&str>) -> Self {
        let message = "provided digest did not match uploaded content";
        let detail = json!({"digest": digest});
        Self::with_detail(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message, &detail)
    }

    pub fn too_large(limit: u64) -> Self {
        let (message, detail) = ("request body too large", json!({"limit": limit}));
        Self::with_detail(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", message, &detail)
    }

    pub fn into_reply(self) -> Reply {
        *self.0
    }

    fn unknown(code: &str, what: &str, detail: &Value) -> Self {
        let message = format!("{what} unknown to registry");
        Self::with_detail(StatusCode::NOT_FOUND, code, &message, detail)
    }
}

/// A reply with a status that refuses, and no error body.
impl From<Reply> for ErrorReply {
    fn from(reply: Reply) -> Self {
        Self(Box::new(reply))
    }
}
