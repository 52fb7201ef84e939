//! A request as faults, tokens and handlers see it.

use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

use registry_server::route::{Parameters, Route};

/// The head of a request, parsed.
pub(super) struct Request {
    pub(super) method: Method,
    /// Path and query as they arrived.
    pub(super) target: String,
    pub(super) route: Route,
    pub(super) query: Parameters,
    pub(super) headers: HeaderMap,
}

impl Request {
    pub(super) fn new(head: Parts) -> Self {
        let target = head.uri.path_and_query().map_or("", |target| target.as_str()).to_owned();
        let (route, query) = (Route::parse(head.uri.path()), head.uri.query().unwrap_or(""));
        let query = Parameters::parse(query);
        Self { method: head.method, target, route, query, headers: head.headers }
    }

    /// The path, and the query without its `?`, as they arrived.
    pub(super) fn path_and_query(&self) -> (&str, &str) {
        self.target.split_once('?').unwrap_or((&self.target, ""))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
