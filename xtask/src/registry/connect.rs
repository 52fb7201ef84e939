//! Makes the hosts of a run: one per registry and side, with its own login; one queue per registry.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;

use super::auth::Authenticator;
use super::credentials::{Credentials, DockerConfig, Environment, from_variables, variables_of};
use super::error::Side;
use super::host::Host;
use super::queue::Queue;
use super::redirect;
use super::repository::RemoteRepository;
use super::retry::RetryPolicy;
use crate::list::RegistrySettings;
use crate::oci::Repository;

/// Requests at a time to one registry, unless the user says otherwise.
const DEFAULT_CONCURRENCY: usize = 48;

/// How to talk to registries in this run.
#[derive(Default)]
pub struct Settings {
    pub registries: BTreeMap<String, RegistrySettings>,
    /// Most requests at a time to one registry; an entry of `registries` wins.
    pub concurrency: Option<usize>,
    pub retry: RetryPolicy,
}

/// All hosts of a run.
pub struct Registries {
    settings: Settings,
    logins: BTreeMap<(String, Side), Credentials>,
    secure: reqwest::Client,
    plain: reqwest::Client,
    hosts: Mutex<BTreeMap<(String, Side), Arc<Host>>>,
    queues: Mutex<BTreeMap<String, Arc<Queue>>>,
}

impl Registries {
    /// Finds the login of every registry that takes part, and prepares the connections.
    ///
    /// # Errors
    /// When the environment is contradictory (half a login, credentials that fit several hosts) or
    /// unreadable. The text says what to change.
    pub fn new(
        settings: Settings,
        hosts: &[(String, Side)],
        environment: &dyn Environment,
    ) -> anyhow::Result<Self> {
        let logins = logins(&settings, hosts, environment).map_err(anyhow::Error::msg)?;
        let needs_tls = hosts.iter().any(|(host, _)| !settings.is_plain(host));
        let plain = client(true)?;
        // Reading the system's certificates takes longer than a run with nothing to do.
        let secure = if needs_tls { client(false)? } else { plain.clone() };
        Ok(Self {
            settings,
            logins,
            secure,
            plain,
            hosts: Mutex::default(),
            queues: Mutex::default(),
        })
    }

    /// A repository as one side of a copy.
    ///
    /// # Errors
    /// When the registry's name does not make an address.
    pub fn repository(
        &self,
        repository: &Repository,
        side: Side,
    ) -> anyhow::Result<RemoteRepository> {
        let host = self.host(repository.registry(), side)?;
        Ok(RemoteRepository { host, path: repository.path().clone() })
    }

    /// Requests sent so far to all hosts of a side.
    pub fn requests(&self, side: Side) -> u64 {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_side = hosts.values().filter(|host| host.side == side);
        of_side.map(|host| host.requests.load(std::sync::atomic::Ordering::Relaxed)).sum()
    }

    fn host(&self, name: &str, side: Side) -> anyhow::Result<Arc<Host>> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), side);
        if let Some(host) = hosts.get(&key) {
            return Ok(Arc::clone(host));
        }
        let plain = self.settings.is_plain(name);
        let scheme = if plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{}/", api_host(name)))?;
        let client = if plain { self.plain.clone() } else { self.secure.clone() };
        let authenticator = Authenticator::new(self.logins.get(&key).cloned());
        let queue = self.queue(name);
        let mut host =
            Host::new(name, side, base, client, queue, authenticator, self.settings.retry);
        let declared = self.settings.registries.get(name);
        if let Some(declared) = declared.and_then(|registry| registry.mount_needs_manifest) {
            host.capabilities.mount_needs_manifest = declared;
        }
        let host = Arc::new(host);
        hosts.insert(key, Arc::clone(&host));
        Ok(host)
    }

    fn queue(&self, name: &str) -> Arc<Queue> {
        let declared = self.settings.registries.get(name).and_then(|registry| registry.concurrency);
        let ceiling = declared.or(self.settings.concurrency).unwrap_or(DEFAULT_CONCURRENCY);
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(name.to_owned()).or_insert_with(|| Queue::new(ceiling)))
    }
}

impl Settings {
    /// Plain HTTP only where it is asked for, or on this machine.
    fn is_plain(&self, host: &str) -> bool {
        let declared = self.registries.get(host).and_then(|registry| registry.plain_http);
        declared.unwrap_or_else(|| is_loopback(host))
    }
}

/// Who we are at each host: what images.toml names for it, the variables of its side, docker's login.
fn logins(
    settings: &Settings,
    hosts: &[(String, Side)],
    environment: &dyn Environment,
) -> Result<BTreeMap<(String, Side), Credentials>, String> {
    let docker = match environment.docker_config()? {
        Some(text) => {
            DockerConfig::parse(&text).map_err(|why| format!("docker's config.json: {why}"))?
        }
        None => DockerConfig::default(),
    };
    let mut logins = BTreeMap::new();
    for (host, side) in hosts {
        let bound = settings.registries.get(host);
        let names =
            bound.and_then(|bound| bound.username_env.as_ref().zip(bound.password_env.as_ref()));
        let found = match names {
            Some((username, password)) => {
                let found = from_variables(environment, username, password)?;
                if found.is_none() {
                    tracing::warn!(
                        "{host}: neither `{username}` nor `{password}` is set: going on without a login"
                    );
                }
                found
            }
            None => from_side_variables(settings, hosts, *side, environment)?,
        };
        let found = match found {
            Some(found) => Some(found),
            None => docker.lookup(host).map_err(|why| format!("docker's config.json: {why}"))?,
        };
        if let Some(found) = found {
            logins.insert((host.clone(), *side), found);
        }
    }
    Ok(logins)
}

/// The variables of a side belong to its only host that has no others. With several hosts nobody can
/// know whose they are, and a password sent to the wrong one is a password lost.
fn from_side_variables(
    settings: &Settings,
    hosts: &[(String, Side)],
    side: Side,
    environment: &dyn Environment,
) -> Result<Option<Credentials>, String> {
    let (username, password) = variables_of(side);
    let is_bound = |name: &str| {
        settings.registries.values().any(|registry| registry.username_env.as_deref() == Some(name))
    };
    if is_bound(username) {
        return Ok(None);
    }
    let found = from_variables(environment, username, password)?;
    let mut of_side: Vec<&str> =
        hosts.iter().filter(|(_, of)| *of == side).map(|(host, _)| host.as_str()).collect();
    of_side.sort_unstable();
    of_side.dedup();
    if found.is_some() && of_side.len() > 1 {
        return Err(format!(
            "`{username}` is set, and the images come from several registries ({})\n\
             hint: say whose it is in images.toml: [registries.\"{}\"] username-env = \"{username}\", \
             password-env = \"{password}\"",
            of_side.join(", "),
            of_side.first().unwrap_or(&"HOST"),
        ));
    }
    Ok(found)
}

/// Docker Hub's API is not where its name says.
fn api_host(name: &str) -> &str {
    if name == "docker.io" { "registry-1.docker.io" } else { name }
}

/// Whether `host[:port]` is this machine, which is spoken to without TLS.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let address = name.trim_matches(|c| c == '[' || c == ']').parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn client(plain: bool) -> anyhow::Result<reqwest::Client> {
    // Installing twice is no error that matters: somebody else in this process did it first.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = reqwest::Client::builder()
        .user_agent(concat!("xtask/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(15))
        .tcp_keepalive(Duration::from_secs(30))
        .redirect(redirect::policy());
    let builder = if plain { builder.tls_certs_only([]) } else { builder };
    builder.build().map_err(|error| {
        let why = super::host::innermost(&error);
        anyhow::anyhow!(
            "no connections can be made: {why}\n\
             hint: install the system's certificates (`ca-certificates`), or name a file in `SSL_CERT_FILE`"
        )
    })
}
