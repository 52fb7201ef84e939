//! What a host is before a run needs it: how it is spoken to, which login it would be shown, and
//! whether it answers and takes that login. Nothing is changed at a registry.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use messages::Advice;
use reqwest::Method;
use reqwest::header::HeaderMap;

use crate::auth::HostSide;
use crate::auth::Scope;
use crate::auth::challenge::Scheme;
pub use crate::auth::credentials::Origin;
use crate::auth::credentials::candidate::{CredentialCandidate, CredentialSource};
use crate::auth::credentials::{Environment, auth_file};
use crate::error::{Cause, Error, Side};
use crate::http::host::Call;
use crate::registries::{Registries, Settings};
use oci::Repository;

/// How a host is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// `https://quay.io/`
    pub address: String,
    /// What the tool does there that it would not do elsewhere, and how much at a time.
    pub abilities: Vec<String>,
}

/// The login for a repository, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginFound {
    None,
    /// The command line of a cloud printed none. Holds the hint.
    CommandFailed(String),
    From(Origin),
    /// A program has to be started first.
    HelperPending(Origin),
    /// Their source cannot be used.
    Broken(Advice),
}

/// A host that has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    pub round_trip: Duration,
    pub accepted: Accepted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// The host does not ask who we are.
    Everybody,
    /// It asks, and gives a token to those who do not tell.
    Anonymous,
    Login,
}

/// The files that may hold credentials, in order of precedence, and whether they exist.
///
/// # Errors
/// If one exists and cannot be read.
pub fn credential_files(environment: &dyn Environment) -> Result<Vec<(PathBuf, bool)>, Advice> {
    let exists = |path: PathBuf| match environment.credential_file(&path) {
        Ok(found) => Ok((path, found.is_some())),
        Err(error) => Err(Advice::new(format!("{}: {error}", path.display()))),
    };
    auth_file::paths(environment).into_iter().map(exists).collect()
}

impl Registries {
    /// [`Registries::new`], and the warnings that it would have told.
    ///
    /// # Errors
    /// As there.
    pub fn to_examine(
        settings: Settings,
        hosts: impl IntoIterator<Item = HostSide>,
        environment: &dyn Environment,
    ) -> anyhow::Result<(Self, Vec<Advice>)> {
        let registries = Self::without_warnings(settings, hosts, environment)?;
        let warnings = registries.credentials.warnings();
        Ok((registries, warnings))
    }

    /// How a host is spoken to, without doing it.
    ///
    /// # Errors
    /// When its name does not make an address.
    pub fn manner(&self, repository: &Repository, side: Side) -> anyhow::Result<Manner> {
        let asked = self.asked_for(repository, side);
        let name = asked.registry();
        let host = self.host(name, side)?;
        let mut told = Vec::new();
        if self.insecure().iter().any(|insecure| insecure == name) {
            told.push("INSECURE: its certificate is not checked".to_owned());
        }
        if name != repository.registry() {
            told.push(format!("read through `{name}`"));
        }
        told.push(format!("at most {} requests at a time", self.concurrency(name)));
        told.extend(host.capabilities.in_words());
        Ok(Manner { address: host.base.to_string(), abilities: told })
    }

    /// Which login a repository would be shown, without asking a program for it.
    pub fn login_to_show(&self, repository: &Repository, side: Side) -> LoginFound {
        let asked = self.asked_for(repository, side);
        let path = Some(asked.path().as_str());
        let candidates = self.credentials.candidates(asked.registry(), side, path);
        let Some(CredentialCandidate { origin, source }) = candidates.into_iter().next() else {
            return LoginFound::None;
        };
        match source {
            CredentialSource::Known(_) => LoginFound::From(origin),
            CredentialSource::Helper(_) | CredentialSource::CloudCli(_) => {
                LoginFound::HelperPending(origin)
            }
            CredentialSource::Broken(why) => LoginFound::Broken(why),
        }
    }

    /// Which login a repository is shown; programs are asked.
    pub async fn login_shown(&self, repository: &Repository, side: Side) -> LoginFound {
        let asked = self.asked_for(repository, side);
        match self.credentials.resolve(asked.registry(), side, asked.path().as_str()).await {
            Ok(found) => match found.origin {
                None => LoginFound::None,
                Some(_) if found.credentials.is_none() => {
                    LoginFound::CommandFailed(found.hint.to_string())
                }
                Some(origin) => LoginFound::From(origin),
            },
            Err(why) => LoginFound::Broken(why),
        }
    }

    /// Asks a host whether it is there and takes the login for a repository.
    ///
    /// # Errors
    /// When it does not.
    pub async fn greet(&self, repository: &Repository, side: Side) -> Result<Greeting, Error> {
        let asked = self.asked_for(repository, side);
        let (name, repository) = (asked.registry(), asked.path().as_str());
        let operation = "ask whether it answers";
        let broken = |why: String| Error::new(side, operation, Cause::Protocol(why));
        let host = self.host(name, side).map_err(|error| broken(error.to_string()))?;
        let url = host.base.join("/v2/").map_err(|error| broken(error.to_string()))?;
        let call = Call {
            operation: operation.to_owned(),
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            scope: Scope::pull(repository),
            expected: &[],
        };
        let login = host.call(&call).await.map(drop);
        let is_anonymous = host
            .authenticator
            .credentials(repository)
            .await
            .is_ok_and(|found| found.credentials.is_none());
        let asks = host.authenticator.scheme() != Scheme::Unknown;
        let takes_tokens = matches!(host.authenticator.scheme(), Scheme::Bearer(_));
        if let Err(error) = login {
            // The token was to be had; that it opens repositories only is no fault of it.
            let is_about_login = matches!(&error.cause, Cause::Status(response)
                if matches!(response.status, 401 | 403));
            if !(is_anonymous && takes_tokens && is_about_login) {
                return Err(error);
            }
        }
        // The connection is open and the token is there by now.
        let began = Instant::now();
        let answered = host.call_once(&call, None).await.map(drop);
        let round_trip = began.elapsed();
        if let Err(error) = answered
            && error.status().is_none()
        {
            return Err(error);
        }
        let accepted = match (asks, is_anonymous) {
            (false, _) => Accepted::Everybody,
            (true, true) => Accepted::Anonymous,
            (true, false) => Accepted::Login,
        };
        Ok(Greeting { round_trip, accepted })
    }
}
