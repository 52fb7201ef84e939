//! Who we are at which host: environment variables and docker's `config.json`.
//!
//! Credentials belong to one host. A pair that is not bound to a host by `[registries."HOST"]` is
//! given to the only host of its side, and to none if there are several.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use serde::Deserialize;

use super::Side;

/// A value that no log, error or report can show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: Secret,
}

/// The environment as far as credentials go: injected, so that tests need not change the process's.
pub trait Environment {
    /// A variable, if it is set and not empty.
    fn variable(&self, name: &str) -> Option<String>;
    /// The text of docker's configuration, if there is one.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    fn docker_config(&self) -> Result<Option<String>, String>;
}

/// The environment of this process.
pub struct ProcessEnvironment;

/// An environment in which nobody has a login.
pub struct NobodysEnvironment;

/// Docker's configuration, read once.
#[derive(Default)]
pub struct DockerConfig {
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize, Default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself: for the header that needs it, and for nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl Credentials {
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self { username: username.into(), password: Secret::new(password) }
    }

    /// The value of an `Authorization: Basic` header (RFC 7617).
    pub(crate) fn basic(&self) -> Secret {
        let pair = format!("{}:{}", self.username, self.password.expose());
        Secret(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
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

impl DockerConfig {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// When the text is not what docker writes.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: ConfigFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self { auths: file.auths })
    }

    /// The credentials for a host, under any of the keys that `docker login` has used for it.
    ///
    /// # Errors
    /// When there is an entry that cannot be read.
    pub fn lookup(&self, host: &str) -> Result<Option<Credentials>, String> {
        let hub = ["https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io"];
        let aliases: &[&str] = if host == "docker.io" { &hub } else { &[] };
        for key in std::iter::once(&host).chain(aliases) {
            let entry = self.auths.iter().find(|(have, _)| have == key || bare_host(have) == *key);
            if let Some((_, auth)) = entry
                && let Some(found) =
                    auth.credentials().map_err(|why| format!("the entry for `{host}` {why}"))?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl Auth {
    fn credentials(&self) -> Result<Option<Credentials>, String> {
        if let (Some(username), Some(password)) = (&self.username, &self.password) {
            return Ok(Some(Credentials::new(username, password)));
        }
        let Some(encoded) = self.auth.as_deref().filter(|encoded| !encoded.is_empty()) else {
            return Ok(None);
        };
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(encoded.trim())
            .map_err(|_| "is not valid base64")?;
        let pair = String::from_utf8(decoded).map_err(|_| "is not text")?;
        let (username, password) = pair.split_once(':').ok_or("holds no `user:password`")?;
        Ok(Some(Credentials::new(username, password.trim_end_matches('\0'))))
    }
}

/// `https://quay.io/v1/` is `quay.io`.
fn bare_host(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    if rest.len() == key.len() { key } else { rest.split('/').next().unwrap_or(rest) }
}

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn docker_config(&self) -> Result<Option<String>, String> {
        let folder = self
            .variable("DOCKER_CONFIG")
            .map(PathBuf::from)
            .or_else(|| self.variable("HOME").map(|home| PathBuf::from(home).join(".docker")));
        let Some(file) = folder.map(|folder| folder.join("config.json")) else { return Ok(None) };
        match std::fs::read_to_string(&file) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", file.display())),
        }
    }
}

impl Environment for NobodysEnvironment {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn docker_config(&self) -> Result<Option<String>, String> {
        Ok(None)
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

    struct Variables(&'static [(&'static str, &'static str)]);

    impl Environment for Variables {
        fn variable(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
        }

        fn docker_config(&self) -> Result<Option<String>, String> {
            Ok(None)
        }
    }

    #[test]
    fn a_secret_cannot_be_printed() {
        let credentials = Credentials::new("robot", "hunter2");
        let basic = credentials.basic();
        assert_eq!(basic.expose(), "Basic cm9ib3Q6aHVudGVyMg==");
        let shown = format!("{credentials:?} {basic:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("cm9ib3"), "{shown}");
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

    #[test]
    fn dockers_configuration_is_found_under_every_key_that_docker_login_writes() {
        let config = DockerConfig::parse(
            r#"{"auths": {
                "https://index.docker.io/v1/": {"auth": "aHViOmh1YnB3"},
                "quay.io": {"auth": "cXVheTpxOnB3"},
                "https://harbor.local/v2/": {"username": "a", "password": "b"},
                "empty.local": {},
                "broken.local": {"auth": "%%%"}},
              "credsStore": "desktop"}"#,
        )
        .unwrap();
        let table = [
            ("docker.io", Some(("hub", "hubpw"))),
            ("quay.io", Some(("quay", "q:pw"))),
            ("harbor.local", Some(("a", "b"))),
            ("empty.local", None),
            ("ghcr.io", None),
        ];
        for (host, expected) in table {
            let expected = expected.map(|(name, word)| Credentials::new(name, word));
            assert_eq!(config.lookup(host), Ok(expected), "{host}");
        }
        assert!(config.lookup("broken.local").unwrap_err().contains("base64"));
        assert!(DockerConfig::parse("{").is_err());
    }
}
