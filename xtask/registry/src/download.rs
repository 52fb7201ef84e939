//! A blob on its way from the source: hashed as it comes, resumed where it broke off.
//!
//! The last piece is handed on only when size and digest are settled, because an HTTP library stops
//! reading a request's body at its `Content-Length`: an error after the last byte would not be seen.

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};

use crate::auth::Scope;
use crate::error::{Cause, Error, Phase, printable};
use crate::http::host::{Call, innermost};
use crate::repository::RemoteRepository;
use oci::{Descriptor, Hasher};

/// A source that delivers this much between two breaks is worth asking again, in bytes.
const PROGRESS: u64 = 1 << 20;
/// How often in a row a source may break off without that progress.
const BREAKS: u32 = 5;

pub(crate) struct Download {
    source: RemoteRepository,
    blob: Descriptor,
    response: Option<Response>,
    /// What was read and given back: it comes before the rest of the answer.
    given_back: Bytes,
    /// The position in the blob that comes next.
    position: u64,
    /// Bytes of the answer to leave out, because the server started before the position.
    skip: u64,
    hasher: Hasher,
    /// How far the hash has come; what is read again after a rewind is not hashed again.
    hashed: u64,
    breaks: u32,
    position_at_break: u64,
}

impl Download {
    /// Asks for a blob. The caller holds a permit of the source's queue until the download is dropped.
    pub(crate) async fn open(source: &RemoteRepository, blob: &Descriptor) -> Result<Self, Error> {
        let mut download = Self {
            source: source.clone(),
            hasher: blob.digest.hasher(),
            blob: blob.clone(),
            response: None,
            given_back: Bytes::new(),
            position: 0,
            skip: 0,
            hashed: 0,
            breaks: 0,
            position_at_break: 0,
        };
        if blob.size > 0 {
            download.connect().await?;
        } else if blob.digest != blob.digest.of_same_kind(b"") {
            return Err(download
                .integrity("its descriptor has no bytes, and the digest of some".to_owned()));
        }
        Ok(download)
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Goes back (never forward) to a position, to send again what a destination has lost.
    pub(crate) fn rewind(&mut self, position: u64) {
        if position < self.position {
            self.position = position;
            self.skip = 0;
            self.response = None;
            self.given_back.clear();
        }
    }

    /// Takes back the end of the last piece, which comes again as the next one.
    pub(crate) fn give_back(&mut self, rest: Bytes) {
        self.position -= rest.len() as u64;
        self.given_back = rest;
    }

    /// The next piece; `None` at the end of the blob, whose digest has then been found right.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        if self.position >= self.blob.size {
            return None;
        }
        if !self.given_back.is_empty() {
            let piece = std::mem::take(&mut self.given_back);
            return Some(self.admit(piece));
        }
        loop {
            match self.read().await {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Some(self.admit(piece)),
                Err(detail) => {
                    if let Err(error) = self.reconnect(detail).await {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    /// Checks and counts a piece before anybody else sees it.
    fn admit(&mut self, piece: Bytes) -> Result<Bytes, Error> {
        let end = self.position.saturating_add(piece.len() as u64);
        if end > self.blob.size {
            return Err(self.integrity(format!(
                "the blob is longer than the {} bytes of its descriptor",
                self.blob.size
            )));
        }
        if end > self.hashed {
            let known = self.hashed.saturating_sub(self.position) as usize;
            self.hasher.update(piece.get(known..).unwrap_or_default());
            self.hashed = end;
        }
        if end == self.blob.size {
            let digest = self.hasher.clone().finish();
            if digest != self.blob.digest {
                return Err(self.integrity(format!(
                    "the content has the digest {digest}, not {}",
                    self.blob.digest
                )));
            }
        }
        self.position = end;
        Ok(piece)
    }

    /// One read of the connection, without what lies before the position.
    async fn read(&mut self) -> Result<Bytes, String> {
        let silence = self.source.host.retry.silence;
        let Some(response) = &mut self.response else { return Err("not connected".to_owned()) };
        let mut piece = match tokio::time::timeout(silence, response.chunk()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => return Err("the answer ended early".to_owned()),
            Ok(Err(error)) => return Err(printable(&innermost(&error))),
            Err(_) => return Err(format!("nothing for {} s", silence.as_secs())),
        };
        let skipped = self.skip.min(piece.len() as u64);
        self.skip -= skipped;
        Ok(piece.split_off(skipped as usize))
    }

    async fn reconnect(&mut self, detail: String) -> Result<(), Error> {
        // After a rewind there is no connection: that is no break.
        if self.response.take().is_some() {
            if self.position >= self.position_at_break + PROGRESS {
                self.breaks = 0;
            }
            self.position_at_break = self.position;
            self.breaks += 1;
            tracing::debug!("{}: {detail} at byte {}", self.operation(), self.position);
            if self.breaks > BREAKS {
                let call = self.call()?;
                return Err(self
                    .source
                    .host
                    .error(&call, Cause::Network { phase: Phase::Response, detail }));
            }
        }
        self.connect().await
    }

    /// Asks for the rest of the blob from the position on.
    async fn connect(&mut self) -> Result<(), Error> {
        let call = self.call()?;
        let response = self.source.host.call_under_permit(&call).await?;
        let broken = |why: String| self.source.host.error(&call, Cause::Integrity(why));
        self.skip = if response.status() == StatusCode::PARTIAL_CONTENT {
            match content_range_start(&response) {
                Some(start) if start == self.position => 0,
                start => {
                    let got = start.map_or("none".to_owned(), |start| start.to_string());
                    return Err(broken(format!(
                        "asked for bytes from {} on, got them from {got}",
                        self.position
                    )));
                }
            }
        } else {
            // The server knows no ranges: read from the start and leave out what we have.
            let length = response
                .headers()
                .get(CONTENT_LENGTH)
                .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            if let Some(length) = length.filter(|&length| length != self.blob.size) {
                return Err(broken(format!(
                    "the blob has {length} bytes, its descriptor says {}",
                    self.blob.size
                )));
            }
            self.position
        };
        self.response = Some(response);
        Ok(())
    }

    fn call(&self) -> Result<Call, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        if self.position > 0
            && let Ok(range) = HeaderValue::from_str(&format!("bytes={}-", self.position))
        {
            headers.insert(RANGE, range);
        }
        Ok(Call {
            operation: self.operation(),
            method: Method::GET,
            // Always the registry's own address: a signed one that it redirected to may have run out.
            url: self.source.url(&format!("blobs/{}", self.blob.digest))?,
            headers,
            body: None,
            scope: Scope::pull(self.source.path.as_str()),
            expected: &[],
        })
    }

    fn operation(&self) -> String {
        format!("get blob {}", self.blob.digest.short())
    }

    fn integrity(&self, why: String) -> Error {
        match self.call() {
            Ok(call) => self.source.host.error(&call, Cause::Integrity(why)),
            Err(error) => error,
        }
    }
}

/// The first position of `Content-Range: bytes 5-9/10` (RFC 9110, section 14.4).
fn content_range_start(response: &Response) -> Option<u64> {
    let value = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (start, _) = value.trim().strip_prefix("bytes ")?.split_once('-')?;
    start.trim().parse().ok()
}
