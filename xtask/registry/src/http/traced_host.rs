//! What a `Host` records in the `Trace` of the run.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::CONTENT_LENGTH;

use super::host::Host;
use super::queue::{Permit, Priority};
use super::request::{ApiRequest, header};
use super::trace::{Activity, RequestTrace, TracedRequest, TracedSpan};
use crate::error::address;

/// Shorter waits before a request are not recorded.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

impl Host {
    /// Takes a place in the queue for a request without a large body.
    pub(crate) async fn place_for(&self, request: &ApiRequest) -> Permit {
        let place = self.queue.acquire(Priority::Small);
        self.timed("wait for a place", || request.operation.clone(), place).await
    }

    /// Takes a place in the queue for a blob of this many bytes.
    pub(crate) async fn place_for_blob(&self, size: u64) -> Permit {
        let place = self.queue.acquire(Priority::Blob(size));
        self.timed("wait for a place", || format!("transfer a blob of {size} bytes"), place).await
    }

    /// Records how long an operation waits.
    pub(crate) async fn timed<T>(
        &self,
        what: &'static str,
        operation: impl FnOnce() -> String,
        wait: impl Future<Output = T>,
    ) -> T {
        let Some(trace) = &self.trace else { return wait.await };
        let start = trace.elapsed();
        let result = wait.await;
        let end = trace.elapsed();
        if end - start >= SHORTEST_WAIT {
            let activity = Activity::Wait(what);
            let (registry, side, operation) = (self.name.clone(), self.side, operation());
            let span = TracedSpan { registry, side, operation, activity, start, end };
            trace.add(span);
        }
        result
    }

    /// Counts a request that is about to be sent, and begins to trace it.
    pub(crate) fn begin(&self, request: &ApiRequest) -> RequestTrace {
        if self.transport.is_embedded() {
            return RequestTrace::default();
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let Some(trace) = &self.trace else { return RequestTrace::default() };
        let start = trace.elapsed();
        let span = TracedSpan {
            registry: self.name.clone(),
            side: self.side,
            operation: request.operation.clone(),
            activity: Activity::Request(TracedRequest {
                kind: kind(&request.method, request.url.path()),
                method: request.method.to_string(),
                address: address(&request.url),
                status: None,
                error: None,
                sent: None,
                received: 0,
            }),
            start,
            end: start,
        };
        let length = header(&request.headers, CONTENT_LENGTH).and_then(|it| it.parse().ok());
        let length = length.or(request.body.as_ref().map(|body| body.len() as u64));
        RequestTrace::begin(trace, length, span)
    }
}

/// What a request is about. Upload sessions may have addresses of any form.
fn kind(method: &Method, path: &str) -> &'static str {
    let has = |part: &str| path.contains(part);
    match *method {
        _ if path == "/v2/" => "ping",
        _ if has("/blobs/uploads/") => "upload",
        _ if has("/manifests/") => "manifest",
        _ if has("/blobs/") => "blob",
        _ if has("/referrers/") => "referrers",
        _ if path.ends_with("/tags/list") => "tags",
        Method::POST | Method::PUT | Method::PATCH => "upload",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_request_follows_from_its_address() {
        let table = [
            (Method::GET, "/v2/", "ping"),
            (Method::PUT, "/v2/a/b/manifests/1.0", "manifest"),
            (Method::GET, "/v2/a/blobs/sha256:00", "blob"),
            (Method::POST, "/v2/a/blobs/uploads/", "upload"),
            (Method::GET, "/v2/a/referrers/sha256:00", "referrers"),
            (Method::GET, "/v2/a/tags/list", "tags"),
            (Method::PATCH, "/storage/1234", "upload"),
            (Method::GET, "/storage/1234", "other"),
        ];
        for (method, path, expected) in table {
            assert_eq!(kind(&method, path), expected, "{method} {path}");
        }
    }
}
