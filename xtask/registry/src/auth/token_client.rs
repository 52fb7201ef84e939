//! Logging in at a host: the header of each request, and the requests for tokens.

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

/// What a token server has to be told of who asks (RFC 6749 wants a name for the program).
const CLIENT: &str = "xtask";

/// With what a token is asked for.
enum Proof {
    Nothing,
    /// The password in a header, as the distribution project does.
    Basic(Credentials),
    /// The password in a form, as OAuth2 does.
    Form(Credentials),
    RefreshToken(Secret),
}

impl Host {
    /// The value of the `Authorization` header, from a cache or from the token server.
    pub(crate) async fn authorization(&self, call: &ApiRequest) -> Result<Option<Secret>, Error> {
        // Neither a redirect's target nor an upload address elsewhere may see it.
        if call.url.origin() != self.base.origin() {
            return Ok(None);
        }
        self.ping().await;
        match self.authenticator.scheme() {
            Scheme::Unknown => Ok(None),
            Scheme::Basic => {
                let login = self.credentials(call).await?;
                Ok(login.credentials.as_ref().and_then(Credentials::basic))
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

    /// Who we are at the repository of a request.
    pub(crate) async fn credentials(
        &self,
        call: &ApiRequest,
    ) -> Result<Arc<ResolvedCredentials>, Error> {
        let found = self.authenticator.credentials(&call.scope.repository).await;
        found.map_err(|advice| self.error(call, Cause::Credentials(Box::new(advice))))
    }

    /// With a login at hand the host will ask for it: one request learns how, instead of all the
    /// first ones being refused.
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
                // What is wrong here shows again, and is reported, with the request that needs it.
                drop(self.authenticator.learn(response.headers(), &self.base));
            }
        };
        self.pinged.get_or_init(|| once).await;
    }

    async fn fetch_token(&self, realm: &Realm, call: &ApiRequest) -> Result<Token, Error> {
        let scope = &call.scope;
        let login = self.credentials(call).await?;
        if login.credentials.is_some() && realm.trust != TokenServerTrust::Credentials {
            let error = self
                .error(&token_call(realm, scope, Method::GET), Cause::Token(NOT_SHOWN.to_owned()));
            let server = realm.url.authority();
            let advice = format!(
                "if it is the token server of {}, say so in images.toml: [registries.\"{}\"] \
                 token-server = \"{server}\"",
                self.name, self.name
            );
            return Err(Error { credentials_hint: Some(advice), ..error });
        }
        self.with_retries(|| async {
            let token = self.ask_as(realm, scope, &login).await;
            token.map_err(|error| match error.cause {
                Cause::Status(response) if !response.is_transient() => {
                    Error { cause: Cause::Token(response.to_string()), ..error }
                }
                _ => error,
            })
        })
        .await
    }

    /// Asks for a token once, in the way that the login and the server want.
    async fn ask_as(
        &self,
        realm: &Realm,
        scope: &Scope,
        login: &ResolvedCredentials,
    ) -> Result<Token, Error> {
        if let Some(refresh) = &login.refresh_token {
            return self.ask_with_refresh_token(realm, scope, refresh.lock().await).await;
        }
        let Some(credentials) = &login.credentials else {
            return self.ask_for_token(realm, scope, &Proof::Nothing).await;
        };
        let requires_post = &self.authenticator.requires_post;
        if !requires_post.load(Ordering::Relaxed) {
            let basic = Proof::Basic(credentials.clone());
            match self.ask_for_token(realm, scope, &basic).await {
                Err(error) if matches!(error.status(), Some(404 | 405)) => {
                    requires_post.store(true, Ordering::Relaxed);
                }
                asked => return asked,
            }
        }
        self.ask_for_token(realm, scope, &Proof::Form(credentials.clone())).await
    }

    /// The first answer tells whether the refresh token stays good. One that does not may be used by
    /// one request at a time only, so its lock is kept meanwhile.
    async fn ask_with_refresh_token(
        &self,
        realm: &Realm,
        scope: &Scope,
        mut refresh: MutexGuard<'_, RefreshTokenState>,
    ) -> Result<Token, Error> {
        let proof = Proof::RefreshToken(refresh.token.clone());
        if refresh.reuse == Reuse::Reusable {
            drop(refresh);
            return self.ask_for_token(realm, scope, &proof).await;
        }
        let token = self.ask_for_token(realm, scope, &proof).await?;
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

    /// One request to the token server. The permit of the request that waits for it stands for both.
    async fn ask_for_token(
        &self,
        realm: &Realm,
        scope: &Scope,
        proof: &Proof,
    ) -> Result<Token, Error> {
        let call = &token_call(realm, scope, proof.method());
        let asked_at = Instant::now();
        let request = token_request(self.clients.own(), realm, scope, proof).build();
        let request = request.map_err(|error| {
            let why = root_cause(&error);
            self.error(call, Cause::Token(format!("no request can be made: {}", printable(&why))))
        })?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = redirect::send_to_realm(&self.clients, realm.trust, request);
        let response = self.receive(call, Some(self.retry.silence), sent).await?;
        let status = response.status();
        tracing::debug!("{} {} {status}", proof.method(), address(&call.url));
        if status.is_redirection() {
            let why = "the token server sends us elsewhere, where no login is taken to";
            return Err(self.error(call, Cause::Token(why.to_owned())));
        }
        let retry_after = retry_after(response.headers());
        let body = read_limited(response, LONGEST_ERROR * 4, self.retry.silence)
            .await
            .map_err(|cause| self.error(call, cause))?;
        if status.is_success() {
            return Token::parse(&body, asked_at)
                .map_err(|why| self.error(call, Cause::Token(why.message)));
        }
        Err(self.token_refused(call, proof, status.as_u16(), &body, retry_after))
    }

    fn token_refused(
        &self,
        call: &ApiRequest,
        proof: &Proof,
        status: u16,
        body: &Bytes,
        retry_after: Option<std::time::Duration>,
    ) -> Error {
        // The registry and who gives its tokens are one service: its limit is kept by both.
        let response = proof.secrets().error_response(status, body, retry_after);
        if let Some(cause) = self.excessive_pause(&response) {
            return self.error(call, cause);
        }
        self.throttle(&response);
        self.error(call, Cause::Status(Box::new(response)))
    }
}

const NOT_SHOWN: &str =
    "the token server belongs to somebody else than the registry: it is not shown the password";

impl Proof {
    fn method(&self) -> Method {
        match self {
            Self::Nothing | Self::Basic(_) => Method::GET,
            Self::Form(_) | Self::RefreshToken(_) => Method::POST,
        }
    }

    fn secrets(&self) -> RequestSecrets {
        let secrets = RequestSecrets::default();
        match self {
            Self::Nothing => secrets,
            Self::RefreshToken(token) => secrets.with_secret(token),
            Self::Basic(credentials) | Self::Form(credentials) => {
                secrets.with_credentials(credentials)
            }
        }
    }
}

/// A request for a token as errors tell it.
fn token_call(realm: &Realm, scope: &Scope, method: Method) -> ApiRequest {
    ApiRequest::new("get a token", method, realm.url.clone(), scope.clone())
}

/// `GET` with a query, or `POST` with a form (distribution's token specification, both kinds).
fn token_request(
    client: &reqwest::Client,
    realm: &Realm,
    scope: &Scope,
    proof: &Proof,
) -> RequestBuilder {
    let (username, secret, grant) = match proof {
        Proof::Nothing => return client.get(token_address(realm, scope)),
        Proof::Basic(credentials) => {
            let request = client.get(token_address(realm, scope));
            return match credentials.basic() {
                Some(basic) => request.header(AUTHORIZATION, basic.expose()),
                None => request,
            };
        }
        Proof::Form(Credentials::Password { username, password }) => {
            (Some(username.as_str()), password, "password")
        }
        Proof::Form(Credentials::RefreshToken(token)) | Proof::RefreshToken(token) => {
            (None, token, "refresh_token")
        }
    };
    // The query of an address has the form of a form.
    let mut form = realm.url.clone();
    form.set_query(None);
    {
        let mut pairs = form.query_pairs_mut();
        pairs.append_pair("grant_type", grant).append_pair("client_id", CLIENT);
        if let Some(service) = &realm.service {
            pairs.append_pair("service", service);
        }
        // One value with spaces here, where a query has several.
        pairs.append_pair("scope", &scope.parameters().join(" "));
        if let Some(username) = username {
            pairs.append_pair("username", username);
        }
        pairs.append_pair(grant, secret.expose());
    }
    client
        .post(realm.url.clone())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form.query().unwrap_or_default().to_owned())
}

fn token_address(realm: &Realm, scope: &Scope) -> Url {
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
    fn a_token_is_asked_for_by_a_query_with_every_scope() {
        let url = token_address(&realm(), &Scope::mount("a/new", "a/old"));
        let query: Vec<String> =
            url.query_pairs().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            query,
            ["x=1", "service=r", "scope=repository:a/new:pull,push", "scope=repository:a/old:pull"]
        );
    }

    #[test]
    fn a_secret_in_a_form_is_in_the_body_and_not_in_the_address() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        let table = [
            (
                Proof::Form(Credentials::new("u", "p&q")),
                "grant_type=password&client_id=xtask&service=r&scope=repository%3Aa%3Apull&username=u&password=p%26q",
            ),
            (
                Proof::RefreshToken(Secret::new("t")),
                "grant_type=refresh_token&client_id=xtask&service=r&scope=repository%3Aa%3Apull&refresh_token=t",
            ),
        ];
        for (proof, expected) in table {
            let request = token_request(&client, &realm(), &Scope::pull("a"), &proof);
            let request = request.build().unwrap();
            assert_eq!(request.url().as_str(), "https://auth.local/token?x=1");
            let body = request.body().and_then(reqwest::Body::as_bytes).unwrap();
            assert_eq!(String::from_utf8_lossy(body), expected);
        }
    }
}
