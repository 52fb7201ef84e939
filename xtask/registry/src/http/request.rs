//! `ApiRequest`, a request as the rest of the crate describes it, and the two kinds of responses.

use bytes::Bytes;
use reqwest::header::{AsHeaderName, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};

use super::queue::Permit;
use crate::auth::Scope;

/// One request, independent of how often it is sent.
#[derive(Clone)]
pub(crate) struct ApiRequest {
    /// For errors: `get manifest `1.0.6``.
    pub(crate) operation: String,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) scope: Scope,
    /// Statuses that are results and not errors, besides 2xx.
    pub(crate) expected: &'static [u16],
}

/// A response with its permit, which stays taken until the body has been read.
pub(crate) struct PermittedResponse {
    pub(crate) response: Response,
    pub(crate) _permit: Permit,
}

/// A response whose body has been read to its end.
#[derive(Clone)]
pub(crate) struct BufferedResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Where it came from, after redirects.
    pub(crate) url: Url,
    pub(crate) body: Bytes,
}

/// A header of a response, if it is text.
pub(crate) fn header(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The length of a body in bytes, as its response announces it.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    header(headers, CONTENT_LENGTH)?.parse().ok()
}

impl ApiRequest {
    /// A request without headers and body.
    pub(crate) fn new(
        operation: impl Into<String>,
        method: Method,
        url: Url,
        scope: Scope,
    ) -> Self {
        let (operation, headers) = (operation.into(), HeaderMap::new());
        Self { operation, method, url, headers, body: None, scope, expected: &[] }
    }

    /// The same request with another header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// The same request with statuses that are results and not errors.
    pub(crate) fn expecting(self, expected: &'static [u16]) -> Self {
        Self { expected, ..self }
    }
}
