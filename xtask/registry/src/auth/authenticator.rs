//! `Authenticator`: the state of authentication at one registry: its scheme, the credentials in use,
//! and its tokens.
//!
//! It covers Basic (RFC 7617) and the token protocol of the distribution project: a 401 names a realm,
//! and the realm issues a token for a scope. There is one token request per scope, however many tasks
//! wait for it.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use messages::Advice;
use oci::Registry;
use reqwest::Url;
use reqwest::header::HeaderMap;

use super::challenge::Scheme;
use super::credential_store::{CredentialStore, ResolvedCredentials};
use super::credentials::Secret;
use super::scope::Scope;
use super::token::Token;
use crate::error::Side;
use crate::lock::lock;

/// The state of authentication at one host.
pub(crate) struct Authenticator {
    host: Registry,
    side: Side,
    store: Arc<CredentialStore>,
    /// The token server that images.toml names for the host, as `host[:port]`.
    token_server: Option<String>,
    scheme: Mutex<Scheme>,
    tokens: Mutex<HashMap<Scope, TokenSlot>>,
    /// The credentials of the repositories that have been used so far.
    resolved: Mutex<Resolved>,
    /// Whether the token server accepts passwords only by POST.
    pub(crate) requires_post: AtomicBool,
}

/// Credentials by repository, or why there are none.
type Resolved = HashMap<String, Result<Arc<ResolvedCredentials>, Advice>>;

/// One scope's token; the asynchronous lock makes concurrent requests wait for one token request.
pub(crate) type TokenSlot = Arc<tokio::sync::Mutex<Option<Token>>>;

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
            tokens: Mutex::default(),
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

    pub(crate) fn token_slot(&self, scope: &Scope) -> TokenSlot {
        Arc::clone(lock(&self.tokens).entry(scope.clone()).or_default())
    }

    /// Drops a token that the host refused, unless another request has renewed it meanwhile.
    pub(crate) async fn forget(&self, scope: &Scope, refused: &Secret) {
        let slot = self.token_slot(scope);
        let mut token = slot.lock().await;
        if token.as_ref().is_some_and(|token| token.header == *refused) {
            *token = None;
        }
    }
}
