//! `Trace`: when each request of a run began and ended, for a timeline. Nothing that is recorded is a secret:
//! addresses have no query, and neither headers nor bodies are kept.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Response;

use crate::error::{Cause, Error, Side};
use crate::lock::lock;
use oci::Registry;

/// Records what a run does at its registries, from its beginning on.
pub struct Trace {
    began: Instant,
    spans: Mutex<Vec<TracedSpan>>,
}

/// Something that took time at one side of a registry. Times are counted from the beginning of the run.
#[derive(Debug, Clone)]
pub struct TracedSpan {
    pub registry: Registry,
    pub side: Side,
    /// `get manifest 1.0.6`; for a wait, what it was for.
    pub operation: String,
    pub activity: Activity,
    pub start: Duration,
    pub end: Duration,
}

/// What took the time.
#[derive(Debug, Clone)]
pub enum Activity {
    /// Waiting before a request: for a place in the queue, for a token.
    Wait(&'static str),
    /// One attempt of a request, with its body and that of its response.
    Request(TracedRequest),
}

/// One attempt of a request, without anything secret.
#[derive(Debug, Clone)]
pub struct TracedRequest {
    /// `ping`, `manifest`, `blob`, `upload`, `referrers`, `tags`, `token` or `other`
    pub kind: &'static str,
    pub method: String,
    /// Without user, password and query.
    pub address: String,
    /// `None`: there was no response.
    pub status: Option<u16>,
    pub error: Option<String>,
    /// The bytes of the body that was sent. Without a response, it is unknown how many were.
    pub sent: Option<u64>,
    /// The bytes of the body of the response that were read.
    pub received: u64,
}

impl Default for Trace {
    fn default() -> Self {
        Self { began: Instant::now(), spans: Mutex::default() }
    }
}

impl Trace {
    /// The time since the run began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// What has ended so far, in the order of the beginnings.
    pub fn spans(&self) -> Vec<TracedSpan> {
        let mut spans = lock(&self.spans).clone();
        spans.sort_by_key(|span| span.start);
        spans
    }

    /// Adds what has ended.
    pub(crate) fn add(&self, span: TracedSpan) {
        lock(&self.spans).push(span);
    }
}

/// The trace of one request. It is also kept in the response, and recorded when both are dropped: then the body of the
/// response has been read, as far as it ever will be.
#[derive(Clone, Default)]
pub(crate) struct RequestTrace(Option<Arc<OpenSpan>>);

struct OpenSpan {
    trace: Arc<Trace>,
    /// The length of the body of the request.
    length: Option<u64>,
    span: Mutex<TracedSpan>,
}

impl RequestTrace {
    /// Begins the trace of a request. `length` is that of its body.
    pub(crate) fn begin(trace: &Arc<Trace>, length: Option<u64>, span: TracedSpan) -> Self {
        let trace = Arc::clone(trace);
        Self(Some(Arc::new(OpenSpan { trace, length, span: Mutex::new(span) })))
    }

    /// The trace of the request to which this is the response.
    pub(crate) fn of(response: &Response) -> Self {
        response.extensions().get().cloned().unwrap_or_default()
    }

    /// Records that the request is for a token.
    pub(crate) fn for_token(self) -> Self {
        self.record(|request, _| request.kind = "token");
        self
    }

    /// Records the beginning of a response, or why there is none.
    pub(crate) fn responded(self, result: Result<Response, Error>) -> Result<Response, Error> {
        if let Err(error) = &result {
            self.record(|request, _| request.error = Some(error.cause.to_string()));
        }
        result.map(|response| self.with_response(response))
    }

    /// Records the beginning of a response.
    pub(crate) fn with_response(self, mut response: Response) -> Response {
        self.record(|request, length| {
            request.status = Some(response.status().as_u16());
            request.sent = length;
        });
        if self.0.is_some() {
            response.extensions_mut().insert(self);
        }
        response
    }

    /// Records that a part of the body of the response was read, or its end, or that it broke off.
    pub(crate) fn read(&self, result: &Result<Option<Bytes>, Cause>) {
        self.record(|request, _| match result {
            Ok(chunk) => request.received += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Err(cause) => request.error = Some(cause.to_string()),
        });
    }

    /// Changes what is recorded, until now.
    fn record(&self, change: impl FnOnce(&mut TracedRequest, Option<u64>)) {
        let Some(open) = &self.0 else { return };
        let mut span = lock(&open.span);
        span.end = open.trace.elapsed();
        if let Activity::Request(request) = &mut span.activity {
            change(request, open.length);
        }
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        let mut span = lock(&self.span).clone();
        if let Activity::Request(request) = &mut span.activity
            && request.status.is_none()
            && request.error.is_none()
        {
            request.error = Some("no response".to_owned());
            span.end = self.trace.elapsed();
        }
        self.trace.add(span);
    }
}
