//! `Token`: an access token, and when to renew it.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use messages::Advice;
use serde::Deserialize;
use tokio::time::Instant;

use super::credentials::Secret;
use super::scope::Access;

/// The lifetime of a token without `expires_in`, in seconds (distribution's token specification).
const DEFAULT_LIFETIME: u64 = 60;
/// Upper bound in seconds: servers have sent lifetimes that overflow `Instant`, and no run is longer.
const LONGEST_LIFETIME: u64 = 24 * 60 * 60;
/// A token this close to its end is renewed first, so that it does not expire on its way.
const MARGIN: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// The value of the `Authorization` header.
    pub(crate) header: Secret,
    /// A replacement refresh token, if the response had one.
    pub(crate) refresh_token: Option<Secret>,
    /// What it grants by repository, if it can be read.
    pub(crate) granted: Option<HashMap<String, Access>>,
    renew_at: Instant,
}

/// The response of a token server; both names of the token are in use. `issued_at` is ignored: clocks
/// differ, and the time of the request is known.
#[derive(Deserialize)]
struct TokenResponse {
    token: Option<String>,
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<serde_json::Value>,
}

impl Token {
    /// Reads the response of a token server.
    ///
    /// # Errors
    /// If it contains no token. The reason never quotes the response, which may contain a secret.
    pub(crate) fn parse(body: &[u8], requested_at: Instant) -> Result<Self, Advice> {
        let response: TokenResponse = serde_json::from_slice(body)
            .map_err(|_| Advice::new("the response is not the JSON of a token server"))?;
        let token = response
            .token
            .or(response.access_token)
            .filter(|token| !token.is_empty())
            .ok_or("the response contains no token")?;
        let lifetime = response.expires_in.as_ref().and_then(seconds).unwrap_or(DEFAULT_LIFETIME);
        let lifetime = Duration::from_secs(lifetime.min(LONGEST_LIFETIME));
        // A very short lifetime is used at least by half: renewing often is better than never using it.
        let useful = lifetime.saturating_sub(MARGIN).max(lifetime / 2);
        let refresh_token = response.refresh_token.filter(|token| !token.is_empty());
        Ok(Self {
            granted: granted(&token),
            header: Secret::new(format!("Bearer {token}")),
            refresh_token: refresh_token.map(Secret::new),
            renew_at: requested_at + useful,
        })
    }

    pub(crate) fn is_fresh(&self) -> bool {
        Instant::now() < self.renew_at
    }
}

/// The claims of a signed token (distribution's token specification, "Token Authentication Implementation").
#[derive(Deserialize)]
struct Claims {
    access: Vec<AccessClaim>,
}

#[derive(Deserialize)]
struct AccessClaim {
    name: String,
    #[serde(default)]
    actions: Vec<String>,
}

/// What a token grants, if it is a signed one of that specification. Its signature is the registry's matter: this
/// only decides what another token is requested for.
fn granted(token: &str) -> Option<HashMap<String, Access>> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    let allows = |claim: &AccessClaim, action: &str| {
        claim.actions.iter().any(|granted| granted == action || granted == "*")
    };
    let access = claims.access.into_iter().filter_map(|claim| {
        let granted = ["pull", "push", "delete"].map(|action| allows(&claim, action));
        let access = match granted {
            [_, true, true] => Access::Delete,
            [_, true, false] => Access::Push,
            [true, false, _] => Access::Pull,
            [false, false, _] => return None,
        };
        Some((claim.name, access))
    });
    Some(access.collect())
}

/// A lifetime as servers write it; some send a fraction or a string. Zero and less are ignored: they
/// would cost a token request for every request.
fn seconds(value: &serde_json::Value) -> Option<u64> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    // The conversion saturates.
    Some(number as u64).filter(|&seconds| seconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_before_it_expires_and_never_at_once() {
        let now = Instant::now();
        let table: [(&[u8], u64, u64); 10] = [
            (br#"{"token":"a","expires_in":300}"#, 269, 271),
            (br#"{"access_token":"a","expires_in":"300"}"#, 269, 271),
            (br#"{"token":"a","expires_in":300.7}"#, 269, 271),
            (br#"{"access_token":"a"}"#, 29, 31),
            (br#"{"token":"a","expires_in":0}"#, 29, 31),
            (br#"{"token":"a","expires_in":-5}"#, 29, 31),
            (br#"{"token":"a","expires_in":2}"#, 0, 2),
            (br#"{"token":"a","expires_in":18446744073709551615}"#, 86_360, 86_400),
            (br#"{"token":"a","expires_in":300,"issued_at":"1999-01-01T00:00:00Z"}"#, 269, 271),
            (br#"{"token":"a","expires_in":300,"issued_at":"2999-01-01T00:00:00Z"}"#, 269, 271),
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

    #[test]
    fn what_a_signed_token_grants_is_read_and_any_other_token_is_opaque() {
        let signed = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let claims = r#"{"access": [
            {"type": "repository", "name": "a/b", "actions": ["pull", "push"]},
            {"type": "repository", "name": "c", "actions": ["pull"]},
            {"type": "repository", "name": "d", "actions": ["*"]},
            {"type": "repository", "name": "e", "actions": []}
        ]}"#;
        let expected = [("a/b", Access::Push), ("c", Access::Pull), ("d", Access::Delete)];
        let expected = expected.map(|(name, access)| (name.to_owned(), access));
        assert_eq!(granted(&signed(claims)), Some(HashMap::from(expected)));
        assert_eq!(granted(&signed(r#"{"access": []}"#)), Some(HashMap::new()));
        for opaque in ["", "abc", "a.b.c", &signed("{}"), &signed(r#"{"access": null}"#), "e30.."] {
            assert_eq!(granted(opaque), None, "{opaque}");
        }
    }
}
