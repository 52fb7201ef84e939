//! Sends credentials: the `Authorization` header of each request to a registry, and the requests to its
//! token server.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Url};
use tokio::sync::MutexGuard;
use tokio::time::Instant;

use super::challenge::Scheme;
use super::credential_store::{RefreshTokenState, ResolvedCredentials, Reuse};
use super::credentials::{Credentials, Secret};
use super::realm::{Realm, TokenServerTrust};
use super::scope::Scope;
use super::token::Token;
use crate::error::{Cause, Error, address, printable, root_cause};
use crate::http::attempts::retry_after;
use crate::http::body::read_limited;
use crate::http::host::{Host, LONGEST_ERROR};
use crate::http::redact::RequestSecrets;
use crate::http::redirect;
use crate::http::request::ApiRequest;

/// The `client_id` of a token request (RFC 6749, section 2.2).
const CLIENT: &str = "chart-mirror";

/// How a token request authenticates.
enum Grant {
    Anonymous,
    /// The password in a header, as in distribution's token specification.
    Basic(Credentials),
    /// The password in a form, as in OAuth2.
    Form(Credentials),
    RefreshToken(Secret),
}

impl Host {
    /// The value of the `Authorization` header, from a cache or from the token server.
    pub(crate) async fn authorization(&self, call: &ApiRequest) -> Result<Option<Secret>, Error> {
        // Credentials go neither to the target of a redirect nor to an upload URL of another server.
        if call.url.origin() != self.base.origin() {
            return Ok(None);
        }
        self.ping().await;
        match self.authenticator.scheme() {
            Scheme::Unknown => Ok(None),
            Scheme::Basic => {
                let resolved = self.credentials(call).await?;
                Ok(resolved.credentials.as_ref().and_then(Credentials::basic))
            }
            Scheme::Bearer(realm) => {
                let slot = self.authenticator.token_slot(&call.scope);
                let mut token = slot.lock().await;
                if let Some(token) = token.as_ref().filter(|token| token.is_fresh()) {
                    return Ok(Some(token.header.clone()));
                }
                let fetched = self.fetch_token(&realm, call).await?;
                let header = fetched.header.clone();
                *token = Some(fetched);
                Ok(Some(header))
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
    async fn ping(&self) {
        if !self.authenticator.may_have_credentials() {
            return;
        }
        let once = async {
            let Ok(url) = self.base.join("/v2/") else { return };
            self.requests.fetch_add(1, Ordering::Relaxed);
            let sent = self.clients.own().get(url).send();
            if let Ok(Ok(response)) = tokio::time::timeout(self.retry.silence, sent).await
                && response.status().as_u16() == 401
                && response.url().origin() == self.base.origin()
            {
                // The request that needs the token meets the same problem again, and reports it.
                drop(self.authenticator.learn(response.headers(), &self.base));
            }
        };
        self.pinged.get_or_init(|| once).await;
    }

    async fn fetch_token(&self, realm: &Realm, call: &ApiRequest) -> Result<Token, Error> {
        let scope = &call.scope;
        let resolved = self.credentials(call).await?;
        if resolved.credentials.is_some() && realm.trust != TokenServerTrust::Credentials {
            let why = "the token server does not belong to the registry's owner, so no credentials were sent";
            let error =
                self.error(&token_call(realm, scope, Method::GET), Cause::Token(why.to_owned()));
            let (name, server) = (&self.name, realm.url.authority());
            let hint = format!(
                "if it is the token server of {name}, declare it in images.toml: \
                 [registries.\"{name}\"] token-server = \"{server}\""
            );
            return Err(Error { credentials_hint: Some(hint), ..error });
        }
        self.with_retries(|| async {
            let token = self.request_token(realm, scope, &resolved).await;
            token.map_err(|error| match error.cause {
                Cause::Status(response) if !response.is_transient() => {
                    Error { cause: Cause::Token(response.to_string()), ..error }
                }
                _ => error,
            })
        })
        .await
    }

    /// Requests a token, with the grant that the credentials and the server require.
    async fn request_token(
        &self,
        realm: &Realm,
        scope: &Scope,
        resolved: &ResolvedCredentials,
    ) -> Result<Token, Error> {
        if let Some(refresh) = &resolved.refresh_token {
            return self.use_refresh_token(realm, scope, refresh.lock().await).await;
        }
        let Some(credentials) = &resolved.credentials else {
            return self.send_token_request(realm, scope, &Grant::Anonymous).await;
        };
        let requires_post = &self.authenticator.requires_post;
        if !requires_post.load(Ordering::Relaxed) {
            let basic = Grant::Basic(credentials.clone());
            match self.send_token_request(realm, scope, &basic).await {
                Err(error) if matches!(error.status(), Some(404 | 405)) => {
                    requires_post.store(true, Ordering::Relaxed);
                }
                result => return result,
            }
        }
        self.send_token_request(realm, scope, &Grant::Form(credentials.clone())).await
    }

    /// The first response shows whether the refresh token can be reused. If not, only one request may use
    /// it at a time, so the lock is held during the request.
    async fn use_refresh_token(
        &self,
        realm: &Realm,
        scope: &Scope,
        mut refresh: MutexGuard<'_, RefreshTokenState>,
    ) -> Result<Token, Error> {
        let grant = Grant::RefreshToken(refresh.token.clone());
        if refresh.reuse == Reuse::Reusable {
            drop(refresh);
            return self.send_token_request(realm, scope, &grant).await;
        }
        let token = self.send_token_request(realm, scope, &grant).await?;
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
    async fn send_token_request(
        &self,
        realm: &Realm,
        scope: &Scope,
        grant: &Grant,
    ) -> Result<Token, Error> {
        let call = &token_call(realm, scope, grant.method());
        let requested_at = Instant::now();
        let request = token_request(self.clients.own(), realm, scope, grant).build();
        let request = request.map_err(|error| {
            let why = root_cause(&error);
            self.error(
                call,
                Cause::Token(format!("the request cannot be built: {}", printable(&why))),
            )
        })?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = redirect::send_to_realm(&self.clients, realm.trust, request);
        let response = self.receive(call, self.retry.silence, sent).await?;
        let status = response.status();
        tracing::debug!("{} {} {status}", grant.method(), address(&call.url));
        if status.is_redirection() {
            let why =
                "the token server redirects elsewhere, and credentials do not follow a redirect";
            return Err(self.error(call, Cause::Token(why.to_owned())));
        }
        let retry_after = retry_after(response.headers());
        let body = read_limited(response, LONGEST_ERROR * 4, self.retry.silence)
            .await
            .map_err(|cause| self.error(call, cause))?;
        if status.is_success() {
            return Token::parse(&body, requested_at)
                .map_err(|why| self.error(call, Cause::Token(why.message)));
        }
        Err(self.token_refused(call, grant, status.as_u16(), &body, retry_after))
    }

    fn token_refused(
        &self,
        call: &ApiRequest,
        grant: &Grant,
        status: u16,
        body: &Bytes,
        retry_after: Option<std::time::Duration>,
    ) -> Error {
        // The registry and its token server are one service with one rate limit.
        let response = grant.secrets().error_response(status, body, retry_after);
        if let Some(cause) = self.excessive_pause(&response) {
            return self.error(call, cause);
        }
        self.throttle(&response);
        self.error(call, Cause::Status(Box::new(response)))
    }
}

impl Grant {
    fn method(&self) -> Method {
        match self {
            Self::Anonymous | Self::Basic(_) => Method::GET,
            Self::Form(_) | Self::RefreshToken(_) => Method::POST,
        }
    }

    fn secrets(&self) -> RequestSecrets {
        let secrets = RequestSecrets::default();
        match self {
            Self::Anonymous => secrets,
            Self::RefreshToken(token) => secrets.with_secret(token),
            Self::Basic(credentials) | Self::Form(credentials) => {
                secrets.with_credentials(credentials)
            }
        }
    }
}

/// A token request, as errors describe it.
fn token_call(realm: &Realm, scope: &Scope, method: Method) -> ApiRequest {
    ApiRequest::new("get a token", method, realm.url.clone(), scope.clone())
}

/// `GET` with a query, or `POST` with a form (distribution's token specification, both kinds).
fn token_request(
    client: &reqwest::Client,
    realm: &Realm,
    scope: &Scope,
    grant: &Grant,
) -> RequestBuilder {
    let (username, secret, grant_type) = match grant {
        Grant::Anonymous => return client.get(token_url(realm, scope)),
        Grant::Basic(credentials) => {
            let request = client.get(token_url(realm, scope));
            return match credentials.basic() {
                Some(basic) => request.header(AUTHORIZATION, basic.expose()),
                None => request,
            };
        }
        Grant::Form(Credentials::Password { username, password }) => {
            (Some(username.as_str()), password, "password")
        }
        Grant::Form(Credentials::RefreshToken(token)) | Grant::RefreshToken(token) => {
            (None, token, "refresh_token")
        }
    };
    // A form is encoded like the query of a URL.
    let mut form = realm.url.clone();
    form.set_query(None);
    {
        let mut pairs = form.query_pairs_mut();
        pairs.append_pair("grant_type", grant_type).append_pair("client_id", CLIENT);
        if let Some(service) = &realm.service {
            pairs.append_pair("service", service);
        }
        // A form has one value with spaces; a query has several parameters.
        pairs.append_pair("scope", &scope.parameters().join(" "));
        if let Some(username) = username {
            pairs.append_pair("username", username);
        }
        pairs.append_pair(grant_type, secret.expose());
    }
    client
        .post(realm.url.clone())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.query().unwrap_or_default().to_owned())
}

fn token_url(realm: &Realm, scope: &Scope) -> Url {
    let mut url = realm.url.clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = &realm.service {
            query.append_pair("service", service);
        }
        for parameter in scope.parameters() {
            query.append_pair("scope", &parameter);
        }
    }
    url
}

#[cfg(test)]
mod tests {
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
        let url = token_url(&realm(), &Scope::mount("a/new", "a/old"));
        let query: Vec<String> =
            url.query_pairs().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            query,
            ["x=1", "service=r", "scope=repository:a/new:pull,push", "scope=repository:a/old:pull"]
        );
    }

    #[test]
    fn the_secret_of_a_form_is_in_the_body_and_not_in_the_url() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        let table = [
            (
                Grant::Form(Credentials::new("u", "p&q")),
                "grant_type=password&client_id=chart-mirror&service=r&scope=repository%3Aa%3Apull&username=u&password=p%26q",
            ),
            (
                Grant::RefreshToken(Secret::new("t")),
                "grant_type=refresh_token&client_id=chart-mirror&service=r&scope=repository%3Aa%3Apull&refresh_token=t",
            ),
        ];
        for (grant, expected) in table {
            let request = token_request(&client, &realm(), &Scope::pull("a"), &grant);
            let request = request.build().unwrap();
            assert_eq!(request.url().as_str(), "https://auth.local/token?x=1");
            let body = request.body().and_then(reqwest::Body::as_bytes).unwrap();
            assert_eq!(String::from_utf8_lossy(body), expected);
        }
    }
}
