//! The one door to the network: every request to a registry goes through [`Host::call`] or
//! [`Host::call_once`], and so through the host's queue, its authentication and its tally.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Body, Method, Request, Response, Url};
use tokio::time::Instant;

use super::attempts;
use super::attempts::RetryPolicy;
use super::body::read_limited;
use super::clients::Connections;
use super::queue::{Permit, Priority, Queue};
use super::redact::Shown;
use super::redirect::{self, Unanswered, Why};
use crate::auth::Scope;
use crate::auth::authenticator::Authenticator;
use crate::auth::challenge::Scheme;
use crate::auth::credentials::{Credentials, Secret};
use crate::capabilities::Capabilities;
use crate::error::{Cause, Error, ErrorResponse, Phase, Side, address, printable};
use oci::Registry;

/// An error answer is read this far and no farther, in bytes.
pub const LONGEST_REFUSAL: usize = 64 << 10;
/// A host that never answered is taken for down after so many first pauses without a connection: a
/// name that is wrong, most likely, or a registry that is being restarted.
const PATIENCE_WITH_STRANGERS: u32 = 6;
/// One that has answered in this run will come back.
const PATIENCE: u32 = 120;

/// A registry as one side of a copy.
pub struct Host {
    /// `host[:port]` as people write it.
    pub name: Registry,
    pub side: Side,
    pub(crate) base: Url,
    pub(crate) connections: Connections,
    pub(crate) queue: Arc<Queue>,
    pub(crate) authenticator: Authenticator,
    pub capabilities: Capabilities,
    pub retry: RetryPolicy,
    pub(crate) requests: AtomicU64,
    unreachable_since: Mutex<Option<Instant>>,
    has_answered: AtomicBool,
    down: OnceLock<Cause>,
    pub pinged: tokio::sync::OnceCell<()>,
}

/// One request, as often as it takes.
pub(crate) struct Call {
    /// For errors: `get manifest `1.0.6``.
    pub(crate) operation: String,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) scope: Scope,
    /// Statuses that are answers and not errors, beside 2xx.
    pub(crate) expected: &'static [u16],
}

/// An answer, and the place in the queue that it keeps until it is read.
pub(crate) struct Answer {
    pub(crate) response: Response,
    pub(crate) _permit: Permit,
}

impl Host {
    pub(crate) fn new(
        name: &Registry,
        side: Side,
        connections: Connections,
        queue: Arc<Queue>,
        authenticator: Authenticator,
        capabilities: Capabilities,
        retry: RetryPolicy,
    ) -> Self {
        Self {
            name: name.to_owned(),
            side,
            capabilities,
            base: connections.base.clone(),
            connections,
            queue,
            authenticator,
            retry,
            requests: AtomicU64::new(0),
            unreachable_since: Mutex::default(),
            has_answered: AtomicBool::new(false),
            down: OnceLock::new(),
            pinged: tokio::sync::OnceCell::new(),
        }
    }

    /// Sends a request until it is answered: retries what may pass by itself, waits as long as the
    /// host asks, logs in once more when a token is refused.
    pub(crate) async fn call(&self, call: &Call) -> Result<Answer, Error> {
        let mut pauses = self.retry.pauses();
        let mut logged_in_again = false;
        loop {
            let permit = self.queue.acquire(Priority::Small).await;
            let error = match self.call_once(call, call.body.clone().map(Body::from)).await {
                Ok(response) => return Ok(Answer { response, _permit: permit }),
                Err(error) => error,
            };
            drop(permit);
            if error.is_unauthorized() && !logged_in_again {
                logged_in_again = true;
                continue;
            }
            self.pause_before_retry(error, &mut pauses).await?;
        }
    }

    /// [`Host::call`] for who already holds a permit of this queue, and would wait for himself.
    pub(crate) async fn call_under_permit(&self, call: &Call) -> Result<Response, Error> {
        let mut pauses = self.retry.pauses();
        let mut logged_in_again = false;
        loop {
            let error = match self.call_once(call, call.body.clone().map(Body::from)).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if error.is_unauthorized() && !logged_in_again {
                logged_in_again = true;
                continue;
            }
            self.pause_before_retry(error, &mut pauses).await?;
        }
    }

    /// Waits for the next attempt, or gives the error back when there is to be none.
    pub(crate) async fn pause_before_retry(
        &self,
        error: Error,
        pauses: &mut impl Iterator<Item = Duration>,
    ) -> Result<(), Error> {
        if !error.is_transient() || self.down.get().is_some() {
            return Err(error);
        }
        let Some(pause) = pauses.next() else { return Err(error) };
        tracing::debug!("{error}; again in {pause:?}");
        tokio::time::sleep(pause.max(error.retry_after())).await;
        Ok(())
    }

    /// Sends a request once. The caller holds a permit of the queue. A 401 has been learned from
    /// when it comes back as an error: the next attempt logs in.
    pub(crate) async fn call_once(
        &self,
        call: &Call,
        body: Option<Body>,
    ) -> Result<Response, Error> {
        if let Some(cause) = self.down.get() {
            return Err(self.error(call, cause.clone()));
        }
        let authorization = self.authorization(call).await?;
        let mut request = Request::new(call.method.clone(), call.url.clone());
        *request.headers_mut() = call.headers.clone();
        if let Some(secret) = &authorization
            && let Ok(mut value) = HeaderValue::from_str(secret.expose())
        {
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let streams = body.is_some() && call.body.is_none();
        *request.body_mut() = body;
        let began = Instant::now();
        self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = redirect::send(&self.connections, request);
        let result = if streams {
            // Whoever streams watches for silence: only there is it known whether bytes still flow.
            sent.await
        } else {
            match tokio::time::timeout(self.retry.silence, sent).await {
                Ok(result) => result,
                Err(_) => return Err(self.error(call, self.silence())),
            }
        };
        let response = result.map_err(|unanswered| self.network_error(call, unanswered))?;
        self.has_answered.store(true, Ordering::Relaxed);
        *self.unreachable_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let status = response.status().as_u16();
        tracing::debug!(
            "{} {} {status} {} ms",
            call.method,
            address(&call.url),
            began.elapsed().as_millis()
        );
        if response.status().is_success() || call.expected.contains(&status) {
            self.queue.grow();
            return Ok(response);
        }
        Err(self.refused(call, response, authorization).await)
    }

    pub(crate) fn silence(&self) -> Cause {
        let detail = format!("nothing for {} s", self.retry.silence.as_secs());
        Cause::Network { phase: Phase::Silence, detail }
    }

    pub(crate) fn error(&self, call: &Call, cause: Cause) -> Error {
        let request = format!("{} {}", call.method, address(&call.url));
        Error {
            side: self.side,
            operation: call.operation.clone(),
            request,
            cause,
            credentials_hint: Some(self.authenticator.hint(&call.scope.repository).to_string()),
        }
    }

    /// What an error response means, after the host's state has learned from it.
    async fn refused(
        &self,
        call: &Call,
        response: Response,
        authorization: Option<Secret>,
    ) -> Error {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let sent_by = response.url().clone();
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| attempts::parse_retry_after(value.to_str().ok()?));
        let body =
            read_limited(response, LONGEST_REFUSAL, self.retry.silence).await.unwrap_or_default();
        let mut shown = Shown::default().query_of(&call.url).query_of(&sent_by);
        if let Some(header) = &authorization {
            shown =
                self.authenticator.redact_credentials(&call.scope.repository, shown.secret(header));
        }
        let mut response = shown.response(status, &body, retry_after);
        if let Err(too_long) = self.check_pause(&response) {
            return self.error(call, too_long);
        }
        if sent_by.origin() != call.url.origin() {
            // Another server's limits and credentials are not those of the registry.
            let server = address(&sent_by);
            response.append(&format!("(from {server}, where the registry redirects to)"));
            let response = Box::new(response);
            let cause = match status {
                401 => Cause::NoCredentials(response),
                _ => Cause::Status(response),
            };
            return self.error(call, cause);
        }
        self.make_pause(&response);
        if status == 401 && call.url.origin() == self.base.origin() {
            if let Some(refused) = &authorization {
                self.authenticator.forget(&call.scope, refused).await;
            }
            let problem = match self.authenticator.learn(&headers, &self.base) {
                Ok(()) => match self.missing_password(call).await {
                    Ok(missing) => missing,
                    Err(error) => return error,
                },
                Err(why) => Some(why.message),
            };
            if let Some(why) = problem {
                response.message = match response.message.as_str() {
                    "" => why,
                    message => format!("{message} ({why})"),
                };
                return self.error(call, Cause::NoCredentials(Box::new(response)));
            }
        }
        self.error(call, Cause::Status(Box::new(response)))
    }

    /// What is missing if the host requires a user and a password.
    ///
    /// # Errors
    /// When the credentials cannot be obtained.
    async fn missing_password(&self, call: &Call) -> Result<Option<String>, Error> {
        if self.authenticator.scheme() != Scheme::Basic {
            return Ok(None);
        }
        let missing = match &self.credentials(call).await?.credentials {
            Some(Credentials::Password { .. }) => return Ok(None),
            Some(Credentials::RefreshToken(_)) => "only an identity token is configured",
            None => "none are configured",
        };
        Ok(Some(format!("the registry requires a user and a password, and {missing}")))
    }

    /// # Errors
    /// When a response asks for a longer pause than the retry policy allows.
    pub fn check_pause(&self, response: &ErrorResponse) -> Result<(), Cause> {
        let wait = response.retry_after.unwrap_or_default();
        if response.is_transient() && wait > self.retry.longest_wait {
            return Err(Cause::RateLimited { wait, message: response.message.clone() });
        }
        Ok(())
    }

    /// Applies the pause that a response asks for to every request of this host.
    pub fn make_pause(&self, response: &ErrorResponse) {
        if response.is_throttling() {
            self.queue.shrink(response.retry_after.unwrap_or_default());
        }
    }

    pub(crate) fn network_error(&self, call: &Call, unanswered: Unanswered) -> Error {
        let Unanswered { why, at } = unanswered;
        let elsewhere = at.origin() != call.url.origin();
        let where_to = |detail: String| match elsewhere {
            true => format!("{detail} (at {}, where the registry sends us)", address(&at)),
            false => detail,
        };
        let error = match why {
            // The address of a redirect may have a signature in it.
            Why::Library(error) => error.without_url(),
            Why::Broken(why) => {
                return self.error(call, Cause::Protocol(where_to(why.to_owned())));
            }
            Why::Refused(why) => {
                let why = format!("the registry sends us to {}: {why}", address(&at));
                return self.error(call, Cause::Unsupported(why));
            }
        };
        tracing::debug!("{} {} failed: {error:?}", call.method, address(&call.url));
        if !elsewhere && self.connections.switches_to_http2(&self.name, &error) {
            tracing::debug!("{} offers HTTP/2 only", self.name);
        }
        let mut detail = printable(&innermost(&error));
        if error.is_connect()
            && let Some(proxy) = self.connections.proxy(&at)
        {
            detail = format!("{detail} (through the proxy {proxy})");
        }
        let detail = where_to(detail);
        if error.is_redirect() || error.is_builder() {
            return self.error(call, Cause::Protocol(detail));
        }
        let phase = if error.is_connect() { Phase::Connect } else { Phase::Response };
        let cause = Cause::Network { phase, detail };
        let is_ours = at.origin() == self.base.origin();
        if phase == Phase::Connect && is_ours && self.is_down() {
            // Everybody else who waits for this host learns the same at once.
            drop(self.down.set(cause.clone()));
        }
        self.error(call, cause)
    }

    /// Called when a connection has failed: whether that has been so for too long.
    fn is_down(&self) -> bool {
        let mut since = self.unreachable_since.lock().unwrap_or_else(PoisonError::into_inner);
        let has_answered = self.has_answered.load(Ordering::Relaxed);
        let patience = if has_answered { PATIENCE } else { PATIENCE_WITH_STRANGERS };
        since.get_or_insert_with(Instant::now).elapsed() >= self.retry.first_pause * patience
    }
}

/// The end of the chain of causes: "connection refused" says more than "error sending request".
pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
