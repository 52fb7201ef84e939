//! Blobs, whole or in part: the reply that serves one (distribution-spec, "Pulling blobs"; RFC 9110,
//! section 14).

use std::ops::Range;

use hyper::{HeaderMap, Method, StatusCode};
use oci::Digest;

use crate::conditions::{etag, not_modified, range_applies};
use crate::reply::{ErrorReply, Reply};

/// The reply to a GET or HEAD of a blob. Its body is the part of the blob to send.
///
/// # Errors
/// If the blob has nothing of the requested part.
pub fn blob_reply(
    digest: &Digest,
    size: u64,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Reply<Range<u64>>, ErrorReply> {
    if let Some(reply) = not_modified(digest, headers) {
        return Ok(reply.map_body(|_| 0..0));
    }
    let reply = |status, part| {
        Reply { status, headers: HeaderMap::new(), body: part }
            .with("content-type", "application/octet-stream")
            .with("accept-ranges", "bytes")
            .with("etag", etag(digest))
            .with("docker-content-digest", digest.as_str())
    };
    // A HEAD describes the whole blob, whatever its `Range`.
    let requested = headers.get("range").filter(|_| method == Method::GET);
    let requested = requested.filter(|_| range_applies(digest, headers));
    match requested.and_then(|range| part(range.to_str().ok()?, size)) {
        None => Ok(reply(StatusCode::OK, 0..size)),
        Some(range) if range.is_empty() => Err(Reply::new(StatusCode::RANGE_NOT_SATISFIABLE)
            .with("content-range", format!("bytes */{size}"))
            .into()),
        Some(range) => {
            let content_range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            let reply = reply(StatusCode::PARTIAL_CONTENT, range);
            Ok(reply.with("content-range", content_range))
        }
    }
}

/// The part that a `Range` requests; empty if the blob has no such part. As HTTP allows, anything but one
/// range of bytes is ignored.
fn part(range: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let length: u64 = last.parse().ok()?;
        return Some(size.saturating_sub(length)..size);
    }
    let first: u64 = first.parse().ok()?;
    let last: u64 = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
    (first <= last).then(|| first..last.saturating_add(1).min(size))
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

    #[test]
    fn a_part_is_served_to_a_get_alone() {
        let reply = |method: Method, range: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("range", range.parse().unwrap());
            blob_reply(&Digest::of(b"x"), 10, &method, &headers)
        };
        let mut stale = HeaderMap::new();
        stale.insert("range", "bytes=2-4".parse().unwrap());
        stale.insert("if-range", etag(&Digest::of(b"y")).parse().unwrap());
        let whole = blob_reply(&Digest::of(b"x"), 10, &Method::GET, &stale).unwrap();
        assert_eq!((whole.status.as_u16(), whole.body), (200, 0..10));
        let part = reply(Method::GET, "bytes=2-4").unwrap();
        assert_eq!((part.status.as_u16(), part.body), (206, 2..5));
        assert_eq!(part.headers["content-range"], "bytes 2-4/10");
        let whole = reply(Method::HEAD, "bytes=2-4").unwrap();
        assert_eq!((whole.status.as_u16(), whole.body), (200, 0..10));
        let refusal = reply(Method::GET, "bytes=10-").unwrap_err().into_reply();
        assert_eq!(refusal.status, 416);
        assert_eq!(refusal.headers["content-range"], "bytes */10");
    }
}
