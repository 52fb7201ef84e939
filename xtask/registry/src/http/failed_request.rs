//! Errors for requests that got no response: what failed, at which address, and who named that address.

use std::io;

use reqwest::Url;

use super::host::Host;
use super::redirect::SendError;
use super::request::ApiRequest;
use super::resolver::refusal;
use super::tls_problem::TlsProblem;
use crate::error::{Cause, Error, Phase, address, printable, root_cause};
use crate::hints::{FORWARDED_PROTO, LOST_PORT, REFUSED_ELSEWHERE};

impl Host {
    /// The error for a request without a response. The host learns from it whether it can be reached.
    pub(crate) fn send_error(&self, request: &ApiRequest, error: SendError) -> Error {
        let is_redirected = |at: &Url| at.origin() != request.url.origin();
        let located = |detail: &str, at: &Url| match is_redirected(at) {
            true => format!("{detail} (at {}, where the registry redirects to)", address(at)),
            false => detail.to_owned(),
        };
        let fail = |cause: Cause, at: &Url| match self.error(request, cause) {
            error if self.has_lost_port(at) => error.with_hint(LOST_PORT),
            error => error,
        };
        let (error, at) = match error {
            // The address of a redirect may contain a signature.
            SendError::Library(error, at) => (error.without_url(), at),
            SendError::Broken(why, at) => {
                let leaves_tls = at.scheme() == "http" && self.base.scheme() == "https";
                let error = fail(Cause::Protocol(located(why, &at)), &at);
                return if leaves_tls { error.with_hint(FORWARDED_PROTO) } else { error };
            }
            SendError::Refused(why, at) => {
                let why = format!("the registry sends the client to {}: {why}", address(&at));
                return fail(Cause::Unsupported(why), &at);
            }
        };
        tracing::debug!("{} failed: {error:?}", self.request_line(request));
        let clients = self.transport.clients();
        if !is_redirected(&at) && clients.is_some_and(|clients| clients.switches_to_http2(&error)) {
            tracing::debug!("{} offers only HTTP/2", self.name);
        }
        let mut detail = printable(&root_cause(&error));
        let proxy = clients.and_then(|clients| clients.proxy(&at)).filter(|_| error.is_connect());
        if let Some(proxy) = &proxy {
            detail = format!("{detail} (through the proxy {proxy})");
        } else if at.origin() != self.base.origin() && is_refused_connection(&error) {
            return self.refused_elsewhere(request, &detail, &at);
        }
        let detail = located(&detail, &at);
        if error.is_redirect() || error.is_builder() {
            return fail(Cause::Protocol(detail), &at);
        }
        if let Some(refused) = refusal(&error) {
            return fail(Cause::Unsupported(located(&refused.to_string(), &at)), &at);
        }
        if let Some(problem) = TlsProblem::of(&error) {
            let cause = Cause::Tls { problem, detail };
            if at.origin() == self.base.origin() {
                drop(self.liveness.down.set(cause.clone()));
            }
            return fail(cause, &at);
        }
        let phase = if error.is_connect() { Phase::Connect } else { Phase::Response };
        let cause = Cause::Network { phase, detail };
        if phase == Phase::Connect && at.origin() == self.base.origin() {
            self.liveness.failed_to_connect(&cause, self.retry.first_pause);
        }
        fail(cause, &at)
    }

    /// The error for an address that the registry named, and that accepts no connections.
    fn refused_elsewhere(&self, request: &ApiRequest, detail: &str, at: &Url) -> Error {
        let detail = match at.origin() == request.url.origin() {
            true => format!("{detail} (the registry names this address in `Location`)"),
            // The path differs from blob to blob, and the cause does not.
            false => {
                let origin = at.origin().ascii_serialization();
                format!("{detail} (at {origin}, where the registry redirects to)")
            }
        };
        let hint = if self.has_lost_port(at) { LOST_PORT } else { REFUSED_ELSEWHERE };
        let phase = Phase::ConnectElsewhere;
        self.error(request, Cause::Network { phase, detail }).with_hint(hint)
    }

    /// Whether an address is this registry with another port.
    fn has_lost_port(&self, at: &Url) -> bool {
        at.path().starts_with("/v2/")
            && at.host() == self.base.host()
            && at.port_or_known_default() != self.base.port_or_known_default()
    }
}

/// Whether nothing listens at the address.
fn is_refused_connection(error: &reqwest::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(current) = cause {
        let refused = current.downcast_ref::<io::Error>();
        if refused.is_some_and(|refused| refused.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = current.source();
    }
    false
}
