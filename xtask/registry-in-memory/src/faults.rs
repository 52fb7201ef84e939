//! Faults: which requests they affect, how often, and how.

use std::sync::Mutex;
use std::time::Duration;

use hyper::header::AUTHORIZATION;
use registry_server::route::Kind;

use crate::lock::lock;
use crate::request::Request;

/// A fault of selected requests.
#[derive(Debug, Clone)]
pub struct Fault {
    pub matches: Matcher,
    /// This many matching requests pass first.
    pub skip: usize,
    /// The next ones, this many, are affected.
    pub times: usize,
    pub effect: Effect,
}

/// Selects requests. `None` matches everything.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    pub method: Option<String>,
    pub kind: Option<Kind>,
    pub repository: Option<String>,
    /// A part of the path and query: `mount=`, `/manifests/sha256:`.
    pub path: Option<String>,
    /// Matches only requests with an `Authorization` header, so not the one that gets the challenge.
    pub authorized: bool,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Sends this response and does nothing else.
    Status { code: u16, headers: Vec<(String, String)>, body: String },
    /// Resets the connection without a response, and does nothing else.
    Reset,
    /// Processes the request, then resets the connection without a response.
    LoseResponse,
    /// Announces the whole length, and closes the connection after this many bytes of the body.
    CloseAfter(u64),
    /// Flips a bit of the body's byte at this position, or of its last byte.
    Corrupt { at: usize },
    /// Stops after this many bytes of the body, and keeps the connection open.
    Stall(u64),
    /// Serves the request after a pause.
    Delay(Duration),
    /// Sends the body in this many pieces, with a pause before each: slow, but never silent.
    Trickle { pieces: usize, pause: Duration },
    /// Redirects the client.
    Redirect { location: String, status: u16 },
    /// Reads this many bytes of the request's body, then resets the connection. An upload keeps the
    /// bytes that were read.
    DropUploadAfter(u64),
    /// Flips a bit of the request's body: of the byte at this position, or of its last byte.
    CorruptUpload { at: u64 },
    /// Forgets the upload that the request names.
    LoseSession,
    /// Expires the token of the request, if it has been accepted before.
    ExpireToken,
    /// Replies as if what was pushed were not there yet.
    NotYetVisible,
    /// Sends the digest of other content as `Docker-Content-Digest`.
    LieAboutDigest,
    /// Omits a header. Without `Content-Length` the body is sent chunked.
    OmitHeader(String),
    /// Sets a header.
    SetHeader(String, String),
    /// Processes the request, but sends another status.
    ReplaceStatus(u16),
    /// Sends the whole content, with 200.
    IgnoreRange,
    /// Processes a mount as an ordinary upload.
    IgnoreMount,
    /// Sends the requested bytes with another position in `Content-Range`.
    WrongContentRange,
    /// Makes the body, and its announced length, longer by this many bytes.
    ExtraBytes(usize),
    /// Makes them shorter.
    Shorten(usize),
    /// Sends 200 with an HTML page, and does nothing else.
    HtmlOk,
}

impl Fault {
    /// A fault of the next request.
    pub fn new(effect: Effect) -> Self {
        Self { matches: Matcher::default(), skip: 0, times: 1, effect }
    }

    /// A response with a status and an empty body.
    pub fn status(code: u16) -> Self {
        Self::new(Effect::Status { code, headers: Vec::new(), body: String::new() })
    }

    pub fn method(mut self, method: &str) -> Self {
        self.matches.method = Some(method.to_owned());
        self
    }

    pub fn kind(mut self, kind: Kind) -> Self {
        self.matches.kind = Some(kind);
        self
    }

    pub fn repository(mut self, repository: &str) -> Self {
        self.matches.repository = Some(repository.to_owned());
        self
    }

    pub fn path(mut self, part: &str) -> Self {
        self.matches.path = Some(part.to_owned());
        self
    }

    pub fn authorized(mut self) -> Self {
        self.matches.authorized = true;
        self
    }

    pub fn skip(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    pub fn times(mut self, requests: usize) -> Self {
        self.times = requests;
        self
    }

    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }
}

/// Resets the n-th request from now on, counted from 1, and no other.
pub fn fail_nth_request(n: usize) -> Fault {
    Fault::new(Effect::Reset).skip(n.saturating_sub(1))
}

/// Resets the n-th request from now on, counted from 1, and all later ones, as if the client were
/// killed at that point.
pub fn dead_from_nth_request(n: usize) -> Fault {
    fail_nth_request(n).always()
}

#[derive(Default)]
pub(super) struct Faults(pub(super) Mutex<Vec<Fault>>);

impl Faults {
    /// The effect on this request. Call it once per request, because it counts. A fault does not
    /// count the requests that an earlier fault affected.
    pub(super) fn next(&self, request: &Request) -> Option<Effect> {
        let mut faults = lock(&self.0);
        for fault in faults.iter_mut().filter(|fault| fault.matches.matches(request)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                return Some(fault.effect.clone());
            }
        }
        None
    }
}

impl Matcher {
    fn matches(&self, request: &Request) -> bool {
        let route = &request.route;
        self.method.as_deref().is_none_or(|method| request.method == method)
            && self.kind.is_none_or(|kind| kind == route.kind)
            && (self.repository.is_none() || self.repository == route.repository)
            && self.path.as_deref().is_none_or(|part| request.target.contains(part))
            && (!self.authorized || request.headers.contains_key(AUTHORIZATION))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str) -> Request {
        let request = hyper::Request::builder().method(method).uri(path);
        Request::new(request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_first_injected_fault_with_a_count_left_acts() {
        let faults = Faults::default();
        lock(&faults.0).push(Fault::new(Effect::Reset).kind(Kind::Blob).skip(1).times(2));
        lock(&faults.0).push(Fault::new(Effect::HtmlOk).method("GET").times(2));
        let next = |path: &str| faults.next(&request("GET", path));
        let blob = "/v2/a/blobs/sha256:00";
        assert_eq!(next(blob), Some(Effect::HtmlOk), "the skipped one is open to the next fault");
        assert_eq!(next(blob), Some(Effect::Reset));
        assert_eq!(next("/v2/"), Some(Effect::HtmlOk));
        assert_eq!(next(blob), Some(Effect::Reset));
        assert_eq!(next(blob), None);
    }

    #[test]
    fn every_condition_of_a_matcher_must_hold() {
        let anonymous = request("PUT", "/v2/a/b/manifests/1.0");
        let mut authorized = request("PUT", "/v2/a/b/manifests/1.0");
        authorized.headers.insert("authorization", "Basic eDp5".parse().unwrap());
        let fault = || Fault::new(Effect::Reset);
        let table = [
            (fault(), true),
            (fault().method("PUT").kind(Kind::Manifest).repository("a/b").path("/1.0"), true),
            (fault().authorized(), true),
            (fault().method("GET"), false),
            (fault().kind(Kind::Blob), false),
            (fault().repository("a"), false),
            (fault().path("/2.0"), false),
        ];
        for (fault, expected) in table {
            assert_eq!(fault.matches.matches(&authorized), expected, "{fault:?}");
        }
        assert!(!fault().authorized().matches.matches(&anonymous));
    }

    #[test]
    fn the_nth_request_is_counted_from_one() {
        let count = |fault: Fault| {
            let faults = Faults::default();
            lock(&faults.0).push(fault);
            (1..=5).filter(|_| faults.next(&request("GET", "/v2/")).is_some()).count()
        };
        assert_eq!(count(fail_nth_request(3)), 1);
        assert_eq!(count(fail_nth_request(6)), 0);
        assert_eq!(count(dead_from_nth_request(3)), 3);
    }
}
