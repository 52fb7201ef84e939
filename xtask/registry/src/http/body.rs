//! Answers that are read into memory: never more than they may be, and asked for again when they
//! break off.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode, Url};

use super::host::{Answer, Call, Host, innermost};
use crate::error::{Cause, Error, Phase, printable};

/// An answer that was read to its end.
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Where it came from, after redirects.
    pub(crate) url: Url,
    pub(crate) body: Bytes,
}

impl Host {
    /// [`Host::call`] for an answer whose body is needed: one that breaks off is none.
    pub(crate) async fn call_and_read(&self, call: &Call, limit: usize) -> Result<Whole, Error> {
        let mut pauses = self.retry.pauses();
        loop {
            let Answer { response, _permit: permit } = self.call(call).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let url = response.url().clone();
            let read = read_limited(response, limit, self.retry.silence).await;
            drop(permit);
            match read {
                Ok(body) => return Ok(Whole { status, headers, url, body }),
                Err(cause) => self.pause_before_retry(self.error(call, cause), &mut pauses).await?,
            }
        }
    }
}

/// Reads a body into memory.
///
/// # Errors
/// When it is longer than it may be, breaks off, or falls silent.
pub(crate) async fn read_limited(
    mut response: Response,
    limit: usize,
    silence: Duration,
) -> Result<Bytes, Cause> {
    let broken = |phase, detail| Cause::Network { phase, detail };
    let mut body = Vec::new();
    loop {
        match tokio::time::timeout(silence, response.chunk()).await {
            Ok(Ok(Some(piece))) if body.len() + piece.len() > limit => {
                return Err(Cause::Protocol(format!("the answer is longer than {limit} bytes")));
            }
            Ok(Ok(Some(piece))) => body.extend_from_slice(&piece),
            Ok(Ok(None)) => return Ok(Bytes::from(body)),
            Ok(Err(error)) => return Err(broken(Phase::Response, printable(&innermost(&error)))),
            Err(_) => {
                return Err(broken(Phase::Silence, format!("nothing for {} s", silence.as_secs())));
            }
        }
    }
}
