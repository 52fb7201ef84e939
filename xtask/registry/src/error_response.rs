//! `ErrorResponse`: what a server wrote about an error, in the envelope of the specification or as any other text.

use std::fmt;
use std::time::Duration;

use messages::printable::printable;
use serde::{Deserialize, Serialize};

/// A response with an error status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorResponse {
    pub status: u16,
    /// The codes of the error envelope (distribution-spec, "Error Codes").
    pub codes: Vec<ErrorCode>,
    /// The server's text on one line: shortened, and without control characters.
    pub message: String,
    /// Whether the text is that of an HTML page, as web servers and firewalls send it.
    pub is_html: bool,
    /// The pause that `Retry-After` asks for.
    pub retry_after: Option<Duration>,
    /// Whether the registry refused a token that it has accepted before.
    pub token_has_expired: bool,
}

/// The error codes that this client acts on; all others are kept as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    BlobUnknown,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameUnknown,
    /// Not in the specification; registries with immutable tags use it.
    TagInvalid,
    Unsupported,
    #[serde(untagged)]
    Other(String),
}

impl ErrorResponse {
    /// Reads the body of an error response: the envelope of the specification, or any other text.
    pub(crate) fn parse(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let is_html = body.trim_ascii_start().starts_with(b"<");
        let (codes, message) = match serde_json::from_slice::<Envelope>(body) {
            Ok(Envelope { errors }) => {
                // Some servers send only the code.
                let text = |error: &EnvelopeError| with_text(&error.code, ": ", &error.message);
                let texts: Vec<String> = errors.iter().map(text).collect();
                (errors.into_iter().map(|error| error.code).collect(), texts.join("; "))
            }
            Err(_) => (Vec::new(), plain_text(body)),
        };
        let message = printable(&message);
        Self { status, codes, message, is_html, retry_after, token_has_expired: false }
    }

    /// Adds a remark to the server's message, in parentheses.
    pub fn remark(&mut self, text: &str) {
        self.message = match self.message.as_str() {
            "" => text.to_owned(),
            message => format!("{message} ({text})"),
        };
    }

    pub(crate) fn is_transient(&self) -> bool {
        // Proxies in front of registries return 499 and 522 if their backend is slow.
        matches!(self.status, 408 | 429 | 499 | 500 | 502 | 503 | 504 | 522)
    }

    pub(crate) fn is_throttling(&self) -> bool {
        matches!(self.status, 429 | 503)
    }
}

/// The body of an error response (distribution-spec, "Error Codes").
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<EnvelopeError>,
}

#[derive(Deserialize)]
struct EnvelopeError {
    code: ErrorCode,
    #[serde(default)]
    message: String,
}

/// Appends a text, unless it is empty.
pub(crate) fn with_text(start: impl fmt::Display, separator: &str, text: &str) -> String {
    if text.is_empty() { start.to_string() } else { format!("{start}{separator}{text}") }
}

fn plain_text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if !text.starts_with('<') {
        return text.to_owned();
    }
    let heading = ["title", "h1"].iter().find_map(|tag| {
        let (_, rest) = text.split_once(&format!("<{tag}>"))?;
        let (heading, _) = rest.split_once(&format!("</{tag}>"))?;
        Some(heading.trim()).filter(|heading| !heading.is_empty() && !heading.contains('<'))
    });
    heading.map_or("an HTML page".to_owned(), |heading| format!("an HTML page: {heading}"))
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_text(self.status, " ", &self.message))
    }
}
