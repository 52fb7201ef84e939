//! Uploads and mounts (distribution-spec, "Pushing blobs"). The bytes of a blob arrive in one request, a
//! PUT or a POST, that has their digest and number. So an upload has no state between its requests, and its
//! id means nothing.

use hyper::{Method, StatusCode};
use oci::Digest;
use tokio::task::spawn_blocking;

use crate::body::{NoReply, RequestBody};
use crate::call::{Call, blocking, storage_error};
use crate::reply::{ErrorReply, Reply};
use crate::storage::{BlobSink, NewBlob, StorageError};

/// The id of every upload.
const ID: &str = "upload";

/// `POST /v2/<name>/blobs/uploads/`: mounts a blob, takes a whole one, or begins an upload.
pub(crate) async fn begin(
    call: &Call,
    repository: &str,
    body: &mut RequestBody,
) -> Result<Reply, NoReply> {
    if let Some(digest) = call.query.get("mount")
        && call.query.get("from").is_some()
    {
        let digest = parse_digest(Some(digest))?;
        if has_blob(call, repository, &digest).await? {
            return Ok(created(repository, &digest));
        }
    }
    if call.query.get("digest").is_some() {
        return finish(call, repository, body).await;
    }
    Ok(state(StatusCode::ACCEPTED, repository))
}

/// `/v2/<name>/blobs/uploads/<id>`
pub(crate) async fn handle(
    call: &Call,
    repository: &str,
    id: &str,
    body: &mut RequestBody,
) -> Result<Reply, NoReply> {
    if id != ID {
        return Err(ErrorReply::upload_unknown(id).into());
    }
    match call.method {
        Method::GET | Method::HEAD => Ok(state(StatusCode::NO_CONTENT, repository)),
        Method::PUT => finish(call, repository, body).await,
        Method::DELETE => Ok(Reply::new(StatusCode::NO_CONTENT)),
        _ => Err(ErrorReply::unsupported().into()),
    }
}

/// Stores the body as the blob that the query names.
async fn finish(call: &Call, repository: &str, body: &mut RequestBody) -> Result<Reply, NoReply> {
    let digest = parse_digest(call.query.get("digest"))?;
    let size = call.content_length().ok_or_else(|| {
        let why = "the length of the blob is required";
        ErrorReply::new(StatusCode::LENGTH_REQUIRED, "SIZE_INVALID", why)
    })?;
    let named = digest.clone();
    let begun = blocking(call, move |storage| match storage.writable() {
        Some(writable) => writable.begin_blob(&named, size).map(Some),
        None => Ok(None),
    });
    match begun.await? {
        None => return Err(ErrorReply::unsupported().into()),
        // The body has to be read, so that the client gets the reply.
        Some(NewBlob::Present) => while !body.next_piece().await?.is_empty() {},
        Some(NewBlob::Sink(sink)) => store(sink, body).await?,
    }
    Ok(created(repository, &digest))
}

async fn store(mut sink: Box<dyn BlobSink>, body: &mut RequestBody) -> Result<(), NoReply> {
    loop {
        let piece = body.next_piece().await?;
        let is_last = piece.is_empty();
        let written = spawn_blocking(move || {
            for part in &piece {
                sink.write(part)?;
            }
            if is_last {
                return sink.finish().map(|()| None);
            }
            Ok(Some(sink))
        });
        let written: Result<_, StorageError> = match written.await {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        match written.map_err(|error| storage_error(&error))? {
            Some(rest) => sink = rest,
            None => return Ok(()),
        }
    }
}

async fn has_blob(call: &Call, repository: &str, digest: &Digest) -> Result<bool, ErrorReply> {
    let (repository, digest) = (repository.to_owned(), digest.clone());
    let found = blocking(call, move |storage| storage.blob(&repository, &digest));
    Ok(found.await?.is_some())
}

fn parse_digest(text: Option<&str>) -> Result<Digest, ErrorReply> {
    text.and_then(|text| text.parse().ok()).ok_or_else(|| ErrorReply::digest_invalid(text))
}

fn created(repository: &str, digest: &Digest) -> Reply {
    Reply::blob_created(&format!("/v2/{repository}/blobs/{digest}"), digest)
}

/// Where the upload continues. No byte has arrived.
fn state(status: StatusCode, repository: &str) -> Reply {
    Reply::new(status)
        .with("location", format!("/v2/{repository}/blobs/uploads/{ID}"))
        .with("docker-upload-uuid", ID)
        .with("range", "0-0")
}
