//! Makes the hosts of a run: one per registry and side, with its own login; one queue per registry.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;

use super::auth::Authenticator;
use super::credentials::Environment;
use super::error::Side;
use super::host::Host;
use super::logins::{HostSide, Logins};
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
    pub(super) logins: Arc<Logins>,
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
        hosts: &[HostSide],
        environment: &dyn Environment,
    ) -> anyhow::Result<Self> {
        let registries = Self::without_warnings(settings, hosts, environment)?;
        for warning in registries.logins.warnings() {
            tracing::warn!("{warning}");
        }
        Ok(registries)
    }

    /// [`Registries::new`] for who tells the warnings in his own way.
    pub(super) fn without_warnings(
        settings: Settings,
        hosts: &[HostSide],
        environment: &dyn Environment,
    ) -> anyhow::Result<Self> {
        let logins = Logins::read(&settings.registries, hosts, environment);
        let logins = Arc::new(logins.map_err(anyhow::Error::msg)?);
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

    pub(super) fn host(&self, name: &str, side: Side) -> anyhow::Result<Arc<Host>> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), side);
        if let Some(host) = hosts.get(&key) {
            return Ok(Arc::clone(host));
        }
        let plain = self.settings.is_plain(name);
        let scheme = if plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{}/", api_host(name)))?;
        let client = if plain { self.plain.clone() } else { self.secure.clone() };
        if !self.logins.takes_part(name, side) {
            anyhow::bail!("`{name}` takes no part in this run");
        }
        let declared = self.settings.registries.get(name);
        let token_server = declared.and_then(|registry| registry.token_server.clone());
        let authenticator = Authenticator::new(name, side, Arc::clone(&self.logins), token_server);
        let queue = self.queue(name);
        let mut host =
            Host::new(name, side, base, client, queue, authenticator, self.settings.retry);
        if let Some(declared) = declared.and_then(|registry| registry.mount_needs_manifest) {
            host.capabilities.mount_needs_manifest = declared;
        }
        let host = Arc::new(host);
        hosts.insert(key, Arc::clone(&host));
        Ok(host)
    }

    pub(super) fn concurrency(&self, name: &str) -> usize {
        let declared = self.settings.registries.get(name).and_then(|registry| registry.concurrency);
        declared.or(self.settings.concurrency).unwrap_or(DEFAULT_CONCURRENCY)
    }

    fn queue(&self, name: &str) -> Arc<Queue> {
        let ceiling = self.concurrency(name);
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
