//! Checks credentials: the challenge, the token endpoint, and the scopes of tokens.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method, StatusCode};
use registry_server::route::{Kind, Parameters, Route};
use registry_server::{ErrorReply, Reply};
use serde_json::json;

use crate::authentication::{Authentication, Grants, RefreshToken, TokenKey, TokenStyle};
use crate::body::RequestBody;
use crate::failure::Failure;
use crate::lock::lock;
use crate::request::Request;

/// The tokens of a registry.
#[derive(Default)]
pub(super) struct Tokens {
    pub(super) issued: Mutex<HashMap<String, Grant>>,
    /// The refresh tokens that are accepted instead of a password.
    pub(super) refresh: Mutex<HashMap<String, RefreshToken>>,
    /// The `issued_at` of all further tokens.
    pub(super) issued_at: Mutex<Option<String>>,
    pub(super) grants: Mutex<Grants>,
    count: AtomicU64,
    secret: RandomState,
}

pub(super) struct Grant {
    pub(super) expires: Instant,
    scopes: Vec<String>,
    /// Whether a request has been allowed by it.
    was_accepted: bool,
}

/// The repositories and actions that a request needs.
type Needs = Vec<(String, &'static str)>;

/// The end of the challenge to a request whose token does not allow it.
type TokenProblem = &'static str;

impl Tokens {
    /// Uses a refresh token, and returns the next one; `None` if the token is unknown.
    fn refreshed(&self, token: &str) -> Option<String> {
        let mut known = lock(&self.refresh);
        match known.get(token)? {
            RefreshToken::Lasting => Some(token.to_owned()),
            RefreshToken::Replaced => {
                known.remove(token);
                let next = self.next_token();
                known.insert(next.clone(), RefreshToken::Replaced);
                Some(next)
            }
        }
    }

    /// Refuses a request without the credentials that it needs.
    pub(super) fn check(
        &self,
        authentication: &Authentication,
        origin: &str,
        request: &Request,
    ) -> Result<(), Failure> {
        match authentication {
            Authentication::None => Ok(()),
            Authentication::Basic { username, password } => {
                if basic(&request.headers) == Some((username.clone(), password.clone())) {
                    return Ok(());
                }
                Err(Failure::unauthorized(r#"Basic realm="registry in memory""#))
            }
            Authentication::Bearer { .. } => {
                let needs = needs(request);
                let Err(problem) = self.allows(&request.headers, &needs) else { return Ok(()) };
                Err(Failure::unauthorized(&challenge(origin, &needs, problem)))
            }
        }
    }

    /// Replies as the token endpoint.
    pub(super) async fn issue(
        &self,
        authentication: &Authentication,
        request: &Request,
        body: &mut RequestBody,
    ) -> Result<Reply, Failure> {
        let Authentication::Bearer { credentials, lifetime, style, key, expires_in } =
            authentication
        else {
            return Err(ErrorReply::not_found().into());
        };
        let mut next = None;
        let (form, credentials_sent) = match request.method {
            Method::GET if *style != TokenStyle::Post => {
                (request.query.clone(), basic(&request.headers))
            }
            Method::POST if *style != TokenStyle::Get => {
                let form = body.whole(64 * 1024).await?;
                let form = Parameters::parse(&String::from_utf8_lossy(&form));
                let value = |name: &str| form.get(name).map(str::to_owned);
                let credentials_sent = match value("grant_type").as_deref() {
                    Some("password") => value("username").zip(value("password")),
                    _ => None,
                };
                next = value("refresh_token").and_then(|token| self.refreshed(&token));
                (form, credentials_sent)
            }
            _ => return Err(ErrorReply::unsupported().into()),
        };
        if credentials.is_some() && credentials_sent != *credentials && next.is_none() {
            let why = "incorrect username or password";
            return Err(ErrorReply::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", why).into());
        }

        let scopes: Vec<String> =
            form.all("scope").flat_map(str::split_whitespace).map(str::to_owned).collect();
        let token = self.grant(scopes, Instant::now() + *lifetime)?;
        let name = match key {
            TokenKey::Token => "token",
            TokenKey::AccessToken => "access_token",
        };
        let mut reply = json!({name: token});
        if *expires_in {
            reply["expires_in"] = lifetime.as_secs().into();
        }
        if let Some(next) = next {
            reply["refresh_token"] = next.into();
        }
        if let Some(issued_at) = &*lock(&self.issued_at) {
            reply["issued_at"] = issued_at.as_str().into();
        }
        Ok(Reply::json("application/json", &reply))
    }

    /// Makes a token for the scopes that are granted.
    fn grant(&self, scopes: Vec<String>, expires: Instant) -> Result<String, Failure> {
        let grants = *lock(&self.grants);
        let Some(scopes) = grants.of(scopes) else {
            let why = "requested access to the resource is denied";
            return Err(ErrorReply::new(StatusCode::FORBIDDEN, "DENIED", why).into());
        };
        let token = match grants.padding() {
            Some(padding) => signed(&self.next_token(), &scopes, padding),
            None => self.next_token(),
        };
        lock(&self.issued).insert(token.clone(), Grant { expires, scopes, was_accepted: false });
        Ok(token)
    }

    /// Expires the token of a request, unless it is new.
    pub(super) fn expire(&self, headers: &HeaderMap) {
        let Some(token) = bearer(headers) else { return };
        if let Some(grant) = lock(&self.issued).get_mut(token).filter(|grant| grant.was_accepted) {
            grant.expires = Instant::now();
        }
    }

    fn allows(&self, headers: &HeaderMap, needs: &Needs) -> Result<(), TokenProblem> {
        let Some(token) = bearer(headers) else { return Err("") };
        let mut issued = lock(&self.issued);
        let live = issued.get_mut(token).filter(|grant| grant.expires > Instant::now());
        let Some(grant) = live else { return Err(r#",error="invalid_token""#) };
        let granted = |(repository, action): &(String, &str)| {
            grant.scopes.iter().any(|scope| covers(scope, repository, action))
        };
        if !needs.iter().all(granted) {
            return Err(r#",error="insufficient_scope""#);
        }
        grant.was_accepted = true;
        Ok(())
    }

    fn next_token(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::SeqCst);
        let word = |salt: u8| self.secret.hash_one((count, salt));
        format!("{:016x}{:016x}", word(0), word(1))
    }
}

impl Grants {
    /// What is granted of the requested scopes; `None` if the request is refused.
    fn of(self, mut scopes: Vec<String>) -> Option<Vec<String>> {
        match self {
            Self::Everything | Self::EverythingSigned { .. } => {}
            Self::First | Self::FirstSigned => scopes.truncate(1),
            Self::OnlyOne if scopes.len() > 1 => return None,
            Self::OnlyPull if scopes.iter().any(|scope| scope.contains("push")) => return None,
            Self::OnlyOne | Self::OnlyPull => {}
            Self::PullSigned => {
                scopes = scopes.iter().map(|scope| scope.replace(":pull,push", ":pull")).collect();
            }
        }
        Some(scopes)
    }

    /// The extra bytes of a signed token for each scope; `None` for opaque tokens.
    fn padding(self) -> Option<usize> {
        match self {
            Self::EverythingSigned { bytes_per_scope } => Some(bytes_per_scope),
            Self::FirstSigned | Self::PullSigned => Some(0),
            Self::Everything | Self::First | Self::OnlyOne | Self::OnlyPull => None,
        }
    }
}

/// A token in the form of distribution's token specification, without a real signature.
fn signed(id: &str, scopes: &[String], padding: usize) -> String {
    let access = scopes.iter().filter_map(|scope| {
        let (kind, rest) = scope.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let actions: Vec<&str> = actions.split(',').collect();
        Some(
            json!({"type": kind, "name": name, "actions": actions, "padding": "x".repeat(padding)}),
        )
    });
    let claims = json!({"jti": id, "access": access.collect::<Vec<_>>()}).to_string();
    format!("e30.{}.{id}", URL_SAFE_NO_PAD.encode(claims))
}

fn needs(request: &Request) -> Needs {
    let Route { kind, repository, name } = &request.route;
    let Some(repository) = repository else { return Vec::new() };
    let need = |action| (repository.to_owned(), action);
    let mut needs = match request.method {
        Method::GET | Method::HEAD => vec![need("pull")],
        // Cancelling an upload is part of pushing.
        Method::DELETE if *kind != Kind::Upload => vec![need("delete")],
        _ => vec![need("pull"), need("push")],
    };
    let mounted_from = request.query.get("mount").and(request.query.get("from"));
    if let (Kind::Upload, "", Some(from)) = (kind, name.as_str(), mounted_from)
        && from != repository
    {
        needs.push((from.to_owned(), "pull"));
    }
    needs
}

fn challenge(origin: &str, needs: &Needs, problem: TokenProblem) -> String {
    let service = origin.strip_prefix("http://").unwrap_or("registry in memory");
    let mut challenge = format!(r#"Bearer realm="{origin}/token",service="{service}""#);
    let mut scopes: Vec<String> = Vec::new();
    for (repository, action) in needs {
        let of_repository = format!("repository:{repository}:");
        match scopes.iter_mut().find(|scope| scope.starts_with(&of_repository)) {
            Some(scope) => scope.push_str(&format!(",{action}")),
            None => scopes.push(of_repository + action),
        }
    }
    if !scopes.is_empty() {
        challenge += &format!(r#",scope="{}""#, scopes.join(" "));
    }
    challenge + problem
}

/// Whether `repository:NAME:ACTION,ACTION` allows an action on a repository.
fn covers(scope: &str, repository: &str, action: &str) -> bool {
    let granted = scope.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':'));
    granted.is_some_and(|(name, actions)| {
        name == repository && actions.split(',').any(|granted| granted == action || granted == "*")
    })
}

/// The token of a request.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    Some((username.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_needs_the_scopes_of_what_it_does() {
        let table = [
            (Method::GET, "/v2/", "", ""),
            (Method::GET, "/v2/a/manifests/1", "", "a:pull"),
            (Method::HEAD, "/v2/a/blobs/sha256:00", "", "a:pull"),
            (Method::PUT, "/v2/a/manifests/1", "", "a:pull a:push"),
            (Method::DELETE, "/v2/a/manifests/1", "", "a:delete"),
            (Method::DELETE, "/v2/a/blobs/uploads/7", "", "a:pull a:push"),
            (Method::POST, "/v2/a/blobs/uploads/", "mount=x&from=b/c", "a:pull a:push b/c:pull"),
            (Method::POST, "/v2/a/blobs/uploads/", "mount=x&from=a", "a:pull a:push"),
            (Method::POST, "/v2/a/blobs/uploads/", "from=b", "a:pull a:push"),
        ];
        for (method, path, query, expected) in table {
            let request = hyper::Request::builder().method(&method).uri(format!("{path}?{query}"));
            let request = Request::new(request.body(()).unwrap().into_parts().0);
            let needs: Vec<_> = needs(&request).iter().map(|(r, a)| format!("{r}:{a}")).collect();
            assert_eq!(needs.join(" "), expected, "{method} {path}?{query}");
        }
    }

    #[test]
    fn a_challenge_names_each_repository_once() {
        let needs =
            vec![("a".to_owned(), "pull"), ("a".to_owned(), "push"), ("b".to_owned(), "pull")];
        assert_eq!(
            challenge("http://127.0.0.1:1", &needs, ",error=\"invalid_token\""),
            "Bearer realm=\"http://127.0.0.1:1/token\",service=\"127.0.0.1:1\",\
             scope=\"repository:a:pull,push repository:b:pull\",error=\"invalid_token\""
        );
    }

    #[test]
    fn a_scope_covers_its_repository_and_its_actions_only() {
        let table = [
            ("repository:a/b:pull,push", "a/b", "push", true),
            ("repository:a/b:pull", "a/b", "push", false),
            ("repository:a/b:*", "a/b", "delete", true),
            ("repository:a:pull", "a/b", "pull", false),
            ("repository:a/b:pull", "a", "pull", false),
            ("registry:catalog:*", "catalog", "pull", false),
        ];
        for (scope, repository, action, expected) in table {
            assert_eq!(
                covers(scope, repository, action),
                expected,
                "{scope} {repository} {action}"
            );
        }
    }
}
