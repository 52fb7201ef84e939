//! Blobs: fetching them whole or in part, asking for them, removing them.

use std::ops::Range;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::json;

use crate::answer::{Answer, Stop};
use crate::server::Call;
use oci::Digest;

pub(super) fn handle(call: &Call<'_>, repository: &str, digest: &str) -> Result<Answer, Stop> {
    let digest: Digest = digest.parse().map_err(|_| Stop::digest_invalid(Some(digest)))?;
    match *call.method {
        Method::GET | Method::HEAD => fetch(call, repository, &digest),
        Method::DELETE => {
            if !call.shared.store.delete_blob(repository, &digest) {
                return Err(unknown(&digest));
            }
            Ok(Answer::new(StatusCode::ACCEPTED))
        }
        _ => Err(Stop::method_unsupported()),
    }
}

fn fetch(call: &Call<'_>, repository: &str, digest: &Digest) -> Result<Answer, Stop> {
    let blob = call.shared.store.blob(repository, digest).ok_or_else(|| unknown(digest))?;
    let answer = |status| {
        let answer = Answer::new(status)
            .with("content-type", "application/octet-stream")
            .with("accept-ranges", "bytes")
            .with("etag", format!("\"{digest}\""));
        call.naming(answer, digest)
    };
    let size = blob.len();
    // A HEAD describes the whole blob, whatever part a GET would bring.
    let wanted = call.header("range").filter(|_| *call.method == Method::GET);
    match wanted.and_then(|range| part(range, size)) {
        None => Ok(answer(StatusCode::OK).with_body(blob)),
        Some(Part::Of(range)) => {
            let content_range = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            let body: Bytes = blob.slice(range);
            let answer = answer(StatusCode::PARTIAL_CONTENT).with("content-range", content_range);
            Ok(answer.with_body(body))
        }
        Some(Part::Unsatisfiable) => Err(Answer::new(StatusCode::RANGE_NOT_SATISFIABLE)
            .with("content-range", format!("bytes */{size}"))
            .into()),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Of(Range<usize>),
    Unsatisfiable,
}

/// The part that a `Range` asks for. What is not one range of bytes is ignored, as HTTP has it.
fn part(range: &str, size: usize) -> Option<Part> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let range = if first.is_empty() {
        let length: usize = last.parse().ok()?;
        size.saturating_sub(length)..size
    } else {
        let first: usize = first.parse().ok()?;
        let last: usize = if last.is_empty() { usize::MAX } else { last.parse().ok()? };
        if last < first {
            return None;
        }
        first..last.saturating_add(1).min(size)
    };
    Some(if range.is_empty() { Part::Unsatisfiable } else { Part::Of(range) })
}

fn unknown(digest: &Digest) -> Stop {
    Stop::with_detail(
        StatusCode::NOT_FOUND,
        "BLOB_UNKNOWN",
        "blob unknown to registry",
        &json!({"digest": digest}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_one_range_of_bytes_or_ignored() {
        let table = [
            ("bytes=0-0", Some(Part::Of(0..1))),
            ("bytes=2-", Some(Part::Of(2..10))),
            ("bytes=2-99", Some(Part::Of(2..10))),
            ("bytes=-3", Some(Part::Of(7..10))),
            ("bytes=-99", Some(Part::Of(0..10))),
            ("bytes=10-", Some(Part::Unsatisfiable)),
            ("bytes=-0", Some(Part::Unsatisfiable)),
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
