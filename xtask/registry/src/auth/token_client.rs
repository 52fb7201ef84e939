//! Sends credentials: the `Authorization` header of each request to a registry, and the requests to its
//! token server.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use tokio::sync::{MutexGuard, OwnedMutexGuard};
use tokio::time::Instant;

use super::authenticator::FirstRequest;
use super::challenge::Scheme;
use super::credential_store::{RefreshTokenState, ResolvedCredentials, Reuse};
use super::credentials::{Credentials, Secret};
use super::realm::{Realm, TokenServerTrust};
use super::scope::{Scope, Scopes, parameter};
use super::sharing::{Issued, Refused, TokenId};
use super::token::Token;
use crate::error::{Cause, Error, HostHint, address};
use crate::http::attempts::retry_after;
use crate::http::body::read_limited;
use crate::http::early_connections;
use crate::http::host::{Host, LONGEST_ERROR, authorize};
use crate::http::redact::RequestSecrets;
use crate::http::redirect;
use crate::http::request::ApiRequest;

/// The `client_id` of a token request (RFC 6749, section 2.2).
const CLIENT: &str = "chart-mirror";

/// What is needed to ask a token server for permission.
struct TokenRequest<'a> {
    host: &'a Host,
    realm: &'a Realm,
    /// What the token is to grant.
    scopes: &'a Scopes,
    /// The request that waits for the token needs only this.
    scope: &'a Scope,
}

/// How a request is authorized.
#[derive(Default)]
pub(crate) struct Authorization<'a> {
    /// The value of the `Authorization` header.
    pub(crate) header: Option<Secret>,
    /// If this is the first request: kept until its response has been read.
    pub(crate) _first: Option<FirstRequest<'a>>,
}

impl Host {
    /// The value of the `Authorization` header, from a cache or from the token server. Before it is known how
    /// the host authenticates, one request finds out, and the others wait.
    pub(crate) async fn authorization(
        &self,
        call: &ApiRequest,
    ) -> Result<Authorization<'_>, Error> {
        // Credentials go neither to the target of a redirect nor to an upload URL of another server.
        // An embedded registry requires none.
        if call.url.origin() != self.base.origin() || self.transport.is_embedded() {
            return Ok(Authorization::default());
        }
        if self.authenticator.is_waiting()
            && let Some(clients) = self.transport.clients()
        {
            clients.open_early(self.queue.in_flight()).await;
        }
        self.ping(call).await;
        let first = self.authenticator.first_request().await;
        let header = match self.authenticator.scheme() {
            Scheme::Unknown => None,
            Scheme::Basic => {
                let resolved = self.credentials(call).await?;
                resolved.credentials.as_ref().and_then(Credentials::basic)
            }
            Scheme::Bearer(realm) => Some(self.token(&realm, call).await?),
        };
        Ok(Authorization { header, _first: first })
    }

    /// The token for a request, as the value of a header. If the server refuses a token for more than the
    /// request needs, less is requested; until it is clear what the server grants, those that would share the token
    /// wait.
    async fn token(&self, realm: &Realm, call: &ApiRequest) -> Result<Secret, Error> {
        let authenticator = &self.authenticator;
        let tokens = &authenticator.tokens;
        let mut held: Vec<(TokenId, OwnedMutexGuard<Option<Token>>)> = Vec::new();
        loop {
            let id = authenticator.choose_token(&call.scope);
            if held.last().is_none_or(|(of, _)| *of != id) {
                let guard = tokens.slot(&id).lock_owned().await;
                // What was learned in the meantime may have changed the choice.
                if authenticator.choose_token(&call.scope) != id {
                    continue;
                }
                held.push((id.clone(), guard));
            }
            let Some((_, slot)) = held.last_mut() else { continue };
            if let Some(token) = slot.as_ref().filter(|token| token.is_fresh()) {
                return Ok(token.header.clone());
            }
            let credentials = self.credentials(call).await?;
            authenticator.assign(&credentials, tokens.sharing().members(&id));
            let scopes = tokens.sharing().scopes(&id, &call.scope);
            match self.fetch_token(realm, call, &scopes).await {
                Ok(token) => {
                    let issued = tokens.sharing().issued(&id, &call.scope, &token);
                    let header = token.header.clone();
                    if issued != Issued::TooLong {
                        **slot = Some(token);
                    }
                    if issued == Issued::Serves {
                        return Ok(header);
                    }
                }
                Err(error) if matches!(error.cause, Cause::Token(_)) => {
                    if tokens.sharing().refused(&id, &call.scope) == Refused::Final {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The credentials for the repository of a request.
    ///
    /// # Errors
    /// If their source is broken.
    pub(crate) async fn credentials(
        &self,
        call: &ApiRequest,
    ) -> Result<Arc<ResolvedCredentials>, Error> {
        let found = self.authenticator.credentials(&call.scope.repository).await;
        found.map_err(|advice| self.error(call, Cause::Credentials(Box::new(advice))))
    }

    /// If there may be credentials, one request finds out which scheme the registry requires. Otherwise it
    /// would refuse all requests that are sent first.
    async fn ping(&self, call: &ApiRequest) {
        if !self.authenticator.may_have_credentials() {
            return;
        }
        let once = async {
            let Ok(url) = self.base.join("/v2/") else { return };
            let Some(clients) = self.transport.clients() else { return };
            let ping = ApiRequest::new("ping", Method::GET, url.clone(), call.scope.clone());
            let trace = self.begin(&ping);
            let (client, request) = (clients.own(), Request::new(Method::GET, url));
            let sent = early_connections::execute(client, request, self.queue.in_flight());
            let sent = async { sent.await.map(|response| trace.with_response(response)) };
            if let Ok(Ok(response)) = tokio::time::timeout(self.retry.silence, sent).await
                && response.status().as_u16() == 401
                && response.url().origin() == self.base.origin()
            {
                // The request that needs the token meets the same problem again, and reports it.
                drop(self.authenticator.learn(response.headers(), &self.base));
            }
        };
        self.pinged.get_or_init(|| once).await;
        self.authenticator.has_responded();
    }

    async fn fetch_token(
        &self,
        realm: &Realm,
        call: &ApiRequest,
        scopes: &Scopes,
    ) -> Result<Token, Error> {
        let resolved = self.credentials(call).await?;
        let request = TokenRequest { host: self, realm, scopes, scope: &call.scope };
        if resolved.credentials.is_some() && realm.trust != TokenServerTrust::Credentials {
            let why = "the token server does not belong to the registry's owner, so no credentials were sent";
            let error = self.error(&request.call(Method::GET), Cause::Token(why.to_owned()));
            let (name, server) = (&self.name, realm.url.authority());
            let hint = format!(
                "if it is the token server of {name}, declare it in images.toml: \
                 [registries.\"{name}\"] token-server = \"{server}\""
            );
            let host_hint = Some(Box::new(HostHint::ForCredentials(hint)));
            return Err(Error { host_hint, ..error });
        }
        self.with_retries(|| async {
            request.send_as(&resolved).await.map_err(|error| match error.cause {
                Cause::Status(response) if !response.is_transient() => {
                    Error { cause: Cause::Token(response.to_string()), ..error }
                }
                _ => error,
            })
        })
        .await
    }
}

impl TokenRequest<'_> {
    /// Requests a token in the way that the credentials and the server require.
    async fn send_as(&self, resolved: &ResolvedCredentials) -> Result<Token, Error> {
        if let Some(refresh) = &resolved.refresh_token {
            return self.send_refresh_token(refresh.lock().await).await;
        }
        let Some(credentials) = &resolved.credentials else {
            return self.send(Method::GET, None).await;
        };
        let requires_post = &self.host.authenticator.requires_post;
        if !requires_post.load(Ordering::Relaxed) {
            match self.send(Method::GET, Some(credentials)).await {
                Err(error) if matches!(error.status(), Some(404 | 405)) => {
                    requires_post.store(true, Ordering::Relaxed);
                }
                result => return result,
            }
        }
        self.send(Method::POST, Some(credentials)).await
    }

    /// The first response shows whether the refresh token can be reused. If not, only one request may use
    /// it at a time, so the lock is held during the request.
    async fn send_refresh_token(
        &self,
        mut refresh: MutexGuard<'_, RefreshTokenState>,
    ) -> Result<Token, Error> {
        let credentials = Credentials::RefreshToken(refresh.token.clone());
        if refresh.reuse == Reuse::Reusable {
            drop(refresh);
            return self.send(Method::POST, Some(&credentials)).await;
        }
        let token = self.send(Method::POST, Some(&credentials)).await?;
        match &token.refresh_token {
            Some(new) if *new != refresh.token => {
                refresh.token = new.clone();
                refresh.reuse = Reuse::Rotated;
            }
            _ if refresh.reuse == Reuse::Unknown => refresh.reuse = Reuse::Reusable,
            _ => {}
        }
        Ok(token)
    }

    /// Sends one request to the token server. It runs under the permit of the request that waits for it.
    async fn send(
        &self,
        method: Method,
        credentials: Option<&Credentials>,
    ) -> Result<Token, Error> {
        let host = self.host;
        let call = &self.call(method);
        let fail = |cause| host.error(call, cause);
        let requested_at = Instant::now();
        let trace = host.begin(call).for_token();
        host.token_requests.fetch_add(1, Ordering::Relaxed);
        let request = match credentials {
            Some(credentials) if call.method == Method::POST => {
                form_request(self.realm, self.scopes, credentials)
            }
            _ => query_request(self.realm, self.scopes, credentials),
        };
        let Some(clients) = host.transport.clients() else {
            return Err(fail(Cause::Internal("a token is requested from no server".to_owned())));
        };
        let sent = redirect::send_to_realm(clients, self.realm.trust, request);
        let response = trace.responded(host.receive(call, host.retry.silence, sent).await)?;
        let status = response.status();
        tracing::debug!("{} {} {status}", call.method, address(&call.url));
        if status.is_redirection() {
            let why =
                "the token server redirects elsewhere, and credentials do not follow a redirect";
            return Err(fail(Cause::Token(why.to_owned())));
        }
        let retry_after = retry_after(response.headers());
        let body =
            read_limited(response, LONGEST_ERROR * 4, host.retry.silence).await.map_err(fail)?;
        if status.is_success() {
            return Token::parse(&body, requested_at)
                .map_err(|why| fail(Cause::Token(why.message)));
        }
        let secrets = RequestSecrets::default();
        let secrets = credentials.into_iter().fold(secrets, RequestSecrets::with_credentials);
        let response = secrets.error_response(status.as_u16(), &body, retry_after);
        if let Some(cause) = host.excessive_pause(&response) {
            return Err(fail(cause));
        }
        // The registry and its token server are one service with one rate limit.
        host.throttle(&response);
        Err(fail(Cause::Status(Box::new(response))))
    }

    /// The request, as errors describe it.
    fn call(&self, method: Method) -> ApiRequest {
        ApiRequest::new("get a token", method, self.realm.url.clone(), self.scope.clone())
    }
}

/// A GET with a query, and the password in a header (distribution's token specification).
fn query_request(realm: &Realm, scopes: &Scopes, credentials: Option<&Credentials>) -> Request {
    let mut url = realm.url.clone();
    url.query_pairs_mut()
        .extend_pairs(realm.service.iter().map(|service| ("service", service)))
        .extend_pairs(scopes.iter().map(|scope| ("scope", parameter(scope))));
    let mut request = Request::new(Method::GET, url);
    if let Some(basic) = credentials.and_then(Credentials::basic) {
        authorize(&mut request, &basic);
    }
    request
}

/// A POST with a form that contains the credentials, as in OAuth2.
fn form_request(realm: &Realm, scopes: &Scopes, credentials: &Credentials) -> Request {
    let (username, grant_type) = match credentials {
        Credentials::Password { username, .. } => (Some(username), "password"),
        Credentials::RefreshToken(_) => (None, "refresh_token"),
    };
    let scopes: Vec<String> = scopes.iter().map(parameter).collect();
    // A form is encoded like the query of a URL.
    let mut form = realm.url.clone();
    form.set_query(None);
    form.query_pairs_mut()
        .append_pair("grant_type", grant_type)
        .append_pair("client_id", CLIENT)
        .extend_pairs(realm.service.iter().map(|service| ("service", service)))
        // A form has one value with spaces; a query has several parameters.
        .append_pair("scope", &scopes.join(" "))
        .extend_pairs(username.map(|username| ("username", username)))
        .append_pair(grant_type, credentials.secret().expose());
    let mut request = Request::new(Method::POST, realm.url.clone());
    let media_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, media_type);
    *request.body_mut() = Some(form.query().unwrap_or_default().to_owned().into());
    request
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::*;

    fn realm() -> Realm {
        Realm {
            url: Url::parse("https://auth.local/token?x=1").unwrap(),
            service: Some("r".to_owned()),
            trust: TokenServerTrust::Credentials,
        }
    }

    #[test]
    fn the_query_of_a_token_request_has_every_scope() {
        let request = query_request(&realm(), &Scope::mount("a/new", "a/old").to_scopes(), None);
        let query: Vec<String> =
            request.url().query_pairs().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            query,
            ["x=1", "service=r", "scope=repository:a/new:pull,push", "scope=repository:a/old:pull"]
        );
    }

    #[test]
    fn the_secret_of_a_form_is_in_the_body_and_not_in_the_url() {
        let table = [
            (
                Credentials::new("u", "p&q"),
                "grant_type=password&client_id=chart-mirror&service=r&scope=repository%3Aa%3Apull&username=u&password=p%26q",
            ),
            (
                Credentials::RefreshToken(Secret::new("t")),
                "grant_type=refresh_token&client_id=chart-mirror&service=r&scope=repository%3Aa%3Apull&refresh_token=t",
            ),
        ];
        for (credentials, expected) in table {
            let request = form_request(&realm(), &Scope::pull("a").to_scopes(), &credentials);
            assert_eq!(request.url().as_str(), "https://auth.local/token?x=1");
            let body = request.body().and_then(reqwest::Body::as_bytes).unwrap();
            assert_eq!(String::from_utf8_lossy(body), expected);
        }
    }
}
