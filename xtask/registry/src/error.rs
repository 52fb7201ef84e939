//! `Error`: what went wrong at a registry, where, and what to do about it.
//!
//! A message contains the side, the operation, the address without secrets, the status and the server's
//! own text; [`Error::hint`] suggests the next step. The code that copies an image adds its name.

use std::fmt;
use std::time::Duration;

use crate::error_response::with_text;
pub use crate::error_response::{ErrorCode, ErrorResponse};
use crate::hints::{RUN_AGAIN, RUN_LATER, hint_for_response};
use crate::http::tls_problem::TlsProblem;
use messages::Advice;
use messages::program::command;
use oci::Digest;
use reqwest::Url;

pub use crate::side::Side;
pub(crate) use messages::printable::printable;

#[derive(Debug, Clone)]
pub struct Error {
    pub side: Side,
    /// What was tried, in the terms of the distribution API: `get manifest 1.0.6`.
    pub operation: String,
    /// `GET https://quay.io/v2/…`, without query or credentials, or the layout: `oci:DIR`. Empty if no
    /// request was sent.
    pub request: String,
    pub cause: Cause,
    /// Boxed, because errors are returned by most functions.
    pub host_hint: Option<Box<HostHint>>,
}

/// What the host knows about what to do next.
#[derive(Debug, Clone)]
pub enum HostHint {
    /// If the cause is the credentials: the host knows which ones it uses.
    ForCredentials(String),
    /// Whatever the cause suggests.
    Fixed(String),
}

#[derive(Debug, Clone)]
pub enum Cause {
    /// The server returned an unexpected status.
    Status(Box<ErrorResponse>),
    /// The server could not be reached, or the connection broke.
    Network { phase: Phase, detail: String },
    /// No TLS connection was made, and another attempt would end in the same way.
    Tls { problem: TlsProblem, detail: String },
    /// The host asks for a longer pause than the retry policy allows.
    RateLimited { wait: Duration, message: String },
    /// 401, and there are no credentials that the server would accept.
    NoCredentials(Box<ErrorResponse>),
    /// The token server issued no token.
    Token(String),
    /// Credentials are configured, but they cannot be read or obtained.
    Credentials(Box<Advice>),
    /// The repository has to be created first, and it was not.
    NoRepository(Box<Advice>),
    /// The server does not have the content that it has to have, or has other content under its tag. The
    /// code names the kind of mismatch for programs.
    Mismatch { code: &'static str, advice: Box<Advice> },
    /// Content does not match its descriptor.
    Integrity(String),
    /// The server violated the protocol in a way that cannot be worked around.
    Protocol(String),
    /// This client refuses it on purpose.
    Unsupported(String),
    /// A bug in this program, such as a panic.
    Internal(String),
}

/// How far a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Connect,
    /// An address that the registry named, and that is not its own, refuses connections.
    ConnectElsewhere,
    Response,
    /// No byte arrived in time.
    Silence,
}

impl Error {
    /// An error that no single request has caused.
    pub fn new(side: Side, operation: impl Into<String>, cause: Cause) -> Self {
        let (operation, request) = (operation.into(), String::new());
        Self { side, operation, request, cause, host_hint: None }
    }

    /// The error with advice that does not follow from its cause alone.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { host_hint: Some(Box::new(HostHint::Fixed(hint.into()))), ..self }
    }

    pub fn status(&self) -> Option<u16> {
        match &self.cause {
            Cause::Status(response) | Cause::NoCredentials(response) => Some(response.status),
            _ => None,
        }
    }

    /// Whether the credentials were refused. The authenticator has learned from the response, so one
    /// more attempt is worth it.
    pub(crate) fn is_unauthorized(&self) -> bool {
        matches!(&self.cause, Cause::Status(response) if response.status == 401)
    }

    /// Whether the token had worked before. Another request may have had the time to use up the next one.
    pub(crate) fn is_about_expired_token(&self) -> bool {
        matches!(&self.cause, Cause::Status(response) if response.token_has_expired)
    }

    /// The pause that the server asked for.
    pub(crate) fn retry_after(&self) -> Duration {
        match &self.cause {
            Cause::Status(response) => response.retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }

    /// Whether the server failed on this one request: content that it cannot read, or an internal error.
    pub fn is_server_failure(&self) -> bool {
        self.status() == Some(500)
    }

    fn is_about_stored_content(&self) -> bool {
        let is_read = self.request.starts_with("GET ") || self.request.starts_with("HEAD ");
        self.side == Side::Destination && self.is_server_failure() && is_read
    }

    pub fn has_code(&self, code: &ErrorCode) -> bool {
        matches!(&self.cause, Cause::Status(response) if response.codes.contains(code))
    }

    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        match &self.cause {
            Cause::Status(response) => response.is_transient(),
            Cause::Network { .. } => true,
            _ => false,
        }
    }

    /// Whether an address that the registry named refuses connections. That is rarely a restart.
    pub(crate) fn is_refused_elsewhere(&self) -> bool {
        matches!(self.cause, Cause::Network { phase: Phase::ConnectElsewhere, .. })
    }

    /// What to do next, where that is known.
    pub fn hint(&self) -> Option<String> {
        let for_credentials = || match self.host_hint.as_deref() {
            Some(HostHint::ForCredentials(hint)) => hint.as_str(),
            _ => "log in",
        };
        if let Some(HostHint::Fixed(hint)) = self.host_hint.as_deref() {
            return Some(hint.clone());
        }
        let hint = match &self.cause {
            Cause::Status(response) | Cause::NoCredentials(response) => match response.status {
                401 => for_credentials(),
                _ => match hint_for_response(response, self.side)? {
                    RUN_AGAIN if self.is_about_stored_content() => {
                        let repair = command("mirror --repair");
                        return Some(format!(
                            "{RUN_AGAIN}; if this stays, the registry cannot read what it has stored, and \
                             {repair} pushes it once more"
                        ));
                    }
                    hint => hint,
                },
            },
            Cause::Tls { problem, .. } => problem.hint(),
            Cause::Network { phase: Phase::Connect, .. } if self.request.contains(" http://") => {
                "check the host name, the network and the proxy, and whether the registry runs on that port"
            }
            Cause::Network { phase: Phase::Connect, .. } => {
                "check the host name, the network and the proxy; a registry without TLS needs \
                 `plain-http = true` in `[registries.\"HOST\"]`"
            }
            Cause::Network { .. } => RUN_AGAIN,
            Cause::RateLimited { .. } => RUN_LATER,
            Cause::Token(_) => for_credentials(),
            Cause::Credentials(advice)
            | Cause::NoRepository(advice)
            | Cause::Mismatch { advice, .. } => return advice.hint.clone(),
            Cause::Integrity(_) => {
                "if it happens again, the registry or a proxy on the way alters content"
            }
            Cause::Protocol(_) => "check that this is the address of a container registry",
            Cause::Unsupported(_) => return None,
            Cause::Internal(_) => {
                "this is a bug in this program, not in the registry: please report it, with this message"
            }
        };
        Some(hint.to_owned())
    }
}

impl Cause {
    /// The connection broke during the response.
    pub(crate) fn interrupted(detail: impl Into<String>) -> Self {
        Self::Network { phase: Phase::Response, detail: detail.into() }
    }

    pub(crate) fn wrong_digest(actual: &Digest, expected: &Digest) -> Self {
        Self::Integrity(format!("the content has the digest {actual}, not {expected}"))
    }

    pub(crate) fn unfinished(limit: Duration) -> Self {
        let detail = format!("not finished within {} s", limit.as_secs());
        Self::Network { phase: Phase::Silence, detail }
    }

    pub(crate) fn too_slow(least: u64) -> Self {
        let detail = format!("fewer than {least} bytes per second");
        Self::Network { phase: Phase::Silence, detail }
    }

    pub(crate) fn silent_for(silence: Duration) -> Self {
        let detail = format!("nothing received for {} s", silence.as_secs());
        Self::Network { phase: Phase::Silence, detail }
    }
}

/// An address without the parts that may be secret: user, password, query (signatures, upload state).
pub(crate) fn address(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), authority(url), url.path())
}

/// `host[:port]`, without user and password.
pub(crate) fn authority(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// The end of the chain of causes: "connection refused" is more useful than "error sending request".
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            // Neither side is at fault.
            Cause::Internal(_) => f.write_str("internal error")?,
            _ => self.side.fmt(f)?,
        }
        write!(f, ": {}: ", self.operation)?;
        if !self.request.is_empty() {
            write!(f, "{}: ", self.request)?;
        }
        self.cause.fmt(f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(response) | Self::NoCredentials(response) => response.fmt(f),
            Self::Network { phase, detail } => match phase {
                Phase::Connect | Phase::ConnectElsewhere => {
                    write!(f, "cannot connect: {detail}")
                }
                Phase::Response => write!(f, "the connection broke: {detail}"),
                Phase::Silence => write!(f, "timed out: {detail}"),
            },
            Self::Tls { detail, .. } => write!(f, "cannot connect: {detail}"),
            Self::RateLimited { wait, message } => {
                let why = format!(
                    "the registry asks for a pause of {} s, which is too long",
                    wait.as_secs()
                );
                f.write_str(&with_text(why, ": ", message))
            }
            Self::Token(why) => write!(f, "no token: {why}"),
            Self::Credentials(advice) => write!(f, "no credentials: {}", advice.message),
            Self::NoRepository(advice) | Self::Mismatch { advice, .. } => {
                f.write_str(&advice.message)
            }
            Self::Integrity(why)
            | Self::Protocol(why)
            | Self::Unsupported(why)
            | Self::Internal(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
