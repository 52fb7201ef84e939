//! `Download`: a blob on its way from the source, hashed as it arrives and resumed after a break.
//!
//! The last bytes are handed on only after size and digest have been checked. An HTTP client stops reading a
//! request body at its `Content-Length`, so it would not notice an error after the last byte.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_RANGE, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::time::Instant;

use crate::error::{Cause, Error, Phase};
use crate::http::body::next_chunk;
use crate::http::host::Host;
use crate::http::request::{ApiRequest, content_length, header};
use crate::repository::RemoteRepository;
use oci::{Descriptor, Hasher};

/// A source that delivers this many bytes between two breaks has made progress, or this part of a small blob.
const PROGRESS: u64 = 1 << 20;
const PART: u64 = 8;
/// How long a source may be slow before it counts as a break. Only the time spent waiting for it counts.
const WINDOW: Duration = Duration::from_secs(30);
/// How often in a row a source may break off without progress.
const BREAKS: u32 = 5;
/// A silent source counts like this many breaks: it has had its time already.
const SILENCE: u32 = 2;

pub(crate) struct Download {
    host: Arc<Host>,
    /// Always for the registry's own address: a signed one that it redirected to may have expired.
    request: ApiRequest,
    blob: Descriptor,
    response: Option<Response>,
    /// Bytes that were read and given back; they come before the rest of the response.
    given_back: Bytes,
    /// The position in the blob that comes next.
    pub(crate) position: u64,
    /// Bytes of the response to leave out, because the server started before the position.
    skip: u64,
    hasher: Hasher,
    /// How far the hash has come; bytes that are read again after a rewind are not hashed again.
    hashed: u64,
    breaks: u32,
    position_at_break: u64,
    /// The time spent waiting for the source, and the bytes that came, in the current window.
    waited: Duration,
    received: u64,
}

impl Download {
    /// Requests a blob. The caller holds a permit of the source's queue until the download is complete or dropped.
    pub(crate) async fn open(source: &RemoteRepository, blob: &Descriptor) -> Result<Self, Error> {
        let operation = format!("get blob {}", blob.digest.short());
        let request = source.request(operation, Method::GET, &format!("blobs/{}", blob.digest))?;
        let mut download = Self {
            host: Arc::clone(&source.host),
            request: request.with_header(ACCEPT, HeaderValue::from_static("*/*")),
            hasher: blob.digest.hasher(),
            blob: blob.clone(),
            response: None,
            given_back: Bytes::new(),
            position: 0,
            skip: 0,
            hashed: 0,
            breaks: 0,
            position_at_break: 0,
            waited: Duration::ZERO,
            received: 0,
        };
        if blob.size > 0 {
            download.connect().await?;
        } else if blob.digest != blob.digest.of_same_kind(b"") {
            let why = "its descriptor has the size 0 and the digest of something else";
            return Err(download.error(Cause::Integrity(why.to_owned())));
        }
        Ok(download)
    }

    /// Goes back to a position (never forward), to send again what a destination has lost.
    pub(crate) fn rewind(&mut self, position: u64) {
        if position < self.position {
            self.position = position;
            self.skip = 0;
            self.response = None;
            self.given_back.clear();
        }
    }

    /// Whether all bytes have been handed on.
    pub(crate) fn is_complete(&self) -> bool {
        self.position >= self.blob.size
    }

    /// Takes back the end of the last bytes; they come next.
    pub(crate) fn give_back(&mut self, rest: Bytes) {
        self.position -= rest.len() as u64;
        self.given_back = rest;
    }

    /// The next bytes; `None` at the end of the blob, whose digest has been checked by then.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        if self.is_complete() {
            return None;
        }
        if !self.given_back.is_empty() {
            let bytes = std::mem::take(&mut self.given_back);
            return Some(self.check(bytes));
        }
        loop {
            match self.read().await {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Some(self.check(bytes)),
                Err(interruption) => {
                    if let Err(error) = self.reconnect(interruption).await {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    /// Counts and hashes bytes before they are handed on.
    fn check(&mut self, bytes: Bytes) -> Result<Bytes, Error> {
        let Descriptor { size, digest: expected, .. } = &self.blob;
        let end = self.position.saturating_add(bytes.len() as u64);
        if end > *size {
            let why = format!("the blob is longer than the {size} bytes of its descriptor");
            return Err(self.error(Cause::Integrity(why)));
        }
        if end > self.hashed {
            let known = self.hashed.saturating_sub(self.position) as usize;
            self.hasher.update(bytes.get(known..).unwrap_or_default());
            self.hashed = end;
        }
        if end == *size {
            let digest = self.hasher.clone().finish();
            if digest != *expected {
                return Err(self.error(Cause::wrong_digest(&digest, expected)));
            }
        }
        self.position = end;
        Ok(bytes)
    }

    /// Reads once from the connection, and leaves out bytes before the position.
    async fn read(&mut self) -> Result<Bytes, Cause> {
        let not_connected = || Cause::interrupted("not connected");
        let response = self.response.as_mut().ok_or_else(not_connected)?;
        let began = Instant::now();
        let chunk = next_chunk(response, self.host.retry.silence).await?;
        self.waited += began.elapsed();
        self.received += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
        if self.waited >= WINDOW.min(self.host.retry.silence) {
            let (waited, received) = (self.waited.as_secs_f64(), self.received as f64);
            (self.waited, self.received) = (Duration::ZERO, 0);
            if received < waited * self.host.retry.slowest as f64 {
                return Err(Cause::too_slow(self.host.retry.slowest));
            }
        }
        let mut bytes = chunk.ok_or_else(|| Cause::interrupted("the response ended early"))?;
        let skipped = self.skip.min(bytes.len() as u64);
        self.skip -= skipped;
        Ok(bytes.split_off(skipped as usize))
    }

    async fn reconnect(&mut self, interruption: Cause) -> Result<(), Error> {
        // After a rewind there is no connection, and so no break.
        if self.response.take().is_some() {
            let is_silent = matches!(interruption, Cause::Network { phase: Phase::Silence, .. });
            let part = self.blob.size.div_ceil(PART);
            let progress = if is_silent { PROGRESS } else { PROGRESS.min(part) };
            if self.position >= self.position_at_break + progress {
                self.breaks = 0;
            }
            self.position_at_break = self.position;
            self.breaks += if is_silent { SILENCE } else { 1 };
            let error = self.error(interruption);
            tracing::debug!("{error} at byte {}", self.position);
            if self.breaks > BREAKS {
                return Err(error);
            }
        }
        self.connect().await
    }

    /// Requests the rest of the blob from the position on.
    async fn connect(&mut self) -> Result<(), Error> {
        let position = self.position;
        self.request.headers.remove(RANGE);
        if position > 0
            && let Ok(range) = HeaderValue::from_str(&format!("bytes={position}-"))
        {
            self.request.headers.insert(RANGE, range);
        }
        let response = self.host.call_under_permit(&self.request).await?;
        let broken = |why: String| Err(self.error(Cause::Integrity(why)));
        self.skip = if response.status() == StatusCode::PARTIAL_CONTENT {
            let start = header(response.headers(), CONTENT_RANGE).and_then(first_position);
            if start != Some(position) {
                let start = start.map_or("an unknown position".to_owned(), |it| it.to_string());
                return broken(format!("the response starts at {start} instead of {position}"));
            }
            0
        } else {
            // The server does not support ranges: the known bytes are left out.
            let size = self.blob.size;
            if let Some(length) = content_length(response.headers()).filter(|it| *it != size) {
                return broken(format!("the blob has {length} bytes, its descriptor {size}"));
            }
            position
        };
        self.response = Some(response);
        Ok(())
    }

    fn error(&self, cause: Cause) -> Error {
        self.host.error(&self.request, cause)
    }
}

/// The first position of `Content-Range: bytes 5-9/10` (RFC 9110, section 14.4).
fn first_position(content_range: &str) -> Option<u64> {
    let (start, _) = content_range.trim().strip_prefix("bytes ")?.split_once('-')?;
    start.trim().parse().ok()
}
