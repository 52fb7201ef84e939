//! A blob on its way to the destination, in one of three modes.
//!
//! *Whole*: one PUT with the length of the blob. *Stream*: one PATCH with the same stream, then an
//! empty PUT; for registries that limit a PUT. *Pieces*: a PATCH each, asking where it stopped after a
//! break. Never one PATCH per network read, which is what makes other clients slow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Body, Method, Response, StatusCode, Url};
use tokio::time::Instant;

use crate::auth::Scope;
use crate::capabilities::UploadMode;
use crate::download::Download;
use crate::error::{Cause, Error, Phase};
use crate::http::host::Call;
use crate::repository::{RemoteRepository, header_digest};
use oci::Descriptor;

/// A registry may need this many times the usual silence to store what it has received.
const COMMIT_PATIENCE: u32 = 5;
/// How often in a row the pieces of one blob may fail without progress.
const BREAKS: u32 = 5;

/// Told of every byte that a destination's connection has taken.
pub(crate) type OnBytes = Arc<dyn Fn(u64) + Send + Sync>;

/// Sends one blob into an upload session and commits it there. The caller holds a permit of the
/// destination's queue.
pub(crate) async fn upload(
    destination: &RemoteRepository,
    blob: &Descriptor,
    session: &Url,
    download: Download,
    mode: UploadMode,
    on_bytes: &OnBytes,
) -> Result<(), Error> {
    let upload = Upload { destination, blob, on_bytes };
    match mode {
        UploadMode::Whole => upload.whole(session, download).await,
        UploadMode::Stream => upload.stream(session, download).await,
        UploadMode::Pieces => upload.pieces(session.clone(), download).await,
    }
}

struct Upload<'a> {
    destination: &'a RemoteRepository,
    blob: &'a Descriptor,
    on_bytes: &'a OnBytes,
}

/// Whose fault it was: the body of a request breaks when its source does.
struct Failure {
    error: Error,
    download: Option<Download>,
}

impl Upload<'_> {
    async fn whole(&self, session: &Url, download: Download) -> Result<(), Error> {
        let call = self.call(Method::PUT, self.with_digest(session), self.blob.size);
        let sent = self.send(&call, download, self.blob.size).await;
        self.committed(&call, sent.map_err(|failure| failure.error)?.0)
    }

    async fn stream(&self, session: &Url, download: Download) -> Result<(), Error> {
        let call = self.call(Method::PATCH, session.clone(), self.blob.size);
        let (response, _) =
            self.send(&call, download, self.blob.size).await.map_err(|failure| failure.error)?;
        let session =
            self.destination.session(&call, &response).unwrap_or_else(|_| session.clone());
        self.commit(&session).await
    }

    async fn pieces(&self, mut session: Url, mut download: Download) -> Result<(), Error> {
        let capabilities = &self.destination.host.capabilities;
        let mut breaks = 0;
        let mut highest = 0;
        let mut logged_in_again = false;
        let mut pauses = self.destination.host.retry.pauses();
        while download.position() < self.blob.size {
            let start = download.position();
            let length = capabilities.piece().min(self.blob.size - start);
            let mut call = self.call(Method::PATCH, session.clone(), length);
            if let Ok(range) = HeaderValue::from_str(&format!("{start}-{}", start + length - 1)) {
                call.headers.insert(CONTENT_RANGE, range);
            }
            let failure = match self.send(&call, download, length).await {
                Ok((response, rest)) => {
                    session = self.destination.session(&call, &response).unwrap_or(session);
                    download = rest;
                    logged_in_again = false;
                    // What is stored, lost and sent again is no progress.
                    if download.position() > highest {
                        highest = download.position();
                        breaks = 0;
                    }
                    continue;
                }
                Err(failure) => failure,
            };
            breaks += 1;
            let too_large = matches!(failure.error.status(), Some(413 | 416))
                && capabilities.piece_too_large(length);
            // A blob may outlive any number of tokens, but each piece needs one only.
            let log_in = failure.error.is_unauthorized() && !logged_in_again;
            logged_in_again |= log_in;
            let at_once = too_large || log_in;
            let hopeless = !at_once && (breaks > BREAKS || !failure.error.is_transient());
            let (false, Some(mut rest)) = (hopeless, failure.download) else {
                return Err(failure.error);
            };
            if !at_once {
                let host = &self.destination.host;
                host.pause_before_retry(failure.error.clone(), &mut pauses).await?;
            }
            let (position, next) = self.stored(&session).await?;
            if position > rest.position() {
                return Err(failure.error);
            }
            rest.rewind(position);
            (session, download) = (next, rest);
        }
        self.commit(&session).await
    }

    /// Asks an upload how far it has come (distribution-spec, "Pushing a blob in chunks").
    async fn stored(&self, session: &Url) -> Result<(u64, Url), Error> {
        let mut call = self.call(Method::GET, session.clone(), 0);
        call.headers = HeaderMap::new();
        "ask how far the upload has come".clone_into(&mut call.operation);
        let response = self.destination.host.call_under_permit(&call).await?;
        let range = response.headers().get(RANGE).and_then(|value| value.to_str().ok());
        // `0-0` is both one byte and none: nothing that was sent is smaller than a piece, so none.
        let last = range.and_then(|range| {
            range.trim_start_matches("bytes=").split_once('-')?.1.parse::<u64>().ok()
        });
        let position = last.map_or(0, |last| if last == 0 { 0 } else { last.saturating_add(1) });
        let next = self.destination.session(&call, &response).unwrap_or_else(|_| session.clone());
        Ok((position, next))
    }

    async fn commit(&self, session: &Url) -> Result<(), Error> {
        let call = self.call(Method::PUT, self.with_digest(session), 0);
        let host = &self.destination.host;
        let sent = async {
            match host.call_once(&call, None).await {
                Err(refused) if refused.is_unauthorized() => host.call_once(&call, None).await,
                sent => sent,
            }
        };
        let patience = host.retry.silence * COMMIT_PATIENCE;
        let response = match tokio::time::timeout(patience, sent).await {
            Ok(response) => response?,
            Err(_) => {
                return Err(host.error(&call, host.silence()));
            }
        };
        self.committed(&call, response)
    }

    fn committed(&self, call: &Call, response: Response) -> Result<(), Error> {
        let host = &self.destination.host;
        match header_digest(response.headers()) {
            Some(stored) if stored != self.blob.digest => {
                let why = format!("the registry stored {stored} instead of {}", self.blob.digest);
                Err(host.error(call, Cause::Integrity(why)))
            }
            None if response.status() == StatusCode::OK => {
                let why = "the answer is 200 without a digest: this is no answer of a registry";
                Err(host.error(call, Cause::Protocol(why.to_owned())))
            }
            _ => Ok(()),
        }
    }

    /// Sends the next `length` bytes of the download as the body of a request.
    async fn send(
        &self,
        call: &Call,
        download: Download,
        length: u64,
    ) -> Result<(Response, Download), Failure> {
        let host = &self.destination.host;
        let feed = Arc::new(Feed::new(download, length, Arc::clone(self.on_bytes)));
        let body = Body::wrap_stream(stream::unfold(Arc::clone(&feed), |feed| async move {
            let piece = feed.next().await?;
            Some((piece, feed))
        }));
        let sent = feed.watch(host.call_once(call, Some(body)), host.retry.silence).await;
        let result = match sent {
            Some(result) => result,
            None => Err(host.error(call, host.silence())),
        };
        // What broke the body is the cause; that the request broke is only its effect.
        let result = match feed.failure.get() {
            Some(failure) => Err(failure.clone()),
            None => result,
        };
        let download = feed.take(host.retry.silence).await;
        match (result, download) {
            (Ok(response), Some(download)) if feed.is_spent() => Ok((response, download)),
            (Ok(_), download) => {
                // It may have had the blob already, or believe anything: the next attempt asks.
                let detail = "it was answered before the whole blob was sent".to_owned();
                let cause = Cause::Network { phase: Phase::Response, detail };
                Err(Failure { error: host.error(call, cause), download })
            }
            (Err(error), download) => Err(Failure { error, download }),
        }
    }

    fn call(&self, method: Method, url: Url, length: u64) -> Call {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        if length > 0 {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        }
        Call {
            operation: format!("push blob {}", self.blob.digest.short()),
            method,
            url,
            headers,
            body: None,
            scope: Scope::push(self.destination.path.as_str()),
            expected: &[],
        }
    }

    fn with_digest(&self, session: &Url) -> Url {
        let mut url = session.clone();
        url.query_pairs_mut().append_pair("digest", self.blob.digest.as_str());
        url
    }
}

/// The body of a request: feeds from the download, and knows when it did so last.
struct Feed {
    download: tokio::sync::Mutex<Option<Download>>,
    left: AtomicU64,
    failure: OnceLock<Error>,
    /// Not while the source is waited for: that is no silence of the destination.
    last: Mutex<Option<Instant>>,
    on_bytes: OnBytes,
}

impl Feed {
    fn new(download: Download, length: u64, on_bytes: OnBytes) -> Self {
        Self {
            download: tokio::sync::Mutex::new(Some(download)),
            left: AtomicU64::new(length),
            failure: OnceLock::new(),
            last: Mutex::new(Some(Instant::now())),
            on_bytes,
        }
    }

    async fn next(&self) -> Option<std::io::Result<Bytes>> {
        let left = self.left.load(Ordering::Relaxed);
        let mut slot = self.download.lock().await;
        let download = slot.as_mut().filter(|_| left > 0)?;
        self.moved(None);
        let next = download.next().await;
        self.moved(Some(Instant::now()));
        let piece = match next? {
            Ok(piece) => piece,
            Err(error) => {
                drop(self.failure.set(error));
                return Some(Err(std::io::Error::other("the source failed")));
            }
        };
        // The rest of a read that crosses the end of a piece belongs to the next request.
        let taken = (piece.len() as u64).min(left);
        if taken < piece.len() as u64 {
            download.give_back(piece.slice(taken as usize..));
        }
        self.left.fetch_sub(taken, Ordering::Relaxed);
        (self.on_bytes)(taken);
        Some(Ok(piece.slice(..taken as usize)))
    }

    /// Waits for an answer for as long as bytes flow. `None`: they have stopped.
    async fn watch<F: Future>(&self, answer: F, silence: Duration) -> Option<F::Output> {
        tokio::pin!(answer);
        loop {
            let all_sent = self.left.load(Ordering::Relaxed) == 0;
            let patience = if all_sent { silence * COMMIT_PATIENCE } else { silence };
            let last = self.last();
            tokio::select! {
                answer = &mut answer => return Some(answer),
                () = tokio::time::sleep_until(last.unwrap_or_else(Instant::now) + patience) => {
                    let still_all_sent = self.left.load(Ordering::Relaxed) == 0;
                    if last.is_some() && last == self.last() && still_all_sent == all_sent {
                        return None;
                    }
                }
            }
        }
    }

    fn last(&self) -> Option<Instant> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moved(&self, at: Option<Instant>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Whether all that was to be sent has been handed on.
    fn is_spent(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Takes the download back, which a request that was given up may still read from: not for
    /// long, as its connection ends with it. `None`: there is no waiting for that.
    async fn take(&self, patience: Duration) -> Option<Download> {
        tokio::time::timeout(patience, self.download.lock()).await.ok()?.take()
    }
}
