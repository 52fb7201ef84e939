//! An OCI registry in memory, on a loopback port: what `cargo xtask demo` and the tests mirror
//! from and to. It records every request and can be told to fail in the ways real ones do.
//!
//! It speaks the distribution specification 1.1 over plain HTTP. Nothing of it is meant to be
//! reached from another machine.

mod answer;
mod blobs;
pub mod content;
mod faults;
mod line;
mod log;
mod manifests;
pub mod publish;
mod route;
mod server;
mod store;
mod tokens;
mod uploads;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use registry::known::kind::Mounts;
use registry::known::profile::Profile;

pub use faults::{Effect, Fault, Matcher, dead_from_nth_request, fail_nth_request};
pub use log::LoggedRequest;
pub use route::Kind;
pub use store::Store;
pub use tokens::{Authentication, RefreshToken, TokenKey, TokenStyle};

/// A running registry. Dropping it closes the port and every connection.
pub struct InMemoryRegistry {
    shared: Arc<server::Shared>,
    accepting: AbortHandle,
}

/// How the registry behaves. The default is a plain, well-behaved one.
#[derive(Debug, Clone)]
pub struct Options {
    pub authentication: Authentication,
    /// Whether a blob can be mounted from another repository.
    pub mounts: bool,
    /// As in ECR: a blob can be mounted only once a manifest of its repository references it.
    pub mount_needs_manifest: bool,
    pub referrers_api: bool,
    /// Whether answers carry `Docker-Content-Digest`.
    pub digest_header: bool,
    /// A larger body of an upload's PUT or POST is answered 413.
    pub largest_put: Option<u64>,
    /// A larger body of an upload's PATCH is answered 413.
    pub largest_patch: Option<u64>,
    /// What a larger one is answered with: 413, or 416 as if the range were wrong.
    pub refusal_of_patch: u16,
    /// A smaller body of a PATCH may only be the last one; announced as `OCI-Chunk-Min-Length`.
    pub smallest_patch: Option<u64>,
    /// Whether uploads know PATCH.
    pub chunked_uploads: bool,
    /// Whether a tag that exists refuses another digest.
    pub immutable_tags: bool,
    /// Whether the first push makes the repository. If not, see [`Store::create_repository`].
    pub create_repositories: bool,
    /// The most parts that a repository's path may have.
    pub deepest_path: Option<usize>,
    /// The form of the `Location` of an upload.
    pub location: LocationStyle,
    /// How long each request waits before anything is done with it.
    pub latency: Duration,
}

/// The form of the `Location` that an upload is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocationStyle {
    /// `/v2/...`
    Relative,
    /// `http://host/v2/...`
    Absolute,
    /// Absolute, with a query that must come back unchanged.
    WithState,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            authentication: Authentication::None,
            mounts: true,
            mount_needs_manifest: false,
            referrers_api: true,
            digest_header: true,
            largest_put: None,
            largest_patch: None,
            refusal_of_patch: 413,
            smallest_patch: None,
            chunked_uploads: true,
            immutable_tags: false,
            create_repositories: true,
            deepest_path: None,
            location: LocationStyle::Absolute,
            latency: Duration::ZERO,
        }
    }
}

impl Options {
    /// A registry that refuses what one with this profile refuses. What the profile leaves open is
    /// allowed.
    pub fn playing(profile: &Profile) -> Self {
        Self {
            mounts: profile.mounts != Some(Mounts::No),
            mount_needs_manifest: profile.mounts == Some(Mounts::AfterManifest),
            largest_put: profile.largest_request,
            largest_patch: profile.pieces.map(|pieces| pieces.largest.max(LARGEST_STREAM)),
            smallest_patch: profile.pieces.map(|pieces| pieces.smallest),
            chunked_uploads: profile.pieces.is_some(),
            create_repositories: profile.creates_repositories,
            deepest_path: profile.max_path_depth,
            ..Self::default()
        }
    }
}

/// A PATCH that is the whole of a blob is not limited as pieces are, as far as anybody knows.
const LARGEST_STREAM: u64 = 1 << 30;

impl InMemoryRegistry {
    /// Starts a registry on a free loopback port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(options: Options) -> io::Result<Self> {
        Self::start_at("127.0.0.1:0", options).await
    }

    /// Starts a registry at an address: `[::1]:0` is a free port of the loopback of IPv6.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn start_at(address: &str, options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?.to_string();
        let shared = Arc::new(server::Shared::new(address, options));
        let accepting = tokio::spawn(server::accept(listener, shared.clone())).abort_handle();
        Ok(Self { shared, accepting })
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// What was asked so far, in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.log.requests()
    }

    pub fn forget_requests(&self) {
        self.shared.log.forget();
    }

    /// The most requests that were in progress at one moment since the log was last forgotten.
    pub fn most_at_once(&self) -> usize {
        self.shared.log.most_at_once()
    }

    /// Adds a fault. Of several that match a request, the first injected with a count left acts.
    pub fn inject(&self, fault: Fault) {
        self.shared.faults.inject(fault);
    }

    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Makes every token that was given out so far expired.
    pub fn expire_tokens(&self) {
        self.shared.tokens.expire_all();
    }

    /// Makes the token endpoint take this refresh token, by POST.
    pub fn take_refresh_token(&self, token: &str, kind: RefreshToken) {
        self.shared.tokens.take(token, kind);
    }

    /// Makes tokens say that they were given out then, whatever the time is.
    pub fn date_tokens(&self, issued_at: &str) {
        self.shared.tokens.date(issued_at);
    }

    pub fn store(&self) -> &Store {
        &self.shared.store
    }
}

impl Drop for InMemoryRegistry {
    fn drop(&mut self) {
        // The connections live in a set that the accepting task owns, so they end with it.
        self.accepting.abort();
    }
}

/// A test that panicked elsewhere must not hide its message behind a poisoned lock here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
