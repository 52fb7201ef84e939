//! The log of requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use registry_server::route::Kind;

use crate::faults::Effect;
use crate::lock::lock;
use crate::request::Request;

/// One request and its outcome.
#[derive(Debug, Clone)]
pub struct LoggedRequest {
    pub method: String,
    pub path: String,
    /// The part after `?` as it arrived, or an empty text.
    pub query: String,
    pub repository: Option<String>,
    /// `None` if the connection was cut before a response, or there is no response yet.
    pub status: Option<u16>,
    /// The bytes of the request's body that were read.
    pub bytes_in: u64,
    /// The bytes of the response's body that were sent.
    pub bytes_out: u64,
    /// Time since the start of the registry.
    pub arrived: Duration,
    /// Requests with the same number arrived on the same connection.
    pub connection: u64,
    pub kind: Kind,
    /// What a fault did to the request.
    pub effect: Option<Effect>,
    headers: HeaderMap,
}

impl LoggedRequest {
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
    entries: Mutex<Vec<Entry>>,
    connections: AtomicUsize,
    in_progress: AtomicUsize,
    pub(super) most_at_once: AtomicUsize,
}

/// A logged request whose numbers grow while it is processed.
#[derive(Clone)]
pub(super) struct Entry(Arc<Mutex<LoggedRequest>>);

/// Counts a request as in progress until it is dropped.
pub(super) struct InProgress(Arc<Log>);

impl Log {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            entries: Mutex::default(),
            connections: AtomicUsize::new(0),
            in_progress: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        })
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::SeqCst);
    }

    /// The connections since the log was last cleared, with those that brought no request.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn begin(
        self: &Arc<Self>,
        request: &Request,
        connection: u64,
    ) -> (Entry, InProgress) {
        let now = self.in_progress.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        let (path, query) = request.path_and_query();
        // The time is taken under the lock, so that order and times agree.
        let mut entries = lock(&self.entries);
        let entry = Entry(Arc::new(Mutex::new(LoggedRequest {
            method: request.method.to_string(),
            path: path.to_owned(),
            query: query.to_owned(),
            repository: request.route.repository.clone(),
            status: None,
            bytes_in: 0,
            bytes_out: 0,
            arrived: self.started.elapsed(),
            connection,
            kind: request.route.kind,
            effect: None,
            headers: request.headers.clone(),
        })));
        entries.push(entry.clone());
        (entry, InProgress(self.clone()))
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        lock(&self.entries).iter().map(|entry| lock(&entry.0).clone()).collect()
    }

    pub(super) fn forget(&self) {
        lock(&self.entries).clear();
        self.connections.store(0, Ordering::SeqCst);
        self.most_at_once.store(self.in_progress.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Entry {
    pub(super) fn update(&self, change: impl FnOnce(&mut LoggedRequest)) {
        change(&mut lock(&self.0));
    }
}
