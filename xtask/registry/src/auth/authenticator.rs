//! `Authenticator`: the state of authentication at one registry: its scheme, the credentials in use,
//! and its tokens.
//!
//! It covers Basic (RFC 7617) and the token protocol of the distribution project: a 401 names a realm,
//! and the realm issues a token for scopes. `tokens` decides which of these share a token.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use messages::Advice;
use oci::Registry;
use reqwest::Url;
use reqwest::header::HeaderMap;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::challenge::Scheme;
use super::credential_store::{CredentialStore, ResolvedCredentials};
use super::scope::Scope;
use super::sharing::TokenId;
use super::tokens::Tokens;
use crate::error::Side;
use crate::lock::lock;

/// Requests wait this long for the response to the first one. A slow host must not hold up those that may
/// need no token.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The state of authentication at one host.
pub(crate) struct Authenticator {
    host: Registry,
    side: Side,
    store: Arc<CredentialStore>,
    /// The token server that images.toml names for the host, as `host[:port]`.
    token_server: Option<String>,
    scheme: Mutex<Scheme>,
    pub(crate) tokens: Tokens,
    /// Closed when the first request has a response, which shows how the host authenticates.
    first_request: Semaphore,
    /// The credentials of the repositories that have been used so far.
    resolved: Mutex<Resolved>,
    /// Whether the token server accepts passwords only by POST.
    pub(crate) requires_post: AtomicBool,
}

/// Credentials by repository, or why there are none.
type Resolved = HashMap<String, Result<Arc<ResolvedCredentials>, Advice>>;

/// The first request to a host, until it has a response or fails. The others wait for that.
pub(crate) struct FirstRequest<'a> {
    semaphore: &'a Semaphore,
    _permit: SemaphorePermit<'a>,
}

impl Drop for FirstRequest<'_> {
    fn drop(&mut self) {
        self.semaphore.close();
    }
}

impl Authenticator {
    pub(crate) fn new(
        host: &Registry,
        side: Side,
        store: Arc<CredentialStore>,
        token_server: Option<String>,
    ) -> Self {
        Self {
            host: host.to_owned(),
            side,
            store,
            token_server,
            scheme: Mutex::new(Scheme::Unknown),
            tokens: Tokens::default(),
            first_request: Semaphore::new(1),
            resolved: Mutex::default(),
            requires_post: AtomicBool::new(false),
        }
    }

    pub(crate) fn scheme(&self) -> Scheme {
        lock(&self.scheme).clone()
    }

    /// Remembers the scheme that the challenges of a 401 ask for.
    ///
    /// # Errors
    /// If none of the challenges can be used.
    pub(crate) fn learn(&self, headers: &HeaderMap, host: &Url) -> Result<(), Advice> {
        let scheme = Scheme::choose(headers, host, self.token_server.as_deref())?;
        *lock(&self.scheme) = scheme;
        Ok(())
    }

    /// Whether there may be credentials for some repository of the host.
    pub(crate) fn may_have_credentials(&self) -> bool {
        !self.store.candidates(&self.host, self.side, None).is_empty()
    }

    /// The credentials for a repository; this may start a program.
    ///
    /// # Errors
    /// If their source is broken.
    pub(crate) async fn credentials(
        &self,
        repository: &str,
    ) -> Result<Arc<ResolvedCredentials>, Advice> {
        if let Some(known) = lock(&self.resolved).get(repository) {
            return known.clone();
        }
        let found = self.store.resolve(&self.host, self.side, repository).await.map(Arc::new);
        lock(&self.resolved).insert(repository.to_owned(), found.clone());
        found
    }

    /// Records that repositories use these credentials.
    pub(crate) fn assign(&self, credentials: &Arc<ResolvedCredentials>, repositories: Vec<String>) {
        let mut resolved = lock(&self.resolved);
        for repository in repositories {
            resolved.entry(repository).or_insert_with(|| Ok(Arc::clone(credentials)));
        }
    }

    /// Whether two repositories use the same credentials, as far as these are known.
    pub(crate) fn share_credentials(&self, one: &str, other: &str) -> bool {
        let resolved = lock(&self.resolved);
        match (resolved.get(one), resolved.get(other)) {
            (Some(Ok(one)), Some(Ok(other))) => one.credentials == other.credentials,
            (Some(Err(_)), _) | (_, Some(Err(_))) => false,
            _ => true,
        }
    }

    /// What to do if the host refuses a request for a repository.
    pub(crate) fn hint(&self, repository: &str) -> Arc<str> {
        match self.known(repository) {
            Some(found) => Arc::clone(&found.hint),
            None => self.store.hint_without(&self.host, self.side),
        }
    }

    /// The credentials for a repository, if they have been found already.
    pub(crate) fn known(&self, repository: &str) -> Option<Arc<ResolvedCredentials>> {
        lock(&self.resolved).get(repository)?.clone().ok()
    }

    /// Waits until the host has responded to one request. Returns that request itself as `Some`.
    pub(crate) async fn first_request(&self) -> Option<FirstRequest<'_>> {
        let acquired = tokio::time::timeout(LONGEST_WAIT, self.first_request.acquire()).await;
        let permit = acquired.ok()?.ok()?;
        Some(FirstRequest { semaphore: &self.first_request, _permit: permit })
    }

    /// Whether requests still wait for the first response.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.first_request.is_closed()
    }

    /// The host has responded: no request has to wait any more.
    pub(crate) fn has_responded(&self) {
        self.first_request.close();
    }

    /// Which token serves a request.
    pub(crate) fn choose_token(&self, scope: &Scope) -> TokenId {
        let candidates =
            |repository: &str| self.store.candidates(&self.host, self.side, Some(repository));
        self.tokens.sharing().choose(scope, &candidates)
    }
}
