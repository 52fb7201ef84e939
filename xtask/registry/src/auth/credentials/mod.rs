//! What a login is made of, and the surroundings that it is looked up in: variables and files.
//!
//! `files` reads what `docker login` and `podman login` leave behind, `program` asks the credential
//! helpers that these files name. Which of all that belongs to a host is `logins`' to say.

use std::fmt;
use std::path::Path;

use base64::Engine as _;

use crate::Side;

pub(crate) mod cache;
pub(crate) mod cloud;
pub(crate) mod files;
pub(crate) mod helper;

/// A value that no log, error or report can show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What proves who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    Password {
        username: String,
        password: Secret,
    },
    /// What a token server gave at `docker login` in place of the password, and takes for tokens.
    RefreshToken(Secret),
}

/// The environment as far as credentials go: injected, so that tests need not change the process's.
pub trait Environment {
    /// A variable, if it is set and not empty.
    fn variable(&self, name: &str) -> Option<String>;
    /// A file that may hold logins, if it is there.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn login_file(&self, file: &Path) -> Result<Option<FileText>, String>;
}

/// A file as it was found.
pub struct FileText {
    pub text: String,
    /// Whether other users of this machine may read it.
    pub is_open_to_others: bool,
}

/// The environment of this process.
pub struct ProcessEnvironment;

/// An environment in which nobody has a login.
pub struct NobodysEnvironment;

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself: for the header or form that needs it, and for nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl Credentials {
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password { username: username.into(), password: Secret::new(password) }
    }

    /// As files and credential helpers give it: a user `<token>` has a refresh token and no password.
    pub(crate) fn of_user(username: &str, secret: &str) -> Self {
        if username == "<token>" {
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

/// The two variables that `copy_images.sh` has always read.
pub fn variables_of(side: Side) -> (&'static str, &'static str) {
    match side {
        Side::Source => ("STS_REGISTRY_USERNAME", "STS_REGISTRY_PASSWORD"),
        Side::Destination => ("DST_REGISTRY_USERNAME", "DST_REGISTRY_PASSWORD"),
    }
}

/// Reads a pair of variables.
///
/// # Errors
/// When one of the two is set and the other is not: half a login is a mistake, not an anonymous user.
pub fn from_variables(
    environment: &dyn Environment,
    username: &str,
    password: &str,
) -> Result<Option<Credentials>, String> {
    match (environment.variable(username), environment.variable(password)) {
        (Some(name), Some(word)) => Ok(Some(Credentials::new(name, word))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(format!("`{username}` is set and `{password}` is not")),
        (None, Some(_)) => Err(format!("`{password}` is set and `{username}` is not")),
    }
}

impl FileText {
    /// Reads a file of this machine, if it is there.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(file: &Path) -> Result<Option<Self>, String> {
        let failed = |error: std::io::Error| Err(format!("{}: {error}", file.display()));
        match std::fs::read_to_string(file) {
            Ok(text) => Ok(Some(Self { text, is_open_to_others: is_open_to_others(file) })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => failed(error),
        }
    }
}

#[cfg(unix)]
fn is_open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> bool {
    false
}

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn login_file(&self, file: &Path) -> Result<Option<FileText>, String> {
        FileText::read(file)
    }
}

impl Environment for NobodysEnvironment {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn login_file(&self, _: &Path) -> Result<Option<FileText>, String> {
        Ok(None)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Variables(&'static [(&'static str, &'static str)]);

    impl Environment for Variables {
        fn variable(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
        }

        fn login_file(&self, _: &Path) -> Result<Option<FileText>, String> {
            Ok(None)
        }
    }

    #[test]
    fn a_secret_cannot_be_printed() {
        let credentials = Credentials::new("robot", "hunter2");
        let basic = credentials.basic().unwrap();
        assert_eq!(basic.expose(), "Basic cm9ib3Q6aHVudGVyMg==");
        let token = Credentials::of_user("<token>", "canary");
        assert_eq!(token.basic(), None);
        let shown = format!("{credentials:?} {basic:?} {basic} {token:?}");
        for secret in ["hunter2", "cm9ib3", "canary"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn half_a_login_in_the_environment_is_an_error() {
        let (username, password) = variables_of(Side::Source);
        let both =
            Variables(&[("STS_REGISTRY_USERNAME", "robot"), ("STS_REGISTRY_PASSWORD", "word")]);
        let half = Variables(&[("STS_REGISTRY_USERNAME", "robot")]);
        assert_eq!(
            from_variables(&both, username, password),
            Ok(Some(Credentials::new("robot", "word")))
        );
        assert_eq!(from_variables(&Variables(&[]), username, password), Ok(None));
        let error = from_variables(&half, username, password).unwrap_err();
        assert_eq!(error, "`STS_REGISTRY_USERNAME` is set and `STS_REGISTRY_PASSWORD` is not");
    }
}
