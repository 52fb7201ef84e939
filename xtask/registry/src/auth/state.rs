//! Authentication at one host: what it asks for, and the tokens that it gave.
//!
//! Basic (RFC 7617) and the token protocol of the distribution project: a 401 names a realm, the
//! realm gives a token for a scope. One token request per scope however many tasks wait for it;
//! a token is renewed before it ends, and when the host refuses it all the same.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use tokio::time::Instant;

use super::challenge::Scheme;
use super::credentials::Secret;
use super::logins::{Login, Logins};
use crate::error::Side;
use crate::http::redact::Shown;
use oci::Registry;

/// What a token without `expires_in` is good for (distribution's token specification).
const DEFAULT_LIFETIME: u64 = 60;
/// No run is longer; more than the clock can count has been sent as well.
const LONGEST_LIFETIME: u64 = 24 * 60 * 60;
/// A token this close to its end is renewed first, so that it does not end on the way.
const MARGIN: Duration = Duration::from_secs(30);

/// What a request needs to be allowed to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) repository: String,
    pub(crate) push: bool,
    /// The repository that a blob is mounted from.
    pub(crate) also_pull: Option<String>,
}

/// The state of authentication at one host.
pub(crate) struct Authenticator {
    host: Registry,
    side: Side,
    logins: Arc<Logins>,
    /// The token server that images.toml names for the host.
    token_server: Option<String>,
    scheme: Mutex<Scheme>,
    tokens: Mutex<HashMap<Scope, Slot>>,
    /// By repository, as far as they were needed.
    resolved: Mutex<Resolved>,
    /// The token server takes passwords by POST only.
    pub(crate) wants_post: AtomicBool,
}

/// Logins by repository, and why one cannot be had.
type Resolved = HashMap<String, Result<Arc<Login>, Arc<str>>>;

/// One scope's token; the asynchronous lock makes concurrent requests wait for one token request.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: Secret,
    /// What to ask for the next one with, if the server gave something anew.
    pub(crate) refresh_token: Option<Secret>,
    renew_at: Instant,
}

/// Both names for the token are in use. `issued_at` is not read: clocks differ, and what counts is
/// when we asked.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<serde_json::Value>,
}

impl Scope {
    pub(crate) fn pull(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: false, also_pull: None }
    }

    pub(crate) fn push(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: true, also_pull: None }
    }

    /// To push to one repository what is mounted from another; the repository itself needs no more.
    pub(crate) fn mount(repository: &str, from: &str) -> Self {
        let also_pull = (repository != from).then(|| from.to_owned());
        Self { repository: repository.to_owned(), push: true, also_pull }
    }

    /// The values of `scope`, the one that is pushed to first: some token servers honour only that.
    pub(crate) fn parameters(&self) -> Vec<String> {
        let actions = if self.push { "pull,push" } else { "pull" };
        let own = format!("repository:{}:{actions}", self.repository);
        let other = self.also_pull.iter().map(|from| format!("repository:{from}:pull"));
        std::iter::once(own).chain(other).collect()
    }
}

impl Authenticator {
    pub(crate) fn new(
        host: &Registry,
        side: Side,
        logins: Arc<Logins>,
        token_server: Option<String>,
    ) -> Self {
        Self {
            host: host.to_owned(),
            side,
            logins,
            token_server,
            scheme: Mutex::new(Scheme::Unknown),
            tokens: Mutex::default(),
            resolved: Mutex::default(),
            wants_post: AtomicBool::new(false),
        }
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers what the host asks for.
    ///
    /// # Errors
    /// When it asks for nothing that we can do, with the reason.
    pub(crate) fn learn(&self, headers: &HeaderMap, host: &Url) -> Result<(), String> {
        let scheme = Scheme::choose(headers, host, self.token_server.as_deref())?;
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = scheme;
        Ok(())
    }

    /// Whether there may be a login for some repository of the host.
    pub(crate) fn may_log_in(&self) -> bool {
        !self.logins.ways(&self.host, self.side, None).is_empty()
    }

    /// The login for a repository; a program may have to be asked for it.
    ///
    /// # Errors
    /// When there is one that cannot be had.
    pub(crate) async fn login(&self, repository: &str) -> Result<Arc<Login>, Arc<str>> {
        if let Some(known) = self.resolved().get(repository) {
            return known.clone();
        }
        let found = self.logins.login(&self.host, self.side, repository).await;
        let found = found.map(Arc::new).map_err(Arc::from);
        self.resolved().insert(repository.to_owned(), found.clone());
        found
    }

    /// Whether we are the same for two repositories, as far as anybody has asked who we are.
    pub(crate) fn is_one_login(&self, one: &str, other: &str) -> bool {
        let resolved = self.resolved();
        match (resolved.get(one), resolved.get(other)) {
            (Some(Ok(one)), Some(Ok(other))) => one.credentials == other.credentials,
            (Some(Err(_)), _) | (_, Some(Err(_))) => false,
            _ => true,
        }
    }

    /// What to do if the host refuses a request for a repository.
    pub(crate) fn advice(&self, repository: &str) -> Arc<str> {
        match self.resolved().get(repository) {
            Some(Ok(login)) => Arc::clone(&login.advice),
            _ => self.logins.advice_without(&self.host, self.side),
        }
    }

    /// What was shown, and the login of a repository that it comes from.
    pub(crate) fn shown(&self, repository: &str, shown: Shown) -> Shown {
        match self.resolved().get(repository) {
            Some(Ok(login)) => login.credentials.iter().fold(shown, Shown::login),
            _ => shown,
        }
    }

    fn resolved(&self) -> MutexGuard<'_, Resolved> {
        self.resolved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn slot(&self, scope: &Scope) -> Slot {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tokens.entry(scope.clone()).or_default())
    }

    /// Drops a token that the host refused, unless somebody has renewed it meanwhile.
    pub(crate) async fn forget(&self, scope: &Scope, refused: &Secret) {
        let slot = self.slot(scope);
        let mut token = slot.lock().await;
        if token.as_ref().is_some_and(|token| token.header == *refused) {
            *token = None;
        }
    }
}

impl Token {
    /// Reads the answer of a token server.
    pub(crate) fn parse(body: &[u8], asked_at: Instant) -> Result<Self, String> {
        // The body may hold a token whatever else is wrong with it: it is never shown.
        let answer: TokenAnswer = serde_json::from_slice(body)
            .map_err(|_| "the answer is not the JSON of a token server".to_owned())?;
        let token = answer
            .token
            .or(answer.access_token)
            .filter(|token| !token.is_empty())
            .ok_or("the answer holds no token")?;
        let lifetime = answer.expires_in.as_ref().and_then(seconds).unwrap_or(DEFAULT_LIFETIME);
        let lifetime = Duration::from_secs(lifetime.min(LONGEST_LIFETIME));
        // Very short lives are used to their middle: better renewed often than never used.
        let useful = lifetime.saturating_sub(MARGIN).max(lifetime / 2);
        Ok(Self {
            header: Secret::new(format!("Bearer {token}")),
            refresh_token: answer.refresh_token.filter(|token| !token.is_empty()).map(Secret::new),
            renew_at: asked_at + useful,
        })
    }

    pub(crate) fn is_fresh(&self) -> bool {
        Instant::now() < self.renew_at
    }
}

/// A lifetime as it is written: some servers send a fraction or a text. A life of nothing is not
/// meant: it would cost a token request for every request.
fn seconds(value: &serde_json::Value) -> Option<u64> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    // The conversion ends at the limits of the type.
    Some(number as u64).filter(|&seconds| seconds > 0)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_asked_for_with_every_scope_that_the_request_needs() {
        let scopes = Scope::mount("a/new", "a/old").parameters();
        assert_eq!(scopes, ["repository:a/new:pull,push", "repository:a/old:pull"]);
        assert_eq!(Scope::mount("a", "a"), Scope::push("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_it_ends_and_never_at_once() {
        let now = Instant::now();
        let table: [(&[u8], u64, u64); 10] = [
            (br#"{"token":"a","expires_in":300}"#, 269, 271),
            (br#"{"access_token":"a","expires_in":"300"}"#, 269, 271),
            (br#"{"token":"a","expires_in":300.7}"#, 269, 271),
            (br#"{"access_token":"a"}"#, 29, 31),
            (br#"{"token":"a","expires_in":0}"#, 29, 31),
            (br#"{"token":"a","expires_in":-5}"#, 29, 31),
            (br#"{"token":"a","expires_in":2}"#, 0, 2),
            (br#"{"token":"a","expires_in":18446744073709551615}"#, 86_360, 86_400),
            (br#"{"token":"a","expires_in":300,"issued_at":"1999-01-01T00:00:00Z"}"#, 269, 271),
            (br#"{"token":"a","expires_in":300,"issued_at":"2999-01-01T00:00:00Z"}"#, 269, 271),
        ];
        for (body, fresh, stale) in table {
            let token = Token::parse(body, now).unwrap();
            assert!(now + Duration::from_secs(fresh) < token.renew_at, "{body:?}");
            assert!(now + Duration::from_secs(stale) > token.renew_at, "{body:?}");
            assert!(token.is_fresh());
        }
        for bad in [&br#"{"token":""}"#[..], b"{}", b"<html>"] {
            assert!(Token::parse(bad, now).is_err());
        }
    }
}
