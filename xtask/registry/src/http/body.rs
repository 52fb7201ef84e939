//! Reads bodies into memory, up to a limit.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;

use super::trace::RequestTrace;
use crate::error::{Cause, printable, root_cause};

/// Reads a body into memory.
///
/// # Errors
/// When it is longer than `limit` bytes, breaks off, or stalls.
pub(crate) async fn read_limited(
    mut response: Response,
    limit: usize,
    silence: Duration,
) -> Result<Bytes, Cause> {
    let mut body = Vec::new();
    while let Some(chunk) = next_chunk(&mut response, silence).await? {
        if body.len() + chunk.len() > limit {
            return Err(Cause::Protocol(format!("the response is longer than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Bytes::from(body))
}

/// Reads the next bytes of a body; `None` at its end.
///
/// # Errors
/// When it breaks off or stalls.
pub(crate) async fn next_chunk(
    response: &mut Response,
    silence: Duration,
) -> Result<Option<Bytes>, Cause> {
    let chunk = match tokio::time::timeout(silence, response.chunk()).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(error)) => Err(Cause::interrupted(printable(&root_cause(&error)))),
        Err(_) => Err(Cause::silent_for(silence)),
    };
    RequestTrace::of(response).read(&chunk);
    chunk
}
