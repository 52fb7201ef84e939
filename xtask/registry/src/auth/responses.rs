//! What the responses of a registry show about authentication: the scheme that it requires, and which tokens it
//! accepts.

use messages::Advice;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response, StatusCode};

use super::challenge::{Scheme, is_about_invalid_token};
use super::credentials::{Credentials, Secret};
use super::tokens::Rejection;
use crate::error::{Error, Side};
use crate::http::host::Host;
use crate::http::request::ApiRequest;

impl Host {
    /// Learns from a response whether the registry accepts a token for such a request. A 401 is left to the
    /// caller, who reads the challenge as well.
    pub(crate) async fn learn_about_token(
        &self,
        call: &ApiRequest,
        response: &Response,
        token: &Secret,
    ) {
        let tokens = &self.authenticator.tokens;
        if response.url().origin() != self.base.origin() {
            return;
        }
        match response.status() {
            StatusCode::UNAUTHORIZED => {}
            // It may mean that nothing is there.
            StatusCode::FORBIDDEN
                if self.side == Side::Destination && call.method == Method::HEAD => {}
            StatusCode::FORBIDDEN => tokens.rejected(&call.scope, token, Rejection::Denied).await,
            _ => tokens.sharing().accepted(&call.scope),
        }
    }

    /// Whether a 401 refuses a token that has worked before.
    pub(crate) fn has_expired(&self, request: &ApiRequest, headers: &HeaderMap) -> bool {
        let sharing = self.authenticator.tokens.sharing();
        match rejection(headers) {
            Rejection::Invalid => sharing.has_worked_for_any(&request.scope),
            Rejection::Unauthorized | Rejection::Denied => sharing.has_worked(&request.scope),
        }
    }

    /// Learns from a 401 how to authenticate. Returns what makes another attempt pointless.
    ///
    /// # Errors
    /// When the credentials cannot be obtained.
    pub(crate) async fn learn_challenge(
        &self,
        request: &ApiRequest,
        headers: &HeaderMap,
        refused: Option<&Secret>,
    ) -> Result<Option<Advice>, Error> {
        if let Some(refused) = refused {
            let tokens = &self.authenticator.tokens;
            tokens.rejected(&request.scope, refused, rejection(headers)).await;
        }
        if let Err(problem) = self.authenticator.learn(headers, &self.base) {
            // If credentials were sent, they are what to look at.
            let hint = problem.hint.filter(|_| refused.is_none());
            return Ok(Some(Advice { message: problem.message, hint }));
        }
        if self.authenticator.scheme() != Scheme::Basic {
            return Ok(None);
        }
        let missing = match &self.credentials(request).await?.credentials {
            Some(Credentials::Password { .. }) => return Ok(None),
            Some(Credentials::RefreshToken(_)) => "only an identity token is configured",
            None => "none are configured",
        };
        let why = format!("the registry requires a user and a password, and {missing}");
        Ok(Some(Advice::new(why)))
    }
}

/// How a 401 refuses a token.
fn rejection(headers: &HeaderMap) -> Rejection {
    match is_about_invalid_token(headers) {
        true => Rejection::Invalid,
        false => Rejection::Unauthorized,
    }
}
