//! The record of requests, kept while they happen.

use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::HeaderMap;

use crate::lock;
use crate::route::Kind;

/// One request, as it arrived, and what became of it.
#[derive(Debug, Clone)]
pub struct LoggedRequest {
    pub method: String,
    pub path: String,
    /// What stood after the `?`, as it came; empty without one.
    pub query: String,
    pub repository: Option<String>,
    /// None when the connection was cut before an answer, or there is none yet.
    pub status: Option<u16>,
    /// The bytes of the request's body that were read.
    pub bytes_in: u64,
    /// The bytes of the answer's body that were sent.
    pub bytes_out: u64,
    /// Counted from the start of the registry.
    pub arrived: Duration,
    /// Requests with the same number came on the same connection.
    pub connection: u64,
    kind: Kind,
    headers: HeaderMap,
}

impl LoggedRequest {
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// A header of the request, secrets included: this is a registry for tests.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `PUT /v2/a/manifests/1.0`, without the query.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

pub(super) struct Log {
    started: Instant,
    entries: Mutex<Vec<Arc<Entry>>>,
    in_progress: AtomicUsize,
    most_at_once: AtomicUsize,
}

/// A request in progress. Its numbers grow while it is served.
pub(super) struct Entry {
    arrived: LoggedRequest,
    status: AtomicU16,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// What is known of a request when it arrives.
pub(super) struct Arrival<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) repository: Option<&'a str>,
    pub(super) kind: Kind,
    pub(super) headers: &'a HeaderMap,
    pub(super) connection: u64,
}

/// Lowers the count of requests in progress when the request is over, however it ends.
pub(super) struct InProgress(Arc<Log>);

impl Log {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            entries: Mutex::default(),
            in_progress: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        })
    }

    pub(super) fn arrived(&self, arrival: &Arrival<'_>) -> Arc<Entry> {
        let request = LoggedRequest {
            method: arrival.method.to_owned(),
            path: arrival.path.to_owned(),
            query: arrival.query.to_owned(),
            repository: arrival.repository.map(str::to_owned),
            status: None,
            bytes_in: 0,
            bytes_out: 0,
            arrived: Duration::ZERO,
            connection: arrival.connection,
            kind: arrival.kind,
            headers: arrival.headers.clone(),
        };
        let mut entries = lock(&self.entries);
        // The time is taken under the lock, so that the order and the times agree.
        let entry = Arc::new(Entry {
            arrived: LoggedRequest { arrived: self.started.elapsed(), ..request },
            status: AtomicU16::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
        });
        entries.push(entry.clone());
        entry
    }

    pub(super) fn begin(self: &Arc<Self>) -> InProgress {
        let now = self.in_progress.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        InProgress(self.clone())
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.entries).iter().map(|entry| entry.snapshot()).collect()
    }

    pub(super) fn forget(&self) {
        lock(&self.entries).clear();
        self.most_at_once.store(self.in_progress.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Entry {
    pub(super) fn answered(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::SeqCst);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::SeqCst);
    }

    fn snapshot(&self) -> LoggedRequest {
        let status = self.status.load(Ordering::SeqCst);
        LoggedRequest {
            status: (status != 0).then_some(status),
            bytes_in: self.bytes_in.load(Ordering::SeqCst),
            bytes_out: self.bytes_out.load(Ordering::SeqCst),
            ..self.arrived.clone()
        }
    }
}
