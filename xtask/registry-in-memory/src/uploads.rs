//! Uploads, in one request or several, and mounts.

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::LocationStyle;
use crate::body::RequestBody;
use crate::call::{Call, Shared};
use crate::reply::{Failure, Reply};
use crate::store::{MountRule, Session, UploadFailed};
use oci::Digest;

/// `POST /v2/<name>/blobs/uploads/`: mounts a blob, takes a whole one, or begins an upload.
pub(super) async fn begin(
    call: &Call<'_>,
    repository: &str,
    body: &mut RequestBody,
) -> Result<Reply, Failure> {
    if call.request.method != Method::POST {
        return Err(Failure::method_unsupported());
    }
    call.check_pushable(repository)?;
    if let Some(mounted) = mount(call, repository)? {
        return Ok(mounted);
    }
    let id = call.shared.store.begin_upload(repository);
    if call.request.query.get("digest").is_some() {
        let finished = finish(call, repository, &id, body).await;
        if finished.is_err() {
            call.shared.store.cancel_upload(&id);
        }
        return finished;
    }
    Ok(session(call, StatusCode::ACCEPTED, repository, &id, 0))
}

/// `/v2/<name>/blobs/uploads/<id>`
pub(super) async fn handle(
    call: &Call<'_>,
    repository: &str,
    id: &str,
    body: &mut RequestBody,
) -> Result<Reply, Failure> {
    let size = size_of(call, repository, id)?;
    if call.shared.options.location == LocationStyle::WithState
        && call.request.query.get("_state") != Some(&state_of(id))
    {
        return Err(unknown(id));
    }
    match call.request.method {
        Method::GET | Method::HEAD => {
            Ok(session(call, StatusCode::NO_CONTENT, repository, id, size))
        }
        Method::PATCH if call.shared.options.chunked_uploads => {
            check_order(call, repository, id, size, body)?;
            take_piece(call, repository, id, size, body).await?;
            Ok(session(call, StatusCode::ACCEPTED, repository, id, size_of(call, repository, id)?))
        }
        Method::PUT => {
            check_order(call, repository, id, size, body)?;
            finish(call, repository, id, body).await
        }
        Method::DELETE => {
            call.shared.store.cancel_upload(id);
            Ok(Reply::new(StatusCode::NO_CONTENT))
        }
        _ => Err(Failure::method_unsupported()),
    }
}

/// Adds the body of a PATCH, unless it is too large or follows one that was too small.
async fn take_piece(
    call: &Call<'_>,
    repository: &str,
    id: &str,
    size: u64,
    body: &mut RequestBody,
) -> Result<(), Failure> {
    let Shared { options, store, .. } = call.shared;
    if store.with_upload(repository, id, |session| session.is_short) == Some(true) {
        let why = "a piece that is not the last one was smaller than the minimum";
        return Err(Failure::refused(StatusCode::BAD_REQUEST, "SIZE_INVALID", why));
    }
    let appended = append(call, repository, id, body, options.largest_patch).await;
    if appended.is_err() && options.refusal_of_patch != 413 {
        let status = StatusCode::from_u16(options.refusal_of_patch);
        return Err(Reply::new(status.unwrap_or(StatusCode::RANGE_NOT_SATISFIABLE)).into());
    }
    appended?;
    let piece = size_of(call, repository, id)? - size;
    if options.smallest_patch.is_some_and(|smallest| piece < smallest) {
        store.with_upload(repository, id, |session| session.is_short = true);
    }
    Ok(())
}

fn size_of(call: &Call<'_>, repository: &str, id: &str) -> Result<u64, Failure> {
    let size = |session: &mut Session| session.received.len() as u64;
    call.shared.store.with_upload(repository, id, size).ok_or_else(|| unknown(id))
}

fn mount(call: &Call<'_>, repository: &str) -> Result<Option<Reply>, Failure> {
    let (Some(digest), Some(from)) =
        (call.request.query.get("mount"), call.request.query.get("from"))
    else {
        return Ok(None);
    };
    let digest: Digest = digest.parse().map_err(|_| Failure::digest_invalid(Some(digest)))?;
    let options = &call.shared.options;
    let rule =
        if options.mount_needs_manifest { MountRule::Referenced } else { MountRule::Present };
    if !options.mounts || !call.shared.store.mount(from, repository, &digest, rule) {
        return Ok(None);
    }
    Ok(Some(created(call, repository, &digest)))
}

/// Takes the rest of the blob, if there is one, and finishes the upload.
async fn finish(
    call: &Call<'_>,
    repository: &str,
    id: &str,
    body: &mut RequestBody,
) -> Result<Reply, Failure> {
    let named = call.request.query.get("digest");
    let digest: Digest =
        named.and_then(|text| text.parse().ok()).ok_or_else(|| Failure::digest_invalid(named))?;
    append(call, repository, id, body, call.shared.options.largest_put).await?;
    match call.shared.store.finish_upload(id, &digest) {
        Ok(()) => Ok(created(call, repository, &digest)),
        Err(UploadFailed::Unknown) => Err(unknown(id)),
        Err(UploadFailed::DigestDiffers) => Err(Failure::digest_invalid(named)),
    }
}

/// Adds the body to an upload, unless it exceeds the limit. Bytes that arrived before a disconnect stay.
async fn append(
    call: &Call<'_>,
    repository: &str,
    id: &str,
    body: &mut RequestBody,
    limit: Option<u64>,
) -> Result<(), Failure> {
    let limit = limit.unwrap_or(u64::MAX);
    if body.announced().is_some_and(|announced| announced > limit) {
        return Err(Failure::too_large(limit));
    }
    let mut received: usize = 0;
    while let Some(piece) = body.next().await? {
        received += piece.len();
        let is_too_large = received as u64 > limit;
        let add = |session: &mut Session| {
            session.received.extend_from_slice(&piece);
            if is_too_large {
                session.received.truncate(session.received.len() - received);
            }
        };
        call.shared.store.with_upload(repository, id, add).ok_or_else(|| unknown(id))?;
        if is_too_large {
            return Err(Failure::too_large(limit));
        }
    }
    Ok(())
}

/// Refuses a chunk that does not begin where the last one ended. A body without `Content-Range` is
/// taken to begin there.
fn check_order(
    call: &Call<'_>,
    repository: &str,
    id: &str,
    size: u64,
    body: &RequestBody,
) -> Result<(), Failure> {
    let Some(range) = call.request.header("content-range") else { return Ok(()) };
    let bounds = chunk_bounds(range);
    let fits = bounds.is_some_and(|(first, last)| {
        first == size && body.announced().is_none_or(|length| last + 1 - first == length)
    });
    if fits {
        return Ok(());
    }
    Err(session(call, StatusCode::RANGE_NOT_SATISFIABLE, repository, id, size).into())
}

/// `0-99`; some clients write it as HTTP does, `bytes 0-99/*`.
fn chunk_bounds(range: &str) -> Option<(u64, u64)> {
    let range = range.strip_prefix("bytes ").unwrap_or(range);
    let range = range.split_once('/').map_or(range, |(range, _)| range);
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

fn session(call: &Call<'_>, status: StatusCode, repository: &str, id: &str, size: u64) -> Reply {
    let mut location = call.location(&format!("/v2/{repository}/blobs/uploads/{id}"));
    if call.shared.options.location == LocationStyle::WithState {
        location += &format!("?_state={}", state_of(id));
    }
    let reply = match call.shared.options.smallest_patch {
        Some(smallest) => Reply::new(status).with("oci-chunk-min-length", smallest.to_string()),
        None => Reply::new(status),
    };
    reply
        .with("location", location)
        .with("docker-upload-uuid", id)
        // `0-0` means no byte or one byte: the specification has no other form.
        .with("range", format!("0-{}", size.saturating_sub(1)))
}

fn created(call: &Call<'_>, repository: &str, digest: &Digest) -> Reply {
    let location = call.location(&format!("/v2/{repository}/blobs/{digest}"));
    call.with_digest(Reply::new(StatusCode::CREATED).with("location", location), digest)
}

/// Only a client that keeps the query of a `Location` sends this.
fn state_of(id: &str) -> String {
    Digest::of(id.as_bytes()).hex()[..16].to_owned()
}

fn unknown(id: &str) -> Failure {
    Failure::unknown("BLOB_UPLOAD_UNKNOWN", "blob upload", &json!({"id": id}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_a_chunk_come_in_two_forms() {
        let table = [
            ("0-99", Some((0, 99))),
            ("bytes 100-199/*", Some((100, 199))),
            ("bytes 5-5/6", Some((5, 5))),
            ("9-5", None),
            ("-5", None),
            ("5-", None),
            ("bytes=0-5", None),
        ];
        for (range, expected) in table {
            assert_eq!(chunk_bounds(range), expected, "{range}");
        }
    }
}
