//! Uploads, in one request or several, and mounts.

use hyper::{Method, StatusCode};
use registry_server::{ErrorReply, Reply};

use crate::LocationStyle;
use crate::body::RequestBody;
use crate::call::{Call, Shared};
use crate::failure::Failure;
use crate::store::Session;
use oci::Digest;

/// An upload that a request names.
struct Upload<'a> {
    call: &'a Call<'a>,
    repository: &'a str,
    id: &'a str,
}

/// `POST /v2/<name>/blobs/uploads/`: mounts a blob, takes a whole one, or begins an upload.
pub(super) async fn begin(
    call: &Call<'_>,
    repository: &str,
    body: &mut RequestBody,
) -> Result<Reply, Failure> {
    call.check_pushable(repository)?;
    if let Some(mounted) = mount(call, repository)? {
        return Ok(mounted);
    }
    let id = call.shared.store.begin_upload(repository);
    let upload = Upload { call, repository, id: &id };
    if call.request.query.get("digest").is_none() {
        return Ok(upload.state(StatusCode::ACCEPTED, 0));
    }
    let finished = upload.finish(body).await;
    if finished.is_err() {
        call.shared.store.end_upload(&id);
    }
    finished
}

/// `/v2/<name>/blobs/uploads/<id>`
pub(super) async fn handle(
    call: &Call<'_>,
    repository: &str,
    id: &str,
    body: &mut RequestBody,
) -> Result<Reply, Failure> {
    let upload = Upload { call, repository, id };
    let size = upload.size()?;
    let options = &call.shared.options;
    if options.location == LocationStyle::WithState
        && call.request.query.get("_state") != Some(&upload.token())
    {
        return Err(upload.unknown());
    }
    match call.request.method {
        Method::GET | Method::HEAD => Ok(upload.state(StatusCode::NO_CONTENT, size)),
        Method::PATCH if options.chunked_uploads => {
            upload.check_order(size, body)?;
            upload.take_piece(size, body).await?;
            Ok(upload.state(StatusCode::ACCEPTED, upload.size()?))
        }
        Method::PUT => {
            upload.check_order(size, body)?;
            upload.finish(body).await
        }
        Method::DELETE => {
            call.shared.store.end_upload(id);
            Ok(Reply::new(StatusCode::NO_CONTENT))
        }
        _ => Err(ErrorReply::unsupported().into()),
    }
}

impl Upload<'_> {
    /// Reads or changes what arrived so far.
    fn session<T>(&self, act: impl FnOnce(&mut Session) -> T) -> Result<T, Failure> {
        let session = self.call.shared.store.with_upload(self.repository, self.id, act);
        session.ok_or_else(|| self.unknown())
    }

    fn size(&self) -> Result<u64, Failure> {
        self.session(|session| session.received.len() as u64)
    }

    /// Adds the body of a PATCH, unless it is too large or follows one that was too small.
    async fn take_piece(&self, size: u64, body: &mut RequestBody) -> Result<(), Failure> {
        let options = &self.call.shared.options;
        if self.session(|session| session.is_short)? {
            let why = "a piece that is not the last one was smaller than the minimum";
            return Err(ErrorReply::new(StatusCode::BAD_REQUEST, "SIZE_INVALID", why).into());
        }
        let appended = self.append(body, options.largest_patch).await;
        if appended.is_err() && options.refusal_of_patch != 413 {
            let status = StatusCode::from_u16(options.refusal_of_patch);
            return Err(Reply::new(status.unwrap_or(StatusCode::RANGE_NOT_SATISFIABLE)).into());
        }
        appended?;
        let piece = self.size()? - size;
        if options.smallest_patch.is_some_and(|smallest| piece < smallest) {
            self.session(|session| session.is_short = true)?;
        }
        Ok(())
    }

    /// Takes the rest of the blob, if there is one, and finishes the upload.
    async fn finish(&self, body: &mut RequestBody) -> Result<Reply, Failure> {
        let Shared { options, store, .. } = self.call.shared;
        let named = self.call.request.query.get("digest");
        let invalid = || ErrorReply::digest_invalid(named);
        let digest: Digest = named.and_then(|text| text.parse().ok()).ok_or_else(invalid)?;
        self.append(body, options.largest_put).await?;
        // The upload ends even if this fails.
        let content = store.end_upload(self.id).ok_or_else(|| self.unknown())?;
        if digest.of_same_kind(&content) != digest {
            return Err(invalid().into());
        }
        store.link_blob(self.repository, &digest, content);
        Ok(created(self.call, self.repository, &digest))
    }

    /// Adds the body, unless it exceeds the limit. Bytes that arrived before a disconnect stay.
    async fn append(&self, body: &mut RequestBody, limit: Option<u64>) -> Result<(), Failure> {
        let limit = limit.unwrap_or(u64::MAX);
        if body.announced().is_some_and(|announced| announced > limit) {
            return Err(ErrorReply::too_large(limit).into());
        }
        let mut received: usize = 0;
        while let Some(piece) = body.next().await? {
            received += piece.len();
            let is_too_large = received as u64 > limit;
            self.session(|session| {
                session.received.extend_from_slice(&piece);
                if is_too_large {
                    session.received.truncate(session.received.len() - received);
                }
            })?;
            if is_too_large {
                return Err(ErrorReply::too_large(limit).into());
            }
        }
        Ok(())
    }

    /// Refuses a chunk that does not begin where the last one ended. A body without `Content-Range`
    /// is taken to begin there.
    fn check_order(&self, size: u64, body: &RequestBody) -> Result<(), Failure> {
        let Some(range) = self.call.request.header("content-range") else { return Ok(()) };
        let fits = chunk_bounds(range).is_some_and(|(first, last)| {
            first == size && body.announced().is_none_or(|length| last + 1 - first == length)
        });
        if fits { Ok(()) } else { Err(self.state(StatusCode::RANGE_NOT_SATISFIABLE, size).into()) }
    }

    /// Where the upload continues, and how many bytes arrived.
    fn state(&self, status: StatusCode, size: u64) -> Reply {
        let options = &self.call.shared.options;
        let path = format!("/v2/{}/blobs/uploads/{}", self.repository, self.id);
        let mut location = self.call.location(&path);
        if options.location == LocationStyle::WithState {
            location += &format!("?_state={}", self.token());
        }
        let reply = Reply::new(status)
            .with("location", location)
            .with("docker-upload-uuid", self.id)
            // `0-0` means no byte or one byte: the specification has no other form.
            .with("range", format!("0-{}", size.saturating_sub(1)));
        match options.smallest_patch {
            Some(smallest) => reply.with("oci-chunk-min-length", smallest.to_string()),
            None => reply,
        }
    }

    /// Only a client that keeps the query of a `Location` sends this.
    fn token(&self) -> String {
        Digest::of(self.id.as_bytes()).hex()[..16].to_owned()
    }

    fn unknown(&self) -> Failure {
        ErrorReply::upload_unknown(self.id).into()
    }
}

fn mount(call: &Call<'_>, repository: &str) -> Result<Option<Reply>, ErrorReply> {
    let (Some(digest), Some(from)) =
        (call.request.query.get("mount"), call.request.query.get("from"))
    else {
        return Ok(None);
    };
    let digest: Digest = digest.parse().map_err(|_| ErrorReply::digest_invalid(Some(digest)))?;
    let Shared { options, store, .. } = call.shared;
    let is_allowed = options.mounts
        && (!options.mount_needs_manifest || store.is_referenced(from, &digest))
        && store.mount(from, repository, &digest);
    Ok(is_allowed.then(|| created(call, repository, &digest)))
}

/// `0-99`; some clients write it as in HTTP, `bytes 0-99/*`.
fn chunk_bounds(range: &str) -> Option<(u64, u64)> {
    let range = range.strip_prefix("bytes ").unwrap_or(range);
    let range = range.split_once('/').map_or(range, |(range, _)| range);
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last))
}

fn created(call: &Call<'_>, repository: &str, digest: &Digest) -> Reply {
    let location = call.location(&format!("/v2/{repository}/blobs/{digest}"));
    call.limited(Reply::blob_created(&location, digest))
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
