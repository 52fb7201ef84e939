//! Serves blobs, whole or in part, and deletes them.

use hyper::{Method, StatusCode};
use oci::Digest;
use registry_server::blob::blob_reply;
use registry_server::{ErrorReply, Reply};

use crate::call::Call;

pub(super) fn handle(call: &Call<'_>, repository: &str, digest: &str) -> Result<Reply, ErrorReply> {
    let digest: Digest = digest.parse().map_err(|_| ErrorReply::digest_invalid(Some(digest)))?;
    match call.request.method {
        Method::GET | Method::HEAD => fetch(call, repository, &digest),
        Method::DELETE => {
            if !call.shared.store.delete_blob(repository, &digest) {
                return Err(ErrorReply::blob_unknown(&digest));
            }
            Ok(Reply::new(StatusCode::ACCEPTED))
        }
        _ => Err(ErrorReply::unsupported()),
    }
}

fn fetch(call: &Call<'_>, repository: &str, digest: &Digest) -> Result<Reply, ErrorReply> {
    let blob = call.shared.store.blob(repository, digest);
    let blob = blob.ok_or_else(|| ErrorReply::blob_unknown(digest))?;
    let (method, headers) = (&call.request.method, &call.request.headers);
    let reply = blob_reply(digest, blob.len() as u64, method, headers)?;
    let part = |part: std::ops::Range<u64>| blob.slice(part.start as usize..part.end as usize);
    Ok(call.limited(reply.map_body(part)))
}
