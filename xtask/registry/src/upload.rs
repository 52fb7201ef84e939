//! Sends a blob into an upload session and commits it there, in one of three modes: one PUT, one PATCH that
//! streams the blob followed by an empty PUT, or a PATCH for each piece. After a break, the upload in pieces
//! asks the registry how much it has stored.
//!
//! The client never sends one PATCH per network read, which is what makes other clients slow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use reqwest::{Body, Method, Response, StatusCode, Url};
use tokio::sync::SetOnce;
use tokio::time::Instant;

use crate::auth::Scope;
use crate::capabilities::UploadMode;
use crate::error::{Cause, Error, Phase};
use crate::http::attempts::{Attempts, Next};
use crate::http::host::Host;
use crate::http::request::{ApiRequest, header};
use crate::incoming_blob::IncomingBlob;
use crate::lock::lock;
use crate::repository::{RemoteRepository, header_digest};
use oci::Descriptor;

/// A registry may take this many times the usual timeout to store what it has received.
const COMMIT_PATIENCE: u32 = 5;

/// How many first pauses a server gets to respond to the head of an upload, after an upload broke.
const LISTENING: u32 = 4;
/// The pause after each of these many bytes of such an upload.
const SHORT_PAUSE: Duration = Duration::from_millis(1);
const BETWEEN_PAUSES: u64 = 256 << 10;

/// Called with the number of bytes that a connection to a destination has accepted.
pub(crate) type OnBytes = Arc<dyn Fn(u64) + Send + Sync>;

/// The upload of one blob. The caller holds a permit of the destination's queue.
pub(crate) struct Upload<'a> {
    pub(crate) destination: &'a RemoteRepository,
    pub(crate) blob: &'a Descriptor,
    pub(crate) on_bytes: &'a OnBytes,
    pub(crate) pauses: UploadPauses,
}

/// How the body of a request follows its head.
///
/// A server that refuses an upload may respond and close the connection before it has read the body. The next write
/// fails then, and the HTTP library reports that instead of the response, which it reads only between writes. So after
/// a broken upload, the client gives the server time to respond. An upload that does not break waits for nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadPauses {
    None,
    /// With a pause between head and body, and short ones in the body.
    ForResponses,
}

/// A failed request, and the content if it can go on.
struct Failure {
    error: Error,
    content: Option<IncomingBlob>,
}

impl Upload<'_> {
    /// Sends the blob into a session and commits it. A failed piece counts as one of the attempts for the blob.
    pub(crate) async fn send(
        &self,
        session: &Url,
        content: IncomingBlob,
        mode: UploadMode,
        attempts: &mut Attempts,
    ) -> Result<(), Error> {
        let size = self.blob.size;
        let request = match mode {
            UploadMode::Whole => self.request(Method::PUT, self.with_digest(session), size),
            UploadMode::Stream => self.request(Method::PATCH, session.clone(), size),
            UploadMode::Pieces => {
                return self.send_pieces(session.clone(), content, attempts).await;
            }
        };
        let sent = self.send_bytes(&request, content, size, self.pauses).await;
        let (response, _) = sent.map_err(|failure| failure.error)?;
        if mode == UploadMode::Whole {
            return self.check_committed(&request, &response);
        }
        let next = self.destination.session(&request, &response);
        self.commit(next.as_ref().unwrap_or(session)).await
    }

    async fn send_pieces(
        &self,
        mut session: Url,
        mut content: IncomingBlob,
        attempts: &mut Attempts,
    ) -> Result<(), Error> {
        let host = &self.destination.host;
        let mut pauses = self.pauses;
        while content.position() < self.blob.size {
            let start = content.position();
            let length = host.capabilities.piece().min(self.blob.size - start);
            let mut request = self.request(Method::PATCH, session.clone(), length);
            if let Ok(range) = HeaderValue::from_str(&format!("{start}-{}", start + length - 1)) {
                request.headers.insert(CONTENT_RANGE, range);
            }
            let Failure { error, content: rest } =
                match self.send_bytes(&request, content, length, pauses).await {
                    Ok((response, rest)) => {
                        session = self.destination.session(&request, &response).unwrap_or(session);
                        content = rest;
                        attempts.reached(content.position());
                        continue;
                    }
                    Err(failure) => failure,
                };
            let is_too_large = matches!(error.status(), Some(413 | 416))
                && host.capabilities.piece_too_large(length);
            let next = if is_too_large { Next::AtOnce } else { attempts.after(&error) };
            let Some(rest) = rest else { return Err(error) };
            if matches!(error.cause, Cause::Network { .. }) {
                pauses = UploadPauses::ForResponses;
            }
            host.wait(next, error.clone()).await?;
            (session, content) = self.resume(session, rest, error).await?;
        }
        self.commit(&session).await
    }

    /// Asks how much of an upload has been stored (distribution-spec, "Pushing a blob in chunks"), and
    /// rewinds the content to that position.
    ///
    /// # Errors
    /// With the error that interrupted the upload if the position is beyond what was sent.
    async fn resume(
        &self,
        session: Url,
        mut content: IncomingBlob,
        interruption: Error,
    ) -> Result<(Url, IncomingBlob), Error> {
        let operation = "ask how much of the upload is stored";
        let scope = Scope::push(self.destination.path.as_str());
        let request = ApiRequest::new(operation, Method::GET, session, scope);
        let response = self.destination.host.call_under_permit(&request).await?;
        // `0-0` means both one byte and none. Every piece is larger than one byte, so it means none.
        let last = header(response.headers(), RANGE).and_then(|range| {
            range.trim_start_matches("bytes=").split_once('-')?.1.parse::<u64>().ok()
        });
        let position = last.filter(|last| *last > 0).map_or(0, |last| last.saturating_add(1));
        if position > content.position() {
            return Err(interruption);
        }
        content.rewind(position);
        let next = self.destination.session(&request, &response);
        Ok((next.unwrap_or(request.url), content))
    }

    async fn commit(&self, session: &Url) -> Result<(), Error> {
        let request = self.request(Method::PUT, self.with_digest(session), 0);
        let host = &self.destination.host;
        let patience = host.retry.silence * COMMIT_PATIENCE;
        let mut result = host.send(&request, None, patience).await;
        if result.as_ref().is_err_and(Error::is_unauthorized) {
            result = host.send(&request, None, patience).await;
        }
        self.record_end(&request, result.as_ref().err(), patience);
        self.check_committed(&request, &result?)
    }

    fn check_committed(&self, request: &ApiRequest, response: &Response) -> Result<(), Error> {
        let cause = match header_digest(response.headers()) {
            Some(stored) if stored != self.blob.digest => Cause::Integrity(format!(
                "the registry stored {stored} instead of {}",
                self.blob.digest
            )),
            None if response.status() == StatusCode::OK => Cause::Protocol(
                "the response is 200 without a digest, which no registry returns".to_owned(),
            ),
            _ => return Ok(()),
        };
        Err(self.destination.host.error(request, cause))
    }

    /// Sends the next `length` bytes of the content as the body of a request.
    async fn send_bytes(
        &self,
        request: &ApiRequest,
        content: IncomingBlob,
        length: u64,
        pauses: UploadPauses,
    ) -> Result<(Response, IncomingBlob), Failure> {
        let host = &self.destination.host;
        let feed = Arc::new(Feed {
            content: tokio::sync::Mutex::new(Some(content)),
            left: AtomicU64::new(length),
            failure: OnceLock::new(),
            moved_at: Mutex::new(Some(Instant::now())),
            on_bytes: Arc::clone(self.on_bytes),
            began: Instant::now(),
            registry: Some(Arc::clone(host)).filter(|_| self.is_own(request)),
        });
        let first_pause = host.retry.first_pause * LISTENING;
        // How much was sent since the last pause; `None` before the first bytes.
        let state = (Arc::clone(&feed), None::<u64>);
        let body = Body::wrap_stream(stream::unfold(state, move |(feed, mut sent)| async move {
            let pause = match sent {
                _ if pauses == UploadPauses::None => None,
                None => Some(first_pause),
                Some(bytes) => Some(SHORT_PAUSE).filter(|_| bytes >= BETWEEN_PAUSES),
            };
            if let Some(pause) = pause {
                feed.listen(pause).await;
                sent = None;
            }
            let bytes = feed.next().await?;
            let sent = sent.unwrap_or_default() + bytes.as_ref().map_or(0, |it| it.len() as u64);
            Some((bytes, (feed, Some(sent))))
        }));
        let silence = host.retry.silence;
        // The feed has a timeout of its own, because only it knows whether bytes still flow.
        let response = host.send(request, Some(body), Duration::MAX);
        let response = feed.watch(response, silence, &host.liveness.down).await;
        let result = match feed.failure.get() {
            // If the source failed, the broken request is only the effect.
            Some(failure) => Err(failure.clone()),
            None => {
                let (result, waited) = match response {
                    Ok(result) => (result, Duration::ZERO),
                    Err((cause, waited)) => (Err(host.error(request, cause)), waited),
                };
                self.record_end(request, result.as_ref().err(), waited);
                result
            }
        };
        match (result, feed.take(silence).await) {
            (Ok(response), Some(content)) if feed.is_spent() => Ok((response, content)),
            (Ok(_), content) => {
                // The registry may have had the blob already, or accept anything: the next attempt asks.
                let cause = Cause::interrupted("the response came before the whole blob was sent");
                Err(Failure { error: host.error(request, cause), content })
            }
            (Err(error), content) => Err(Failure { error, content }),
        }
    }

    /// Records whether the registry responded to a body. A session at another address says nothing about the registry.
    fn record_end(&self, request: &ApiRequest, error: Option<&Error>, waited: Duration) {
        let host = &self.destination.host;
        if !self.is_own(request) {
            return;
        }
        match error.map(|error| &error.cause) {
            Some(cause @ Cause::Network { phase: Phase::Silence, .. }) => {
                host.liveness.upload_was_silent(cause, waited, host.retry.silence);
            }
            Some(Cause::Network { .. }) => {}
            _ => host.liveness.upload_responded(),
        }
    }

    fn is_own(&self, request: &ApiRequest) -> bool {
        request.url.origin() == self.destination.host.base.origin()
    }

    fn request(&self, method: Method, url: Url, length: u64) -> ApiRequest {
        let operation = format!("push blob {}", self.blob.digest.short());
        let request = self.destination.push_request(operation, method, url, length);
        if length == 0 {
            return request;
        }
        request.with_header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
    }

    fn with_digest(&self, session: &Url) -> Url {
        let mut url = session.clone();
        url.query_pairs_mut().append_pair("digest", self.blob.digest.as_str());
        url
    }
}

/// The body of a request: reads from the content, and records when bytes last moved.
struct Feed {
    content: tokio::sync::Mutex<Option<IncomingBlob>>,
    left: AtomicU64,
    failure: OnceLock<Error>,
    /// `None` while it waits for the source: that is not the destination's silence.
    moved_at: Mutex<Option<Instant>>,
    on_bytes: OnBytes,
    began: Instant,
    /// `None`: the bytes go to another address.
    registry: Option<Arc<Host>>,
}

impl Feed {
    async fn next(&self) -> Option<std::io::Result<Bytes>> {
        let left = self.left.load(Ordering::Relaxed);
        let mut slot = self.content.lock().await;
        let content = slot.as_mut().filter(|_| left > 0)?;
        *lock(&self.moved_at) = None;
        let next = content.next().await;
        *lock(&self.moved_at) = Some(Instant::now());
        let bytes = match next? {
            Ok(bytes) => bytes,
            Err(error) => {
                drop(self.failure.set(error));
                return Some(Err(std::io::Error::other("the source failed")));
            }
        };
        // If a read crosses the end of a piece, the rest belongs to the next request.
        let taken = (bytes.len() as u64).min(left);
        if taken < bytes.len() as u64 {
            content.give_back(bytes.slice(taken as usize..));
        }
        self.left.fetch_sub(taken, Ordering::Relaxed);
        (self.on_bytes)(taken);
        // Every upload moves at first, even to a registry that will not respond.
        if let Some(host) = &self.registry
            && self.began.elapsed() >= host.retry.silence
        {
            host.liveness.upload_responded();
        }
        Some(Ok(bytes.slice(..taken as usize)))
    }

    /// Lets the server respond before more bytes are sent. This is not its silence.
    async fn listen(&self, pause: Duration) {
        *lock(&self.moved_at) = None;
        tokio::time::sleep(pause).await;
        *lock(&self.moved_at) = Some(Instant::now());
    }

    /// Waits for a response as long as bytes move and the host is not down.
    ///
    /// # Errors
    /// With the cause, and the time since bytes last moved.
    async fn watch<F: Future>(
        &self,
        response: F,
        silence: Duration,
        down: &SetOnce<Cause>,
    ) -> Result<F::Output, (Cause, Duration)> {
        tokio::pin!(response);
        loop {
            let was_spent = self.is_spent();
            let patience = if was_spent { silence * COMMIT_PATIENCE } else { silence };
            let moved_at = *lock(&self.moved_at);
            tokio::select! {
                biased;
                response = &mut response => return Ok(response),
                cause = down.wait() => {
                    let waited = moved_at.map_or(Duration::ZERO, |moved_at| moved_at.elapsed());
                    return Err((cause.clone(), waited));
                }
                () = tokio::time::sleep_until(moved_at.unwrap_or_else(Instant::now) + patience) => {
                    let has_moved = *lock(&self.moved_at) != moved_at || self.is_spent() != was_spent;
                    if moved_at.is_some() && !has_moved {
                        return Err((Cause::silent_for(patience), patience));
                    }
                }
            }
        }
    }

    /// Whether everything has been handed to the connection.
    fn is_spent(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Takes the content back. An abandoned request may still hold it, but not for long, because its
    /// connection is closed; `None` if it does.
    async fn take(&self, patience: Duration) -> Option<IncomingBlob> {
        tokio::time::timeout(patience, self.content.lock()).await.ok()?.take()
    }
}
