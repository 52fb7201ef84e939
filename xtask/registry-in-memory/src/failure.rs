//! Why a handler has no reply to what was requested.

use hyper::StatusCode;
use registry_server::{ErrorReply, Reply};

#[derive(Debug)]
pub(super) enum Failure {
    /// The registry refuses.
    Refused(ErrorReply),
    /// The connection is gone.
    Disconnected,
}

impl Failure {
    pub(super) fn unauthorized(challenge: &str) -> Self {
        let (status, message) = (StatusCode::UNAUTHORIZED, "authentication required");
        let reply = ErrorReply::new(status, "UNAUTHORIZED", message).into_reply();
        reply.with("www-authenticate", challenge).into()
    }
}

impl From<ErrorReply> for Failure {
    fn from(refusal: ErrorReply) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Reply> for Failure {
    fn from(reply: Reply) -> Self {
        Self::Refused(reply.into())
    }
}
