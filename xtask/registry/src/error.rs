//! What can go wrong with a registry, told so that a reader knows where and what to do.
//!
//! An error says the side, the operation, the address without secrets, the status and the server's
//! own words; [`Error::hint`] adds what to do next. The image is added by whoever copies it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use oci_distribution::errors::OciEnvelope;
use reqwest::Url;

pub(crate) use messages::printable::printable;

/// Which end of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    Source,
    Destination,
}

#[derive(Debug, Clone)]
pub struct Error {
    pub side: Side,
    /// What was tried, in the words of the distribution API: `get manifest 1.0.6`.
    pub operation: String,
    /// `GET https://quay.io/v2/…`, without query or credentials. Empty if no request was made.
    pub request: String,
    pub cause: Cause,
    /// What to do if it is for the login; known to the host that was asked.
    pub login: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
pub enum Cause {
    /// The server answered with a status that is not the expected one.
    Status(Box<Refusal>),
    /// The server could not be reached, or the connection broke.
    Network { phase: Phase, detail: String },
    /// The host asks for a longer pause than we are ready to make.
    RateLimited { wait: Duration, words: String },
    /// 401, and there is nothing that we could log in with.
    NoLogin(Box<Refusal>),
    /// No token could be had.
    Token(String),
    /// There is a login, and it cannot be had.
    Login(String),
    /// The repository has to be made first, and nobody did.
    NoRepository { words: String, hint: String },
    /// Content is not what its descriptor says.
    Integrity(String),
    /// The server broke the protocol in a way that leaves nothing to do.
    Protocol(String),
    /// We do not do that, on purpose.
    Unsupported(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// Codes of the error envelope (distribution-spec, "Error Codes"), uppercase.
    pub codes: Vec<String>,
    /// What the server said, shortened, without control characters.
    pub words: String,
    /// What `Retry-After` asked for.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Connect,
    Answer,
    Silence,
}

impl Error {
    /// An error that no single request has caused.
    pub fn new(side: Side, operation: impl Into<String>, cause: Cause) -> Self {
        Self { side, operation: operation.into(), request: String::new(), cause, login: None }
    }

    pub fn status(&self) -> Option<u16> {
        match &self.cause {
            Cause::Status(refusal) | Cause::NoLogin(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    /// Refused for the login, which has been learned from: one more attempt is worth it.
    pub(crate) fn may_log_in_again(&self) -> bool {
        matches!(&self.cause, Cause::Status(refusal) if refusal.status == 401)
    }

    /// The pause that the server asked for.
    pub(crate) fn retry_after(&self) -> Duration {
        match &self.cause {
            Cause::Status(refusal) => refusal.retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    pub fn has_code(&self, code: &str) -> bool {
        matches!(&self.cause, Cause::Status(refusal) if refusal.codes.iter().any(|have| have == code))
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match &self.cause {
            Cause::Status(refusal) => refusal.is_transient(),
            Cause::Network { .. } => true,
            _ => false,
        }
    }

    /// What to do next, if there is something that we can know.
    pub fn hint(&self) -> Option<String> {
        let login = self.login.as_deref().unwrap_or("log in");
        let hint = match &self.cause {
            Cause::Status(refusal) | Cause::NoLogin(refusal) => return refusal.hint(self.side, login),
            Cause::Network { phase: Phase::Connect, detail } if detail.contains("certificate") => {
                "name a file with the authority that signed the certificate: `ca-file` in \
                 `[registries.\"HOST\"]`, or `SSL_CERT_FILE`"
                    .to_owned()
            }
            Cause::Network { phase: Phase::Connect, .. } => {
                "check the host name, the network and the proxy; a registry without TLS needs \
                 `plain-http = true` in `[registries.\"HOST\"]`"
                    .to_owned()
            }
            Cause::Network { .. } => "run the same command again: it goes on where it stopped".to_owned(),
            Cause::RateLimited { .. } => {
                "run again later; a login often raises the limit".to_owned()
            }
            Cause::Token(_) | Cause::Login(_) => login.to_owned(),
            Cause::NoRepository { hint, .. } => hint.clone(),
            Cause::Integrity(_) => {
                "nothing was committed; if it happens again, the registry or a proxy in between alters content"
                    .to_owned()
            }
            Cause::Protocol(_) => "check that the address is a container registry's".to_owned(),
            Cause::Unsupported(_) => return None,
        };
        Some(hint)
    }
}

impl Refusal {
    /// Reads the body of an error answer: the envelope of the specification, or whatever it is.
    pub(crate) fn new(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let (codes, words) = match serde_json::from_slice::<OciEnvelope>(body) {
            Ok(envelope) => {
                let codes = envelope.errors.iter().map(|error| code_of(&error.code)).collect();
                let words = envelope.errors.iter().map(words_of).collect::<Vec<_>>().join("; ");
                (codes, words)
            }
            Err(_) => (Vec::new(), plain_words(body)),
        };
        Self { status, codes, words: printable(&words), retry_after }
    }

    pub(crate) fn is_transient(&self) -> bool {
        // 499 and 522 are what proxies in front of registries answer when their own backend is slow.
        matches!(self.status, 408 | 429 | 499 | 500 | 502 | 503 | 504 | 522)
    }

    pub(crate) fn is_throttling(&self) -> bool {
        matches!(self.status, 429 | 503)
    }

    fn hint(&self, side: Side, login: &str) -> Option<String> {
        let hint = match (self.status, side) {
            (401, _) => login.to_owned(),
            (403, Side::Source) => "the account may not read this repository".to_owned(),
            (403, Side::Destination) => {
                "the account may not write to this repository, or the registry wants it created first".to_owned()
            }
            (404, Side::Source) => {
                "check source and tag; some registries answer 404 for what needs a login".to_owned()
            }
            (404, Side::Destination) => {
                "create the repository: this registry does not do it on the first push".to_owned()
            }
            (413, _) => "a proxy in front of the registry limits the size of a request: raise it there".to_owned(),
            (429, _) => "run again later; a login often raises the limit".to_owned(),
            (500..=599, _) => "run the same command again: it goes on where it stopped".to_owned(),
            _ => return None,
        };
        Some(hint)
    }
}

/// The message is enough for people; the code alone stands where a server left the message out.
fn words_of(error: &oci_distribution::errors::OciError) -> String {
    let code = code_of(&error.code);
    if error.message.is_empty() { code } else { format!("{code}: {}", error.message) }
}

fn code_of(code: &oci_distribution::errors::OciErrorCode) -> String {
    serde_json::to_value(code)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_else(|| "UNKNOWN".to_owned())
}

fn plain_words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with('<') { "an HTML page".to_owned() } else { text.to_owned() }
}

/// An address without what may be a secret: user, password, query (signatures, upload state).
pub(crate) fn address(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Destination => "destination",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.side, self.operation)?;
        if !self.request.is_empty() {
            write!(f, "{}: ", self.request)?;
        }
        match &self.cause {
            Cause::Status(refusal) | Cause::NoLogin(refusal) => {
                write!(f, "{}", refusal.status)?;
                if !refusal.words.is_empty() {
                    write!(f, " {}", refusal.words)?;
                }
                Ok(())
            }
            Cause::Network { phase, detail } => match phase {
                Phase::Connect => write!(f, "cannot connect: {detail}"),
                Phase::Answer => write!(f, "the connection broke: {detail}"),
                Phase::Silence => write!(f, "no answer: {detail}"),
            },
            Cause::RateLimited { wait, words } => {
                write!(
                    f,
                    "the registry asks for a pause of {} s, which is too long to wait for",
                    wait.as_secs()
                )?;
                if !words.is_empty() {
                    write!(f, ": {words}")?;
                }
                Ok(())
            }
            Cause::Token(why) => write!(f, "no token: {why}"),
            Cause::Login(why) => write!(f, "no login: {why}"),
            Cause::NoRepository { words, .. } => f.write_str(words),
            Cause::Integrity(why) | Cause::Protocol(why) | Cause::Unsupported(why) => {
                f.write_str(why)
            }
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bodies_of_every_kind_become_codes_and_words() {
        let table: [(&[u8], &[&str], &str); 6] = [
            (
                br#"{"errors":[{"code":"DENIED","message":"requested access is denied"}]}"#,
                &["DENIED"],
                "DENIED: requested access is denied",
            ),
            (br#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#, &["MANIFEST_UNKNOWN"], "MANIFEST_UNKNOWN"),
            (
                br#"{"errors":[{"code":"X_LOCKED","message":"a"},{"code":"DENIED","message":"b"}]}"#,
                &["X_LOCKED", "DENIED"],
                "X_LOCKED: a; DENIED: b",
            ),
            (b"<html><body>Bad gateway</body></html>", &[], "an HTML page"),
            (b"plain\x1b[31m words\r\nof two lines", &[], "plain[31m words of two lines"),
            (b"", &[], ""),
        ];
        for (body, codes, words) in table {
            let refusal = Refusal::new(403, body, None);
            assert_eq!(
                (refusal.codes.as_slice(), refusal.words.as_str()),
                (&codes.map_to_owned()[..], words)
            );
        }
    }

    trait MapToOwned {
        fn map_to_owned(&self) -> Vec<String>;
    }

    impl MapToOwned for &[&str] {
        fn map_to_owned(&self) -> Vec<String> {
            self.iter().map(|&text| text.to_owned()).collect()
        }
    }

    #[test]
    fn an_address_shows_no_credentials_and_no_signed_query() {
        let url =
            Url::parse("https://user:secret@cdn.example.com:8443/blob?X-Amz-Signature=secret#x")
                .unwrap();
        assert_eq!(address(&url), "https://cdn.example.com:8443/blob");
    }

    #[test]
    fn an_error_says_side_operation_request_status_and_the_servers_words() {
        let error = Error {
            side: Side::Destination,
            operation: "put manifest `1.0.6`".to_owned(),
            request: "PUT https://harbor.local/v2/a/manifests/1.0.6".to_owned(),
            cause: Cause::Status(Box::new(Refusal::new(
                403,
                br#"{"errors":[{"code":"DENIED","message":"no"}]}"#,
                None,
            ))),
            login: None,
        };
        assert_eq!(
            error.to_string(),
            "destination: put manifest `1.0.6`: PUT https://harbor.local/v2/a/manifests/1.0.6: 403 DENIED: no"
        );
        assert!(error.hint().unwrap().contains("may not write"));
        assert!(!error.is_transient());
    }

    #[test]
    fn only_what_may_pass_by_itself_is_transient() {
        for status in [408, 429, 499, 500, 502, 503, 504, 522] {
            assert!(Refusal::new(status, b"", None).is_transient(), "{status}");
        }
        for status in [400, 401, 403, 404, 405, 409, 413, 416, 501, 505] {
            assert!(!Refusal::new(status, b"", None).is_transient(), "{status}");
        }
    }
}
