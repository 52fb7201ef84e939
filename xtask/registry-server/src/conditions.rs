//! Conditional requests: which content a client already has (RFC 9110, section 13).

use hyper::{HeaderMap, StatusCode};
use oci::Digest;

use crate::reply::Reply;

/// The validator of content: a strong one, because content never changes under its digest.
pub(crate) fn etag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// The reply to a client that has the content: `If-None-Match` names it.
pub(crate) fn not_modified(digest: &Digest, headers: &HeaderMap) -> Option<Reply> {
    let values = headers.get_all("if-none-match").iter().filter_map(|value| value.to_str().ok());
    let mut named = values.flat_map(|value| value.split(',')).map(str::trim);
    // The comparison is a weak one.
    let is_named = named.any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag(digest));
    is_named.then(|| {
        Reply::new(StatusCode::NOT_MODIFIED)
            .with("etag", etag(digest))
            .with("docker-content-digest", digest.as_str())
    })
}

/// Whether a `Range` applies: an `If-Range` names this content, or there is none. Dates never do, because
/// content has none here.
pub(crate) fn range_applies(digest: &Digest, headers: &HeaderMap) -> bool {
    headers.get("if-range").is_none_or(|tag| tag.as_bytes() == etag(digest).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[String]) -> HeaderMap {
        let values = values.iter().map(|value| (name.parse().unwrap(), value.parse().unwrap()));
        values.collect()
    }

    #[test]
    fn content_that_the_client_names_is_not_sent_again() {
        let digest = Digest::of(b"x");
        let (own, other) = (etag(&digest), etag(&Digest::of(b"y")));
        let table = [
            (vec![own.clone()], true),
            (vec![format!("{other}, {own}")], true),
            (vec![other.clone(), own.clone()], true),
            (vec![format!("W/{own}")], true),
            (vec!["*".to_owned()], true),
            (vec![other], false),
            (vec![digest.to_string()], false),
            (vec![], false),
        ];
        for (values, expected) in table {
            let reply = not_modified(&digest, &headers("if-none-match", &values));
            assert_eq!(reply.is_some(), expected, "{values:?}");
            if let Some(reply) = reply {
                assert_eq!((reply.status.as_u16(), reply.body.len()), (304, 0));
                assert_eq!(reply.headers["etag"], own.as_str());
            }
        }
    }

    #[test]
    fn a_range_is_of_the_content_that_the_client_names() {
        let digest = Digest::of(b"x");
        let table = [
            (vec![etag(&digest)], true),
            (vec![], true),
            (vec![format!("W/{}", etag(&digest))], false),
            (vec![etag(&Digest::of(b"y"))], false),
            (vec!["Sat, 29 Oct 1994 19:43:31 GMT".to_owned()], false),
        ];
        for (values, expected) in table {
            assert_eq!(range_applies(&digest, &headers("if-range", &values)), expected);
        }
    }
}
