//! The credentials that a registry requires, and how its token endpoint works.

use std::time::Duration;

/// The credentials that a registry requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    None,
    Basic {
        username: String,
        password: String,
    },
    /// Tokens from the registry's own endpoint, `/token`.
    Bearer {
        /// With `None`, every client gets a token for any scope.
        credentials: Option<(String, String)>,
        lifetime: Duration,
        style: TokenStyle,
        key: TokenKey,
        /// Whether the token response has `expires_in`.
        expires_in: bool,
    },
}

/// The request that the token endpoint accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStyle {
    Get,
    /// OAuth2: a form with `grant_type=password`.
    Post,
    Both,
}

/// What the token endpoint grants, and how its tokens look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Grants {
    /// Whatever is requested, by opaque tokens.
    #[default]
    Everything,
    /// The same, by tokens that can be read, and that get longer with each scope.
    EverythingSigned { bytes_per_scope: usize },
    /// The first scope.
    First,
    /// The first scope, by tokens that can be read.
    FirstSigned,
    /// A request with several scopes is refused.
    OnlyOne,
    /// To pull only, by tokens that can be read.
    PullSigned,
    /// A request to push is refused.
    OnlyPull,
}

/// How often a refresh token can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshToken {
    Lasting,
    /// Once: the response contains the next one.
    Replaced,
}

/// The key of the token in the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKey {
    Token,
    AccessToken,
}

impl Authentication {
    pub fn basic(username: &str, password: &str) -> Self {
        Self::Basic { username: username.to_owned(), password: password.to_owned() }
    }

    /// Tokens for these credentials, with a lifetime of five minutes.
    pub fn bearer(username: &str, password: &str) -> Self {
        Self::Bearer {
            credentials: Some((username.to_owned(), password.to_owned())),
            lifetime: Duration::from_secs(300),
            style: TokenStyle::Both,
            key: TokenKey::Token,
            expires_in: true,
        }
    }
}
