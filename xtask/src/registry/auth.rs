//! Authentication at one host: what it asks for, and the tokens that it gave.
//!
//! Basic (RFC 7617) and the token protocol of the distribution project: a 401 names a realm, the
//! realm gives a token for a scope. One token request per scope however many tasks wait for it;
//! a token is renewed before it ends, and when the host refuses it all the same.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use serde::Deserialize;
use tokio::time::Instant;

use super::credentials::{Credentials, Secret};
use super::logins::Login;

/// What a token without `expires_in` is good for (distribution's token specification).
const DEFAULT_LIFETIME: u64 = 60;
/// No run is longer; more than the clock can count has been sent as well.
const LONGEST_LIFETIME: u64 = 24 * 60 * 60;
/// A token this close to its end is renewed first, so that it does not end on the way.
const MARGIN: Duration = Duration::from_secs(5);

/// What a request needs to be allowed to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) repository: String,
    pub(crate) push: bool,
    /// The repository that a blob is mounted from.
    pub(crate) also_pull: Option<String>,
}

/// What a host asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// No answer has told yet; a request goes out as it is.
    Unknown,
    Basic,
    Bearer(Realm),
}

/// Where tokens come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Realm {
    pub(crate) url: Url,
    pub(crate) service: Option<String>,
}

/// The state of authentication at one host.
pub(crate) struct Authenticator {
    pub(crate) credentials: Option<Credentials>,
    /// What to do if the host does not take them.
    pub(crate) advice: Arc<str>,
    scheme: Mutex<Scheme>,
    tokens: Mutex<HashMap<Scope, Slot>>,
}

/// One scope's token; the asynchronous lock makes concurrent requests wait for one token request.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) header: Secret,
    renew_at: Instant,
}

/// Both names for the token are in use.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Scope {
    pub(crate) fn pull(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: false, also_pull: None }
    }

    pub(crate) fn push(repository: &str) -> Self {
        Self { repository: repository.to_owned(), push: true, also_pull: None }
    }

    /// To push to one repository what is mounted from another; the repository itself needs no more.
    pub(crate) fn mount(repository: &str, from: &str) -> Self {
        let also_pull = (repository != from).then(|| from.to_owned());
        Self { repository: repository.to_owned(), push: true, also_pull }
    }

    /// The values of `scope`, the one that is pushed to first: some token servers honour only that.
    fn parameters(&self) -> Vec<String> {
        let actions = if self.push { "pull,push" } else { "pull" };
        let own = format!("repository:{}:{actions}", self.repository);
        let other = self.also_pull.iter().map(|from| format!("repository:{from}:pull"));
        std::iter::once(own).chain(other).collect()
    }
}

impl Authenticator {
    pub(crate) fn new(login: Login) -> Self {
        Self {
            credentials: login.credentials,
            advice: login.advice.into(),
            scheme: Mutex::new(Scheme::Unknown),
            tokens: Mutex::new(HashMap::new()),
        }
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers what the host asks for.
    ///
    /// # Errors
    /// When it asks for nothing that we can do, with the reason.
    pub(crate) fn learn(&self, headers: &HeaderMap, host: &Url) -> Result<(), String> {
        let scheme = choose(headers, host, self.credentials.is_some())?;
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = scheme;
        Ok(())
    }

    pub(crate) fn slot(&self, scope: &Scope) -> Slot {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tokens.entry(scope.clone()).or_default())
    }

    /// Drops a token that the host refused, unless somebody has renewed it meanwhile.
    pub(crate) async fn forget(&self, scope: &Scope, refused: &Secret) {
        let slot = self.slot(scope);
        let mut token = slot.lock().await;
        if token.as_ref().is_some_and(|token| token.header == *refused) {
            *token = None;
        }
    }
}

impl Token {
    /// Reads the answer of a token server.
    pub(crate) fn parse(body: &[u8], asked_at: Instant) -> Result<Self, String> {
        // The body may hold a token whatever else is wrong with it: it is never shown.
        let answer: TokenAnswer = serde_json::from_slice(body)
            .map_err(|_| "the answer is not the JSON of a token server".to_owned())?;
        let token = answer
            .token
            .or(answer.access_token)
            .filter(|token| !token.is_empty())
            .ok_or("the answer holds no token")?;
        let lifetime = answer.expires_in.unwrap_or(DEFAULT_LIFETIME).min(LONGEST_LIFETIME);
        let lifetime = Duration::from_secs(lifetime);
        // Very short lives are used to their middle: better renewed often than never used.
        let useful = lifetime.saturating_sub(MARGIN).max(lifetime / 2);
        Ok(Self { header: Secret::new(format!("Bearer {token}")), renew_at: asked_at + useful })
    }

    pub(crate) fn is_fresh(&self) -> bool {
        Instant::now() < self.renew_at
    }
}

impl Realm {
    /// The address to ask for a token.
    pub(crate) fn token_url(&self, scope: &Scope) -> Url {
        let mut url = self.url.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &self.service {
                query.append_pair("service", service);
            }
            for parameter in scope.parameters() {
                query.append_pair("scope", &parameter);
            }
        }
        url
    }

    /// Whether the realm may see the credentials of `host`: the host itself and its siblings under
    /// one registrable domain (`docker.io` and `auth.docker.io`), never anybody else.
    pub(crate) fn may_see_credentials_of(&self, host: &Url) -> bool {
        match (self.url.host_str(), host.host_str()) {
            (Some(realm), Some(host)) => realm == host || is_sibling(realm, host),
            _ => false,
        }
    }
}

/// Picks the scheme to use among all challenges of an answer: a token where one is offered.
fn choose(headers: &HeaderMap, host: &Url, have_credentials: bool) -> Result<Scheme, String> {
    let values: Vec<&str> =
        headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|v| v.to_str().ok()).collect();
    let mut basic = false;
    for challenge in
        values.iter().filter_map(|value| http_auth::parse_challenges(value).ok()).flatten()
    {
        if challenge.scheme.eq_ignore_ascii_case("bearer") {
            return bearer(&challenge, host).map(Scheme::Bearer);
        }
        basic |= challenge.scheme.eq_ignore_ascii_case("basic");
    }
    match (basic, have_credentials) {
        (true, true) => Ok(Scheme::Basic),
        (true, false) => {
            Err("the registry wants a user and a password, and there are none for it".to_owned())
        }
        (false, _) if values.is_empty() => {
            Err("the registry does not say how to log in".to_owned())
        }
        (false, _) => {
            Err("the registry asks for a login that is neither Basic nor Bearer".to_owned())
        }
    }
}

fn bearer(challenge: &http_auth::ChallengeRef<'_>, host: &Url) -> Result<Realm, String> {
    let parameter = |name: &str| {
        let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_unescaped())
    };
    let realm = parameter("realm").ok_or("the challenge names no realm")?;
    let url =
        host.join(&realm).map_err(|_| "the realm of the challenge is no address".to_owned())?;
    // A plain realm for a registry with TLS would show the password to everyone on the way.
    if url.scheme() != "https" && url.scheme() != host.scheme() {
        return Err(format!(
            "the realm of the challenge is not https: `{}`",
            super::error::address(&url)
        ));
    }
    Ok(Realm { url, service: parameter("service") })
}

/// Same last two labels. Public suffixes of two labels (`co.uk`) would need a list; a registry and its
/// token server share three labels there, which `host == realm` or an entry of its own covers.
fn is_sibling(realm: &str, host: &str) -> bool {
    let is_address = |name: &str| name.parse::<std::net::IpAddr>().is_ok() || name.starts_with('[');
    if is_address(realm) || is_address(host) {
        return false;
    }
    let tail = |name: &str| {
        let labels: Vec<&str> = name.rsplit('.').take(3).collect();
        let short_suffix = labels.len() == 3 && labels[0].len() == 2 && labels[1].len() <= 3;
        let needed = if short_suffix { 3 } else { 2 };
        (labels.len() >= needed).then(|| labels[..needed].join("."))
    };
    tail(realm).is_some() && tail(realm) == tail(host)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (WWW_AUTHENTICATE, value.parse().unwrap())).collect()
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn challenges_as_real_registries_send_them_are_understood() {
        let host = url("https://registry-1.docker.io/v2/");
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull""#;
        let table: [(&[&str], bool, &str); 8] = [
            (&[hub], false, "https://auth.docker.io/token service=registry.docker.io"),
            (
                &[r#"Basic realm="x", Bearer realm="https://auth.docker.io/token""#],
                true,
                "https://auth.docker.io/token",
            ),
            (
                &[r#"Basic realm="x""#, r#"bearer realm="/token""#],
                true,
                "https://registry-1.docker.io/token",
            ),
            (&[r#"Basic realm="ECR""#], true, "basic"),
            (&[r#"Basic realm="ECR""#], false, "wants a user and a password"),
            (&[r#"Bearer realm="http://evil.example/token""#], true, "not https"),
            (&[r#"Negotiate"#], true, "neither Basic nor Bearer"),
            (&[], true, "does not say how"),
        ];
        for (values, have_credentials, expected) in table {
            let shown = match choose(&headers(values), &host, have_credentials) {
                Ok(Scheme::Bearer(Realm { url, service })) => match service {
                    Some(service) => format!("{url} service={service}"),
                    None => url.to_string(),
                },
                Ok(Scheme::Basic) => "basic".to_owned(),
                Ok(Scheme::Unknown) => "unknown".to_owned(),
                Err(why) => why,
            };
            assert!(shown.contains(expected), "{values:?}: {shown}");
        }
    }

    #[test]
    fn a_token_is_asked_for_with_every_scope_that_the_request_needs() {
        let realm =
            Realm { url: url("https://auth.local/token?x=1"), service: Some("r".to_owned()) };
        let scope = Scope::mount("a/new", "a/old");
        let query: Vec<String> = realm
            .token_url(&scope)
            .query_pairs()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            query,
            ["x=1", "service=r", "scope=repository:a/new:pull,push", "scope=repository:a/old:pull"]
        );
        assert_eq!(Scope::mount("a", "a"), Scope::push("a"));
    }

    #[test]
    fn credentials_are_shown_to_siblings_of_the_host_only() {
        let table = [
            ("https://auth.docker.io/token", "https://registry-1.docker.io/", true),
            ("https://quay.io/v2/auth", "https://quay.io/", true),
            ("https://gitlab.example.com/jwt/auth", "https://registry.example.com/", true),
            ("https://evil.example/token", "https://quay.io/", false),
            ("https://evil.co.uk/token", "https://registry.co.uk/", false),
            ("https://auth.shop.co.uk/token", "https://registry.shop.co.uk/", true),
            ("http://10.0.0.1/token", "http://10.0.0.2/", false),
            ("http://127.0.0.1:5001/token", "http://127.0.0.1:5000/", true),
            ("https://io/token", "https://quay.io/", false),
        ];
        for (realm, host, expected) in table {
            let realm = Realm { url: url(realm), service: None };
            assert_eq!(realm.may_see_credentials_of(&url(host)), expected, "{} {host}", realm.url);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_it_ends_and_never_at_once() {
        let now = Instant::now();
        let table: [(&[u8], u64, u64); 5] = [
            (br#"{"token":"a","expires_in":300}"#, 294, 296),
            (br#"{"access_token":"a"}"#, 54, 56),
            (br#"{"token":"a","expires_in":2}"#, 0, 2),
            (br#"{"token":"a","expires_in":18446744073709551615}"#, 86_390, 86_400),
            (br#"{"token":"a","expires_in":300,"issued_at":"1999-01-01T00:00:00Z"}"#, 294, 296),
        ];
        for (body, fresh, stale) in table {
            let token = Token::parse(body, now).unwrap();
            assert!(now + Duration::from_secs(fresh) < token.renew_at, "{body:?}");
            assert!(now + Duration::from_secs(stale) > token.renew_at, "{body:?}");
            assert!(token.is_fresh());
        }
        for bad in [&br#"{"token":""}"#[..], b"{}", b"<html>"] {
            assert!(Token::parse(bad, now).is_err());
        }
    }
}
