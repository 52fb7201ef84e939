//! Serves blobs, whole or in part, and deletes them.

use std::ops::Range;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::json;

use crate::call::Call;
use crate::reply::{Failure, Reply};
use oci::Digest;

pub(super) fn handle(call: &Call<'_>, repository: &str, digest: &str) -> Result<Reply, Failure> {
    let digest: Digest = digest.parse().map_err(|_| Failure::digest_invalid(Some(digest)))?;
    match call.request.method {
        Method::GET | Method::HEAD => fetch(call, repository, &digest),
        Method::DELETE => {
            if !call.shared.store.delete_blob(repository, &digest) {
                return Err(unknown(&digest));
            }
            Ok(Reply::new(StatusCode::ACCEPTED))
        }
        _ => Err(Failure::method_unsupported()),
    }
}

fn fetch(call: &Call<'_>, repository: &str, digest: &Digest) -> Result<Reply, Failure> {
    let blob = call.shared.store.blob(repository, digest).ok_or_else(|| unknown(digest))?;
    let reply = |status| {
        let reply = Reply::new(status)
            .with("content-type", "application/octet-stream")
            .with("accept-ranges", "bytes")
            .with("etag", format!("\"{digest}\""));
        call.with_digest(reply, digest)
    };
    let size = blob.len();
    // A HEAD describes the whole blob, whatever its `Range`.
    let requested = call.request.header("range").filter(|_| call.request.method == Method::GET);
    match requested.and_then(|range| part(range, size)) {
        None => Ok(reply(StatusCode::OK).with_body(blob)),
        Some(range) if range.is_empty() => Err(Reply::new(StatusCode::RANGE_NOT_SATISFIABLE)
            .with("content-range", format!("bytes */{size}"))
            .into()),
        Some(range) => {
            let content_range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            let body: Bytes = blob.slice(range);
            let reply = reply(StatusCode::PARTIAL_CONTENT).with("content-range", content_range);
            Ok(reply.with_body(body))
        }
    }
}

/// The part that a `Range` requests; empty if the blob has no such part. As HTTP allows, anything but one
/// range of bytes is ignored.
fn part(range: &str, size: usize) -> Option<Range<usize>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let length: usize = last.parse().ok()?;
        return Some(size.saturating_sub(length)..size);
    }
    let first: usize = first.parse().ok()?;
    let last: usize = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
    (first <= last).then(|| first..last.saturating_add(1).min(size))
}

fn unknown(digest: &Digest) -> Failure {
    Failure::unknown("BLOB_UNKNOWN", "blob", &json!({"digest": digest}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_range_of_bytes_or_ignored() {
        let table = [
            ("bytes=0-0", Some(0..1)),
            ("bytes=2-", Some(2..10)),
            ("bytes=2-99", Some(2..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-99", Some(0..10)),
            ("bytes=10-", Some(10..10)),
            ("bytes=-0", Some(10..10)),
            ("bytes=3-2", None),
            ("bytes=0-1,4-5", None),
            ("lines=0-1", None),
            ("bytes=", None),
        ];
        for (range, expected) in table {
            assert_eq!(part(range, 10), expected, "{range}");
        }
    }
}
