//! Faults: which requests they match, how often they act, and what they do.

use std::sync::Mutex;
use std::time::Duration;

use crate::lock;
use crate::route::{Kind, Route};

/// Something that goes wrong with chosen requests.
#[derive(Debug, Clone)]
pub struct Fault {
    pub matches: Matcher,
    /// So many matching requests pass first.
    pub skip: usize,
    /// Then so many are affected.
    pub times: usize,
    pub effect: Effect,
}

/// Which requests. What is not set matches everything.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    pub method: Option<String>,
    pub kind: Option<Kind>,
    pub repository: Option<String>,
    /// A part of the path, or of the query after it: `mount=`, `/manifests/sha256:`.
    pub path: Option<String>,
    /// Only requests that carry an `Authorization`: the challenge that comes first does not count.
    pub authorized: bool,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing is done but to answer this.
    Status { code: u16, headers: Vec<(String, String)>, body: String },
    /// The connection is reset without an answer, and nothing is done.
    Reset,
    /// What was asked is done, then the connection is reset without an answer.
    LoseAnswer,
    /// The answer announces its whole length and ends after so many bytes of body.
    CloseAfter(u64),
    /// One byte of the answer's body is flipped (the last one, if there are not so many).
    Corrupt { at: usize },
    /// The answer stops after so many bytes of body, and the connection stays open.
    Stall(u64),
    /// The request is served after a while.
    Delay(Duration),
    /// The answer's body comes in so many pieces, with a pause before each: slow, but never silent.
    Trickle { pieces: usize, pause: Duration },
    /// The answer sends the client elsewhere.
    Redirect { location: String, status: u16 },
    /// So many bytes of the request's body are taken, then the connection is reset. What was taken
    /// of an upload stays in its session.
    DropUploadAfter(u64),
    /// `Docker-Content-Digest` names something else.
    LieAboutDigest,
    /// The answer lacks a header. Without `Content-Length` the body is sent chunked.
    OmitHeader(String),
    /// The answer has this header with this value.
    SetHeader(String, String),
    /// What was asked is done, but the status is another.
    AnswerStatus(u16),
    /// The whole content comes, with 200.
    IgnoreRange,
    /// The request is served as if it did not ask for a mount.
    IgnoreMount,
    /// `Content-Range` says another place than was asked for; the bytes are the right ones.
    WrongContentRange,
    /// The body is longer by so many bytes, and its announced length with it.
    ExtraBytes(usize),
    /// 200 with a page of HTML; nothing is done.
    HtmlOk,
}

impl Fault {
    /// A fault of the next request.
    pub fn new(effect: Effect) -> Self {
        Self { matches: Matcher::default(), skip: 0, times: 1, effect }
    }

    /// An answer with a status and an empty body.
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

/// Exactly the n-th request from now on, counted from 1, is reset.
pub fn fail_nth_request(n: usize) -> Fault {
    Fault::new(Effect::Reset).skip(n.saturating_sub(1))
}

/// The n-th request from now on, counted from 1, and all after it are reset: what a registry sees
/// of a client that was killed there.
pub fn dead_from_nth_request(n: usize) -> Fault {
    fail_nth_request(n).always()
}

#[derive(Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

/// What a matcher looks at.
pub(super) struct Seen<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) route: &'a Route,
    pub(super) authorized: bool,
}

impl Faults {
    pub(super) fn inject(&self, fault: Fault) {
        lock(&self.0).push(fault);
    }

    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// The effect on this request. Asked once per request: it counts. A fault does not count the
    /// requests that one before it took.
    pub(super) fn next(&self, seen: &Seen<'_>) -> Option<Effect> {
        let mut faults = lock(&self.0);
        for fault in faults.iter_mut().filter(|fault| fault.matches.matches(seen)) {
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
    fn matches(&self, seen: &Seen<'_>) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
        is(&self.method, seen.method)
            && self.kind.is_none_or(|kind| kind == seen.route.kind())
            && (self.repository.is_none() || self.repository.as_deref() == seen.route.repository())
            && self.path.as_deref().is_none_or(|part| seen.path.contains(part))
            && (seen.authorized || !self.authorized)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_injected_fault_with_a_count_left_acts() {
        let faults = Faults::default();
        faults.inject(Fault::new(Effect::Reset).kind(Kind::Blob).skip(1).times(2));
        faults.inject(Fault::new(Effect::HtmlOk).method("GET").times(2));
        let next = |path: &str| {
            let route = Route::parse(path);
            faults.next(&Seen { method: "GET", path, route: &route, authorized: false })
        };
        let blob = "/v2/a/blobs/sha256:00";
        assert_eq!(next(blob), Some(Effect::HtmlOk), "the skipped one is open to the next fault");
        assert_eq!(next(blob), Some(Effect::Reset));
        assert_eq!(next("/v2/"), Some(Effect::HtmlOk));
        assert_eq!(next(blob), Some(Effect::Reset));
        assert_eq!(next(blob), None);
    }

    #[test]
    fn every_condition_of_a_matcher_must_hold() {
        let path = "/v2/a/b/manifests/1.0";
        let route = Route::parse(path);
        let seen = Seen { method: "PUT", path, route: &route, authorized: true };
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
            assert_eq!(fault.matches.matches(&seen), expected, "{fault:?}");
        }
        let anonymous = Seen { authorized: false, ..seen };
        assert!(!fault().authorized().matches.matches(&anonymous));
    }

    #[test]
    fn the_nth_request_is_counted_from_one() {
        let count = |fault: Fault| {
            let faults = Faults::default();
            faults.inject(fault);
            let seen = Seen { method: "GET", path: "/v2/", route: &Route::Base, authorized: false };
            (1..=5).filter(|_| faults.next(&seen).is_some()).count()
        };
        assert_eq!(count(fail_nth_request(3)), 1);
        assert_eq!(count(fail_nth_request(6)), 0);
        assert_eq!(count(dead_from_nth_request(3)), 3);
    }
}
