//! Logging in at a host: the header of each request, and the requests for tokens.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request};
use tokio::time::Instant;

use super::auth::{Realm, Scheme, Token};
use super::body::read_limited;
use super::credentials::Secret;
use super::error::{Cause, Error, Refusal, address};
use super::host::{Call, Host, LONGEST_REFUSAL};
use super::{redirect, retry};

impl Host {
    /// The value of the `Authorization` header, from a cache or from the token server.
    pub(super) async fn authorization(&self, call: &Call) -> Result<Option<Secret>, Error> {
        // Neither a redirect's target nor an upload address elsewhere may see it.
        if call.url.origin() != self.base.origin() {
            return Ok(None);
        }
        self.introduce().await;
        match self.authenticator.scheme() {
            Scheme::Unknown => Ok(None),
            Scheme::Basic => {
                Ok(self.authenticator.credentials.as_ref().map(|credentials| credentials.basic()))
            }
            Scheme::Bearer(realm) => {
                let slot = self.authenticator.slot(&call.scope);
                let mut token = slot.lock().await;
                if let Some(token) = token.as_ref().filter(|token| token.is_fresh()) {
                    return Ok(Some(token.header.clone()));
                }
                let fetched = self.fetch_token(&realm, call).await?;
                let header = fetched.header.clone();
                *token = Some(fetched);
                Ok(Some(header))
            }
        }
    }

    /// With credentials at hand the host will ask for them: one request learns how, instead of all
    /// the first ones being refused.
    async fn introduce(&self) {
        if self.authenticator.credentials.is_none() {
            return;
        }
        let once = async {
            let Ok(url) = self.base.join("/v2/") else { return };
            self.requests.fetch_add(1, Ordering::Relaxed);
            let sent = self.connections.own().get(url).send();
            if let Ok(Ok(response)) = tokio::time::timeout(self.retry.silence, sent).await
                && response.status().as_u16() == 401
                && response.url().origin() == self.base.origin()
            {
                // What is wrong here shows again, and is reported, with the request that needs it.
                drop(self.authenticator.learn(response.headers(), &self.base));
            }
        };
        self.introduced.get_or_init(|| once).await;
    }

    async fn fetch_token(&self, realm: &Realm, call: &Call) -> Result<Token, Error> {
        let url = realm.token_url(&call.scope);
        let token_call = Call {
            operation: "get a token".to_owned(),
            method: Method::GET,
            url: url.clone(),
            headers: HeaderMap::new(),
            body: None,
            scope: call.scope.clone(),
            expected: &[],
        };
        let mut pauses = self.retry.pauses();
        loop {
            let asked_at = Instant::now();
            let error = match self.ask_for_token(realm, &token_call).await {
                Ok(body) => {
                    return Token::parse(&body, asked_at)
                        .map_err(|why| self.error(&token_call, Cause::Token(why)));
                }
                Err(error) => error,
            };
            if !error.is_transient() {
                let cause = match error.cause {
                    Cause::Status(refusal) => {
                        Cause::Token(format!("{} {}", refusal.status, refusal.words))
                    }
                    cause => cause,
                };
                return Err(self.error(&token_call, cause));
            }
            self.pause_before_retry(error, &mut pauses).await?;
        }
    }

    /// One request to the token server. The permit of the request that waits for it stands for both.
    async fn ask_for_token(&self, realm: &Realm, call: &Call) -> Result<Bytes, Error> {
        let mut request = Request::new(Method::GET, call.url.clone());
        if let Some(credentials) = &self.authenticator.credentials {
            if !realm.may_see_credentials_of(&self.base) {
                let why = "the token server belongs to somebody else than the registry: it is not shown the password";
                return Err(self.error(call, Cause::Token(why.to_owned())));
            }
            if let Ok(mut value) = HeaderValue::from_str(credentials.basic().expose()) {
                value.set_sensitive(true);
                request.headers_mut().insert(AUTHORIZATION, value);
            }
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = async {
            if realm.may_see_credentials_of(&self.base) {
                redirect::send_to_realm(&self.connections, request).await
            } else {
                redirect::send(&self.connections, request).await
            }
        };
        let response = match tokio::time::timeout(self.retry.silence, sent).await {
            Ok(result) => result.map_err(|unanswered| self.network_error(call, unanswered))?,
            Err(_) => return Err(self.error(call, self.silence())),
        };
        tracing::debug!("GET {} {}", address(&call.url), response.status());
        let status = response.status();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| retry::parse_retry_after(value.to_str().ok()?));
        let body = read_limited(response, LONGEST_REFUSAL * 4, self.retry.silence)
            .await
            .map_err(|cause| self.error(call, cause))?;
        if status.is_success() {
            return Ok(body);
        }
        // The registry and who gives its tokens are one service: its limit is kept by both.
        let refusal = Refusal::new(status.as_u16(), &body, retry_after);
        self.check_pause(&refusal).map_err(|too_long| self.error(call, too_long))?;
        self.make_pause(&refusal);
        Err(self.error(call, Cause::Status(Box::new(refusal))))
    }
}
