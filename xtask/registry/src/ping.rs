//! Examines hosts for `doctor`: how each one is reached, which credentials it gets, and whether it responds
//! and accepts them. Nothing is changed at a registry.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use messages::Advice;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use crate::auth::Scope;
use crate::auth::challenge::Scheme;
pub use crate::auth::credentials::Origin;
use crate::auth::credentials::candidate::{CredentialCandidate, CredentialSource};
use crate::auth::credentials::{Environment, auth_file};
use crate::error::{Cause, Error, Side};
use crate::http::host::Host;
use crate::http::request::{ApiRequest, BufferedResponse, header};
use crate::registries::Registries;
use oci::Repository;

/// The most of a response that is read, in bytes. A registry returns two.
const LARGEST_PAGE: usize = 1 << 20;
const NO_BASE: &str = "check that this is the address of a container registry, and that a proxy in front of it passes \
    on `/v2/` and the paths below it";

/// How a host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSummary {
    /// `https://quay.io/`
    pub address: String,
    /// What is special about this host, and how many requests it gets at a time.
    pub abilities: Vec<String>,
}

/// The credentials for a repository, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialState {
    None,
    /// The CLI of a cloud returned none; holds the hint.
    CommandFailed(String),
    From(Origin),
    /// A program has to be run first.
    HelperPending(Origin),
    /// They are configured, but cannot be read or obtained.
    Broken(Advice),
}

/// The response of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    pub round_trip: Duration,
    pub authentication: AuthState,
    pub base: Base,
}

/// Whether a host serves `/v2/` itself (distribution-spec, "Determining Support"). No other command needs that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    Served,
    /// The response has this status. A request for a repository showed that the host is a registry.
    NotServed(u16),
}

/// How a host admitted the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthState {
    /// The host requires no authentication.
    NotRequired,
    /// It issues tokens without credentials.
    Anonymous,
    /// It accepted the credentials.
    Authenticated,
}

/// The files that may contain credentials, in order of precedence, and whether each one exists.
///
/// # Errors
/// When one cannot be read.
pub fn credential_files(environment: &dyn Environment) -> Result<Vec<(PathBuf, bool)>, Advice> {
    let exists = |path: PathBuf| match environment.credential_file(&path) {
        Ok(found) => Ok((path, found.is_some())),
        Err(error) => Err(Advice::new(format!("{}: {error}", path.display()))),
    };
    auth_file::paths(environment).into_iter().map(exists).collect()
}

impl Registries {
    /// How a host would be reached. Sends no request.
    ///
    /// # Errors
    /// When the host is not part of this run, or its name does not form an address.
    pub fn summary(&self, repository: &Repository, side: Side) -> Result<HostSummary, Advice> {
        let contacted = self.contacted(repository, side);
        let name = contacted.registry();
        let host = self.host(name, side)?;
        let mut abilities = Vec::new();
        if self.insecure().iter().any(|insecure| insecure == name) {
            abilities.push("INSECURE: its certificate is not checked".to_owned());
        }
        if name != repository.registry() {
            abilities.push(format!("read through `{name}`"));
        }
        abilities.push(format!("at most {} requests at a time", self.concurrency(name)));
        abilities.extend(host.capabilities.describe());
        Ok(HostSummary { address: host.base.to_string(), abilities })
    }

    /// The credentials that a repository would get. Runs no program.
    pub fn configured_credentials(&self, repository: &Repository, side: Side) -> CredentialState {
        let contacted = self.contacted(repository, side);
        let path = Some(contacted.path().as_str());
        let candidates = self.credentials.candidates(contacted.registry(), side, path);
        let Some(CredentialCandidate { origin, source }) = candidates.into_iter().next() else {
            return CredentialState::None;
        };
        match source {
            CredentialSource::Known(_) => CredentialState::From(origin),
            CredentialSource::Helper(_) | CredentialSource::CloudCli(_) => {
                CredentialState::HelperPending(origin)
            }
            CredentialSource::Broken(why) => CredentialState::Broken(why),
        }
    }

    /// The credentials that a repository gets. Runs credential helpers and the CLIs of clouds.
    pub async fn obtained_credentials(
        &self,
        repository: &Repository,
        side: Side,
    ) -> CredentialState {
        let contacted = self.contacted(repository, side);
        let (name, path) = (contacted.registry(), contacted.path().as_str());
        match self.credentials.resolve(name, side, path).await {
            Err(why) => CredentialState::Broken(why),
            Ok(found) => match found.origin {
                None => CredentialState::None,
                Some(origin) if found.credentials.is_some() => CredentialState::From(origin),
                Some(_) => CredentialState::CommandFailed(found.hint.to_string()),
            },
        }
    }

    /// Finds out whether a host responds and accepts the credentials for a repository.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self, repository: &Repository, side: Side) -> Result<Ping, Error> {
        let contacted = self.contacted(repository, side);
        let repository_path = contacted.path().as_str();
        let operation = "ping";
        let failed = |why: String| Error::new(side, operation, Cause::Protocol(why));
        let host =
            self.host(contacted.registry(), side).map_err(|advice| failed(advice.to_string()))?;
        let request = |path: &str| {
            let url = host.base.join(path).map_err(|error| failed(error.to_string()))?;
            Ok(ApiRequest::new(operation, Method::GET, url, Scope::pull(repository_path)))
        };
        let of_base = request("/v2/")?;
        let (request, base) = match admits(&host, &of_base).await {
            Ok(()) => (of_base, Base::Served),
            Err(error) => {
                let Some(status @ (404 | 405)) = error.status() else { return Err(error) };
                let tags = request(&format!("/v2/{repository_path}/tags/list?n=1"))?;
                match admits(&host, &tags).await {
                    Ok(()) => {}
                    Err(missing) if is_from_a_registry(&missing) => {}
                    // Nothing at this address is a registry's.
                    Err(other) if matches!(other.status(), Some(404 | 405)) => {
                        return Err(error.with_hint(NO_BASE));
                    }
                    Err(other) => return Err(other),
                }
                (tags, Base::NotServed(status))
            }
        };
        // By now the connection is open and the token is cached.
        let began = Instant::now();
        let again = host.call_once(&request).await;
        let round_trip = began.elapsed();
        if let Err(error) = again
            && error.status().is_none()
        {
            return Err(error);
        }
        let authentication = match host.authenticator.scheme() {
            Scheme::Unknown => AuthState::NotRequired,
            _ if is_anonymous(&host, repository_path).await => AuthState::Anonymous,
            _ => AuthState::Authenticated,
        };
        Ok(Ping { round_trip, authentication, base })
    }
}

/// Sends a request, to see whether the host responds and accepts the credentials for it.
async fn admits(host: &Host, request: &ApiRequest) -> Result<(), Error> {
    let error = match host.call_and_read(request, LARGEST_PAGE).await {
        Ok(response) if !is_page(&response) => return Ok(()),
        Ok(_) => {
            let why = "the response is an HTML page, not that of a registry".to_owned();
            return Err(host.error(request, Cause::Protocol(why)));
        }
        Err(error) => error,
    };
    // An anonymous token was issued. It is only valid for repositories, which is fine.
    let has_token = matches!(host.authenticator.scheme(), Scheme::Bearer(_));
    let is_refused = matches!(&error.cause, Cause::Status(response)
        if matches!(response.status, 401 | 403));
    match is_refused && has_token && is_anonymous(host, &request.scope.repository).await {
        true => Ok(()),
        false => Err(error),
    }
}

/// Whether there are no credentials for a repository.
async fn is_anonymous(host: &Host, repository: &str) -> bool {
    let found = host.authenticator.credentials(repository).await;
    found.is_ok_and(|found| found.credentials.is_none())
}

/// Whether a 404 has the error codes of a registry: only the repository does not exist.
fn is_from_a_registry(error: &Error) -> bool {
    matches!(&error.cause, Cause::Status(response)
        if response.status == 404 && !response.codes.is_empty())
}

/// Whether a response is for people.
fn is_page(response: &BufferedResponse) -> bool {
    let is_html = header(&response.headers, CONTENT_TYPE)
        .is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("text/html"));
    is_html || response.body.trim_ascii_start().starts_with(b"<")
}
