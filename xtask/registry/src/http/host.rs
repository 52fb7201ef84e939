//! `Host`: a registry as one side of a copy. Every request, except the ping and the requests for tokens,
//! is sent by [`Host::call`] or one of its variants, and so passes the queue, the authentication and the
//! count of requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use messages::Advice;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Body, Request, Response, Url};
use tokio::time::Instant;

use super::attempts::{Attempts, Next, RetryPolicy, retry_after};
use super::body::read_limited;
use super::head_support::LearnedHeadSupport;
use super::liveness::Liveness;
use super::order::PermitOrder;
use super::queue::Queue;
use super::redact::RequestSecrets;
use super::redirect::SendError;
use super::request::{ApiRequest, BufferedResponse, PermittedResponse};
use super::snapshot::Snapshot;
use super::trace::Trace;
use super::transport::Transport;
use crate::auth::authenticator::Authenticator;
use crate::auth::credentials::Secret;
use crate::capabilities::Capabilities;
use crate::embedded;
use crate::error::{Cause, Error, ErrorResponse, HostHint, Side, address};
use crate::upload_turns::UploadTurns;
use oci::Registry;

/// At most this many bytes of an error response are read.
pub(crate) const LONGEST_ERROR: usize = 64 << 10;

/// A registry as one side of a copy.
pub struct Host {
    /// `host[:port]` as people write it.
    pub name: Registry,
    pub side: Side,
    pub(crate) base: Url,
    pub(crate) transport: Transport,
    pub(crate) queue: Arc<Queue>,
    pub(crate) permit_order: PermitOrder,
    pub(crate) authenticator: Authenticator,
    pub capabilities: Capabilities,
    pub retry: RetryPolicy,
    pub(crate) requests: AtomicU64,
    /// How many requests were announced with [`Host::expect_requests`].
    pub(crate) expected: AtomicUsize,
    /// How many of the requests were for tokens.
    pub(crate) token_requests: AtomicU64,
    pub(crate) liveness: Liveness,
    pub(crate) upload_turns: UploadTurns,
    pub(crate) head_support: LearnedHeadSupport,
    /// `None`: manifests are requested each time.
    pub(crate) snapshot: Option<Snapshot>,
    /// Set after the ping, which finds out how the host authenticates.
    pub(crate) pinged: tokio::sync::OnceCell<()>,
    /// `None`: nothing is traced.
    pub(crate) trace: Option<Arc<Trace>>,
}

impl Host {
    /// Opens connections for requests that will probably follow within a few round trips: as many as were announced
    /// so far, but no more than may be in flight. A connection that fails, or is not used, is no error.
    pub async fn expect_requests(&self, requests: usize) {
        let expected = self.expected.fetch_add(requests, Ordering::Relaxed) + requests;
        let Some(clients) = self.transport.clients() else { return };
        let enough = expected.min(self.queue.limit());
        for _ in 0..requests.min(enough) {
            clients.open_early(enough).await;
        }
    }

    /// Sends a request, with retries, until it succeeds or its failure is final.
    pub(crate) async fn call(&self, request: &ApiRequest) -> Result<PermittedResponse, Error> {
        self.with_retries(|| async {
            let permit = self.place_for(request).await;
            let response = self.call_once(request).await?;
            Ok(PermittedResponse { response, _permit: permit })
        })
        .await
    }

    /// Like [`Host::call`], for a caller that already holds a permit of this queue and would otherwise
    /// deadlock.
    pub(crate) async fn call_under_permit(&self, request: &ApiRequest) -> Result<Response, Error> {
        self.with_retries(|| self.call_once(request)).await
    }

    /// Like [`Host::call`], and reads the body, of at most `limit` bytes. A body that breaks off is a failed
    /// attempt.
    pub(crate) async fn call_and_read(
        &self,
        request: &ApiRequest,
        limit: usize,
    ) -> Result<BufferedResponse, Error> {
        self.with_retries(|| async {
            let _permit = self.place_for(request).await;
            let began = Instant::now();
            let response = self.call_once(request).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let url = response.url().clone();
            // A body that trickles is never silent.
            let left = self.retry.total.saturating_sub(began.elapsed());
            let body = read_limited(response, limit, self.retry.silence);
            let body = tokio::time::timeout(left, body).await;
            let body = body.unwrap_or_else(|_| Err(Cause::unfinished(self.retry.total)));
            let body = body.map_err(|cause| self.error(request, cause))?;
            Ok(BufferedResponse { status, headers, url, body })
        })
        .await
    }

    /// Like [`Host::call_and_read`], for a manifest. It is requested once, if this run keeps manifests.
    pub(crate) async fn read_manifest(
        &self,
        request: &ApiRequest,
        limit: usize,
    ) -> Result<BufferedResponse, Error> {
        // Boxed, because it is large and moved several times.
        let response = Box::pin(self.call_and_read(request, limit));
        match &self.snapshot {
            Some(snapshot) => snapshot.read(&request.url, response).await,
            None => response.await,
        }
    }

    /// Like [`Host::read_manifest`], but does not use what was kept.
    pub(crate) async fn read_manifest_again(
        &self,
        request: &ApiRequest,
        limit: usize,
    ) -> Result<BufferedResponse, Error> {
        let response = self.call_and_read(request, limit).await?;
        if let Some(snapshot) = &self.snapshot {
            snapshot.replace(&request.url, &response);
        }
        Ok(response)
    }

    /// Whether the manifest of a request was read before, and kept.
    pub(crate) fn keeps_manifest(&self, request: &ApiRequest) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| snapshot.has(&request.url))
    }

    /// Repeats an operation as the retry policy allows.
    pub(crate) async fn with_retries<T, F>(
        &self,
        mut operation: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut attempts = Attempts::new(self.retry);
        loop {
            match operation().await {
                Ok(value) => return Ok(value),
                Err(error) => self.wait(attempts.after(&error), error).await?,
            }
        }
    }

    /// Waits for the next attempt.
    ///
    /// # Errors
    /// With the error itself when there is no next attempt.
    pub(crate) async fn wait(&self, next: Next, error: Error) -> Result<(), Error> {
        match next {
            Next::AtOnce => Ok(()),
            Next::Pause(pause) if self.liveness.down.get().is_none() => {
                tracing::debug!("{error}; retrying in {pause:?}");
                tokio::time::sleep(pause).await;
                Ok(())
            }
            Next::Pause(_) | Next::GiveUp => Err(error),
        }
    }

    /// Sends a request once. The caller holds a permit of the queue. If the error is a 401, the next attempt
    /// authenticates as the response requires.
    pub(crate) async fn call_once(&self, request: &ApiRequest) -> Result<Response, Error> {
        let tokens = &self.authenticator.tokens;
        let was_shared = tokens.sharing().is_shared(&request.scope);
        let timeout = self.retry.total.min(self.retry.silence);
        let send = || self.send(request, request.body.clone().map(Body::from), timeout);
        let result = send().await;
        let status = match &result {
            Ok(response) => Some(response.status().as_u16()),
            Err(error) => error.status(),
        };
        let is_refused = matches!(status, Some(401 | 403));
        // The registry refused the shared token, so this request gets a separate one.
        if is_refused && was_shared && !tokens.sharing().is_shared(&request.scope) {
            return send().await;
        }
        result
    }

    /// Like [`Host::call_once`], with another body and another timeout.
    pub(crate) async fn send(
        &self,
        request: &ApiRequest,
        body: Option<Body>,
        timeout: Duration,
    ) -> Result<Response, Error> {
        if let Some(cause) = self.liveness.down.get() {
            return Err(self.error(request, cause.clone()));
        }
        let authorization = self.authorization(request);
        let operation = || request.operation.clone();
        let authorization = self.timed("wait for authorization", operation, authorization).await?;
        let mut message = Request::new(request.method.clone(), request.url.clone());
        *message.headers_mut() = request.headers.clone();
        if let Some(secret) = &authorization.header {
            authorize(&mut message, secret);
        }
        *message.body_mut() = body;
        let began = Instant::now();
        let trace = self.begin(request);
        let sent = self.transport.send(message, self.queue.in_flight());
        let received = self.receive(request, timeout, sent).await;
        let response = trace.responded(received)?;
        self.liveness.responded();
        let status = response.status().as_u16();
        let milliseconds = began.elapsed().as_millis();
        tracing::debug!("{} {status} {milliseconds} ms", self.request_line(request));
        if let Some(token) = &authorization.header {
            self.learn_about_token(request, &response, token).await;
        }
        if response.status().is_success() || request.expected.contains(&status) {
            self.queue.grow(began.elapsed());
            return Ok(response);
        }
        Err(self.error_from(request, response, authorization.header.as_ref()).await)
    }

    /// Waits for the response to a request that is being sent.
    pub(crate) async fn receive(
        &self,
        request: &ApiRequest,
        timeout: Duration,
        sent: impl Future<Output = Result<Response, SendError>>,
    ) -> Result<Response, Error> {
        let (limit, began) = (self.retry.total, Instant::now());
        // An upload takes as long as it takes.
        let is_short = timeout <= limit;
        let left = if is_short { timeout.min(self.liveness.time_left(limit)) } else { timeout };
        let is_upload = timeout == Duration::MAX;
        tokio::select! {
            biased;
            result = sent => result.map_err(|failed| self.send_error(request, failed)),
            // What others have learned applies to this request, too.
            cause = self.liveness.down.wait(), if !is_upload => {
                Err(self.error(request, cause.clone()))
            }
            () = tokio::time::sleep(left) => {
                let cause = Cause::silent_for(timeout);
                if is_short {
                    self.liveness.was_silent(&cause, began.elapsed(), limit);
                }
                Err(self.error(request, cause))
            }
        }
    }

    pub(crate) fn error(&self, request: &ApiRequest, cause: Cause) -> Error {
        let (side, operation) = (self.side, request.operation.clone());
        let mut error = Error::new(side, operation, cause);
        if self.transport.is_embedded() {
            error.request = self.name.to_string();
            let hint = embedded::hint(&error.cause, side, b"");
            error.host_hint = hint.map(|hint| Box::new(HostHint::Fixed(hint)));
        } else {
            error.request = self.request_line(request);
            let hint = self.authenticator.hint(&request.scope.repository).to_string();
            error.host_hint = Some(Box::new(HostHint::ForCredentials(hint)));
        }
        error
    }

    pub(crate) fn request_line(&self, request: &ApiRequest) -> String {
        let ApiRequest { method, url, .. } = request;
        match self.transport.is_embedded() {
            true => format!("{method} {} {}", self.name, url.path()),
            false => format!("{method} {}", address(url)),
        }
    }

    /// The error for a response with an unexpected status. The queue and the authenticator learn from it.
    async fn error_from(
        &self,
        request: &ApiRequest,
        response: Response,
        authorization: Option<&Secret>,
    ) -> Error {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let sent_by = response.url().clone();
        let read = read_limited(response, LONGEST_ERROR, self.retry.silence);
        let body = tokio::time::timeout(self.retry.total, read).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        if self.transport.is_embedded() {
            let response = ErrorResponse::parse(status, &body, None);
            let error = self.error(request, Cause::Status(Box::new(response)));
            let hint = embedded::hint(&error.cause, self.side, &body);
            let host_hint = hint.map(|hint| Box::new(HostHint::Fixed(hint)));
            return Error { host_hint, ..error };
        }
        let mut secrets =
            RequestSecrets::default().with_query_of(&request.url).with_query_of(&sent_by);
        if let Some(header) = authorization {
            secrets = secrets.with_secret(header);
            let known = self.authenticator.known(&request.scope.repository);
            if let Some(credentials) = known.as_ref().and_then(|known| known.credentials.as_ref()) {
                secrets = secrets.with_credentials(credentials);
            }
        }
        let mut response = secrets.error_response(status, &body, retry_after(&headers));
        if let Some(cause) = self.excessive_pause(&response) {
            return self.error(request, cause);
        }
        let mut problem = None;
        if sent_by.origin() != request.url.origin() {
            // The limits and credentials of another server are not those of the registry.
            let origin = format!("from {}, where the registry redirects to", address(&sent_by));
            problem = Some(Advice::new(origin));
        } else {
            self.throttle(&response);
            if status == 401 && request.url.origin() == self.base.origin() {
                match self.learn_challenge(request, &headers, authorization).await {
                    Ok(found) => problem = found,
                    Err(error) => return error,
                }
                response.token_has_expired = self.has_expired(request, &headers);
            }
        }
        if let Some(problem) = &problem {
            response.remark(&problem.message);
        }
        let is_final = status == 401 && problem.is_some();
        let cause = if is_final { Cause::NoCredentials } else { Cause::Status };
        let error = self.error(request, cause(Box::new(response)));
        match problem.and_then(|problem| problem.hint) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    /// The cause of an error if a response asks for a longer pause than the retry policy allows.
    pub(crate) fn excessive_pause(&self, response: &ErrorResponse) -> Option<Cause> {
        let wait = response.retry_after.unwrap_or_default();
        let is_excessive = response.is_transient() && wait > self.retry.longest_wait;
        is_excessive.then(|| Cause::RateLimited { wait, message: response.message.clone() })
    }

    /// Applies the pause that a response asks for to every request of this host.
    pub(crate) fn throttle(&self, response: &ErrorResponse) {
        if response.is_throttling() {
            self.queue.shrink(response.retry_after.unwrap_or_default());
        }
    }

    /// An address that the registry named, if requests may go there. A registry behind TLS that does not know of
    /// it names its own address without TLS; it means the other one.
    pub(crate) fn keeping_tls(&self, mut url: Url) -> Option<Url> {
        if url.scheme() == "https" || url.scheme() == self.base.scheme() {
            return Some(url);
        }
        let is_own = url.host() == self.base.host() && url.port() == self.base.port();
        (is_own && url.set_scheme("https").is_ok()).then_some(url)
    }
}

/// Sets the `Authorization` header, and excludes it from debug output.
pub(crate) fn authorize(request: &mut Request, secret: &Secret) {
    if let Ok(mut value) = HeaderValue::from_str(secret.expose()) {
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
}
