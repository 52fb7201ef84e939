//! `Secret` and `Credentials`: values that go to the server they belong to, and that cannot be printed.

use std::fmt;

use base64::Engine as _;

/// The user name that docker and its helpers store with a refresh token.
const TOKEN_USER: &str = "<token>";

/// A value that no log, error or report can show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Credentials for a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    Password {
        username: String,
        password: Secret,
    },
    /// Issued by a token server at `docker login` instead of storing the password; it is exchanged for
    /// access tokens. Docker calls it an identity token.
    RefreshToken(Secret),
}

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself. Use it only for the header or the form that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl Credentials {
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password { username: username.into(), password: Secret::new(password) }
    }

    /// Credentials as files and credential helpers store them: the user `<token>` marks a refresh token.
    pub(crate) fn from_stored(username: &str, secret: &str) -> Self {
        if username == TOKEN_USER {
            return Self::RefreshToken(Secret::new(secret));
        }
        Self::new(username, secret)
    }

    /// The value of an `Authorization: Basic` header (RFC 7617), if there is a password.
    pub(crate) fn basic(&self) -> Option<Secret> {
        let Self::Password { username, password } = self else { return None };
        let pair = format!("{username}:{}", password.expose());
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        Some(Secret(format!("Basic {encoded}")))
    }

    /// The part that is secret.
    pub(crate) fn secret(&self) -> &Secret {
        match self {
            Self::Password { password, .. } => password,
            Self::RefreshToken(token) => token,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_cannot_be_printed() {
        let credentials = Credentials::new("robot", "hunter2");
        let basic = credentials.basic().unwrap();
        assert_eq!(basic.expose(), "Basic cm9ib3Q6aHVudGVyMg==");
        let token = Credentials::from_stored("<token>", "canary");
        assert_eq!(token.basic(), None);
        let printed = format!("{credentials:?} {basic:?} {token:?}");
        for secret in ["hunter2", "cm9ib3", "canary"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}
