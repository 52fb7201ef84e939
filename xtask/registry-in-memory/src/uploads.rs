//! Uploads: in one request or many, by mounting, and what is between beginning and end.

use hyper::{Method, StatusCode};
use serde_json::json;

use crate::LocationStyle;
use crate::answer::{Answer, Stop};
use crate::line::RequestBody;
use crate::server::Call;
use crate::store::{MountRule, UploadFailed};
use oci::Digest;

/// `POST /v2/<name>/blobs/uploads/`: mounts, takes a whole blob, or begins a session.
pub(super) async fn begin(
    call: &Call<'_>,
    repository: &str,
    body: &mut RequestBody,
) -> Result<Answer, Stop> {
    if *call.method != Method::POST {
        return Err(Stop::method_unsupported());
    }
    call.check_pushable(repository)?;
    if let Some(mounted) = mount(call, repository)? {
        return Ok(mounted);
    }
    let id = call.shared.store.begin_upload(repository);
    if call.query.get("digest").is_some() {
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
) -> Result<Answer, Stop> {
    let store = &call.shared.store;
    let size = store.upload_size(repository, id).ok_or_else(|| unknown(id))?;
    if call.shared.options.location == LocationStyle::WithState
        && call.query.get("_state") != Some(&state_of(id))
    {
        return Err(unknown(id));
    }
    match *call.method {
        Method::GET | Method::HEAD => {
            Ok(session(call, StatusCode::NO_CONTENT, repository, id, size))
        }
        Method::PATCH if call.shared.options.chunked_uploads => {
            check_order(call, repository, id, size, body)?;
            take_piece(call, repository, id, size, body).await?;
            let size = store.upload_size(repository, id).ok_or_else(|| unknown(id))?;
            Ok(session(call, StatusCode::ACCEPTED, repository, id, size))
        }
        Method::PUT => {
            check_order(call, repository, id, size, body)?;
            finish(call, repository, id, body).await
        }
        Method::DELETE => {
            store.cancel_upload(id);
            Ok(Answer::new(StatusCode::NO_CONTENT))
        }
        _ => Err(Stop::method_unsupported()),
    }
}

/// Adds the body of a PATCH, if it is neither too large nor comes after one that was too small.
async fn take_piece(
    call: &Call<'_>,
    repository: &str,
    id: &str,
    size: u64,
    body: &mut RequestBody,
) -> Result<(), Stop> {
    let options = &call.shared.options;
    if call.shared.store.is_upload_short(id) {
        let why = "a piece that is not the last one was smaller than the minimum";
        return Err(Stop::refused(StatusCode::BAD_REQUEST, "SIZE_INVALID", why));
    }
    let taken = append(call, id, size, body, options.largest_patch).await;
    if taken.is_err() && options.refusal_of_patch != 413 {
        let status = StatusCode::from_u16(options.refusal_of_patch);
        return Err(Answer::new(status.unwrap_or(StatusCode::RANGE_NOT_SATISFIABLE)).into());
    }
    taken?;
    let now = call.shared.store.upload_size(repository, id).unwrap_or(size);
    if options.smallest_patch.is_some_and(|smallest| now - size < smallest) {
        call.shared.store.shorten_upload(id);
    }
    Ok(())
}

fn mount(call: &Call<'_>, repository: &str) -> Result<Option<Answer>, Stop> {
    let (Some(digest), Some(from)) = (call.query.get("mount"), call.query.get("from")) else {
        return Ok(None);
    };
    let digest: Digest = digest.parse().map_err(|_| Stop::digest_invalid(Some(digest)))?;
    let options = &call.shared.options;
    let rule =
        if options.mount_needs_manifest { MountRule::Referenced } else { MountRule::Present };
    if !options.mounts || !call.shared.store.mount(from, repository, &digest, rule) {
        return Ok(None);
    }
    Ok(Some(created(call, repository, &digest)))
}

/// Takes the rest of the blob, if there is one, and makes the upload a blob.
async fn finish(
    call: &Call<'_>,
    repository: &str,
    id: &str,
    body: &mut RequestBody,
) -> Result<Answer, Stop> {
    let store = &call.shared.store;
    let named = call.query.get("digest");
    let digest: Digest =
        named.and_then(|text| text.parse().ok()).ok_or_else(|| Stop::digest_invalid(named))?;
    let size = store.upload_size(repository, id).ok_or_else(|| unknown(id))?;
    append(call, id, size, body, call.shared.options.largest_put).await?;
    match store.finish_upload(id, &digest) {
        Ok(()) => Ok(created(call, repository, &digest)),
        Err(UploadFailed::Unknown) => Err(unknown(id)),
        Err(UploadFailed::DigestDiffers) => Err(Stop::digest_invalid(named)),
    }
}

/// Adds the body to the session, unless it is over the limit. What came before a cut stays.
async fn append(
    call: &Call<'_>,
    id: &str,
    before: u64,
    body: &mut RequestBody,
    limit: Option<u64>,
) -> Result<(), Stop> {
    let limit = limit.unwrap_or(u64::MAX);
    if body.announced().is_some_and(|announced| announced > limit) {
        return Err(Stop::too_large(limit));
    }
    let mut received: u64 = 0;
    while let Some(piece) = body.next().await? {
        received += piece.len() as u64;
        if received > limit {
            call.shared.store.truncate_upload(id, before);
            return Err(Stop::too_large(limit));
        }
        if !call.shared.store.append_upload(id, &piece) {
            return Err(unknown(id));
        }
    }
    Ok(())
}

/// Refuses a chunk that does not begin where the last one ended. Without a `Content-Range` the body
/// is taken to.
fn check_order(
    call: &Call<'_>,
    repository: &str,
    id: &str,
    size: u64,
    body: &RequestBody,
) -> Result<(), Stop> {
    let Some(range) = call.header("content-range") else { return Ok(()) };
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

/// An answer that says where an upload is and how far it came.
fn session(call: &Call<'_>, status: StatusCode, repository: &str, id: &str, size: u64) -> Answer {
    let mut location = call.location(&format!("/v2/{repository}/blobs/uploads/{id}"));
    if call.shared.options.location == LocationStyle::WithState {
        location += &format!("?_state={}", state_of(id));
    }
    let answer = match call.shared.options.smallest_patch {
        Some(smallest) => Answer::new(status).with("oci-chunk-min-length", smallest.to_string()),
        None => Answer::new(status),
    };
    answer
        .with("location", location)
        .with("docker-upload-uuid", id)
        // `0-0` stands for nothing and for one byte: a quirk of the specification's.
        .with("range", format!("0-{}", size.saturating_sub(1)))
}

fn created(call: &Call<'_>, repository: &str, digest: &Digest) -> Answer {
    let location = call.location(&format!("/v2/{repository}/blobs/{digest}"));
    call.naming(Answer::new(StatusCode::CREATED).with("location", location), digest)
}

/// Only who keeps the query of a `Location` knows this.
fn state_of(id: &str) -> String {
    Digest::of(id.as_bytes()).hex()[..16].to_owned()
}

fn unknown(id: &str) -> Stop {
    Stop::with_detail(
        StatusCode::NOT_FOUND,
        "BLOB_UPLOAD_UNKNOWN",
        "blob upload unknown to registry",
        &json!({"id": id}),
    )
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
