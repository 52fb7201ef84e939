//! What the errors of several images have in common: those with one cause are reported once.

use crate::error::{Cause, Error, Phase};

impl Error {
    /// The error without what belongs to one image: repository, tag and digest. Errors for which this is
    /// equal have one cause.
    pub fn shared_cause(&self) -> String {
        let mut parts = vec![self.side.to_string()];
        // If no connection was made, it does not matter what for.
        let is_connected = !matches!(
            self.cause,
            Cause::Network { phase: Phase::Connect | Phase::ConnectElsewhere, .. }
                | Cause::Tls { .. }
        );
        if is_connected {
            parts.push(self.kind_of_operation());
        }
        parts.extend(self.origin().map(str::to_owned));
        parts.push(self.cause.to_string());
        parts.join(": ")
    }

    /// `get manifest`: names are in backticks, and digests contain a colon.
    fn kind_of_operation(&self) -> String {
        let words = self.operation.split(' ').take_while(|word| !word.contains(['`', ':']));
        words.collect::<Vec<_>>().join(" ")
    }

    /// `https://quay.io`, or `oci:DIR`
    fn origin(&self) -> Option<&str> {
        if !self.request.contains("://") {
            return Some(self.request.as_str()).filter(|request| !request.is_empty());
        }
        let (_, url) = self.request.split_once(' ')?;
        let host = url.find("://")? + "://".len();
        Some(&url[..url[host..].find('/').map_or(url.len(), |end| host + end)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorResponse, Side};

    fn text(method: &str, path: &str, operation: &str, cause: &Cause) -> String {
        let request = format!("{method} https://quay.io/v2/{path}");
        let error = Error::new(Side::Source, operation, cause.clone());
        Error { request, ..error }.shared_cause()
    }

    #[test]
    fn a_host_that_cannot_be_reached_is_one_cause_for_all_requests() {
        let (phase, detail) = (Phase::Connect, "unknown host".to_owned());
        let unknown = Cause::Network { phase, detail };
        let head = text("HEAD", "a/manifests/1", "look for manifest `1`", &unknown);
        let get = text("GET", "b/blobs/sha256:ab", "get blob sha256:ab", &unknown);
        assert_eq!(head, "source: https://quay.io: cannot connect: unknown host");
        assert_eq!(head, get);
    }

    #[test]
    fn only_a_host_that_was_contacted_with_tls_may_need_plain_http() {
        let hint = |scheme: &str| {
            let (phase, detail) = (Phase::Connect, "refused".to_owned());
            let error = Error::new(Side::Source, "ping", Cause::Network { phase, detail });
            Error { request: format!("GET {scheme}://r.io/v2/"), ..error }.hint().unwrap()
        };
        assert!(hint("https").contains("`plain-http = true`"), "{}", hint("https"));
        assert!(!hint("http").contains("plain-http"), "{}", hint("http"));
    }

    #[test]
    fn names_and_digests_are_left_out() {
        let denied = Cause::Status(Box::new(ErrorResponse::parse(403, b"no", None)));
        let table = [
            (
                "push manifest `1.0` with sha256:ab",
                "source: push manifest: https://quay.io: 403 no",
            ),
            ("push blob sha256:ab", "source: push blob: https://quay.io: 403 no"),
            ("start an upload", "source: start an upload: https://quay.io: 403 no"),
        ];
        for (operation, expected) in table {
            assert_eq!(text("PUT", "a", operation, &denied), expected);
        }
        let bug = Error::new(Side::Source, "copy the image", Cause::Internal("x".to_owned()));
        assert_eq!(bug.shared_cause(), "source: copy the image: x");
    }
}
