//! Makes the hosts of a run: one per registry and side, with its own login; one queue per registry.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;

use crate::auth::authenticator::Authenticator;
use crate::auth::credential_store::{CredentialStore, HostSide};
use crate::auth::credentials::Environment;
use crate::capabilities::Capabilities;
use crate::error::Side;
use crate::http::attempts::RetryPolicy;
use crate::http::clients::{Clients, Connections};
use crate::http::host::Host;
use crate::http::proxy::Proxies;
use crate::http::queue::Queue;
use crate::known::address::Address;
use crate::known::profile::Profile;
use crate::known::settings::RegistrySettings;
use crate::repository::RemoteRepository;
use oci::{Registry, Repository};

/// Requests at a time to one registry, unless the user says otherwise.
const DEFAULT_CONCURRENCY: usize = 48;

/// How to talk to registries in this run.
#[derive(Default)]
pub struct Settings {
    pub registries: BTreeMap<Registry, RegistrySettings>,
    /// Most requests at a time to one registry; an entry of `registries` wins.
    pub concurrency: Option<usize>,
    pub retry: RetryPolicy,
}

/// Requests sent to each side of a run, requests for tokens included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Requests {
    pub source: u64,
    pub destination: u64,
}

/// All hosts of a run.
pub struct Registries {
    settings: Settings,
    pub(super) credentials: Arc<CredentialStore>,
    clients: Arc<Clients>,
    /// Made before the first request: what is wrong with a file is told at once.
    connections: Mutex<BTreeMap<HostSide, Connections>>,
    hosts: Mutex<BTreeMap<HostSide, Arc<Host>>>,
    queues: Mutex<BTreeMap<Registry, Arc<Queue>>>,
}

impl Registries {
    /// Finds the login of every registry that takes part, and prepares the connections.
    ///
    /// # Errors
    /// When the environment is contradictory (half a login, credentials that fit several hosts) or
    /// unreadable, or a file with certificates is. The text says what to change.
    pub fn new(
        settings: Settings,
        hosts: impl IntoIterator<Item = HostSide>,
        environment: &dyn Environment,
    ) -> anyhow::Result<Self> {
        let registries = Self::without_warnings(settings, hosts, environment)?;
        for warning in registries.credentials.warnings() {
            tracing::warn!("{warning}");
        }
        Ok(registries)
    }

    /// [`Registries::new`] for who tells the warnings in his own way.
    pub(super) fn without_warnings(
        settings: Settings,
        hosts: impl IntoIterator<Item = HostSide>,
        environment: &dyn Environment,
    ) -> anyhow::Result<Self> {
        let mut asked: Vec<HostSide> =
            hosts.into_iter().map(|(host, side)| (settings.asked_for(&host, side), side)).collect();
        asked.sort();
        asked.dedup();
        let credentials = CredentialStore::read(&settings.registries, &asked, environment)?;
        let proxies = Proxies::of(environment).map_err(anyhow::Error::msg)?;
        let clients = Arc::new(Clients::new(settings.registries.clone(), proxies));
        let mut connections = BTreeMap::new();
        for (host, side) in asked {
            let base = settings.base(&host)?;
            connections.insert((host.clone(), side), clients.of(&host, base)?);
        }
        Ok(Self {
            settings,
            credentials: Arc::new(credentials),
            clients,
            connections: Mutex::new(connections),
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
        let asked = self.asked_for(repository, side);
        let host = self.host(asked.registry(), side)?;
        Ok(RemoteRepository { host, path: asked.path().clone() })
    }

    /// The repository that is asked instead of another: the same, but for a source that is read through
    /// a proxy cache.
    pub(super) fn asked_for(&self, repository: &Repository, side: Side) -> Repository {
        let Some(via) = self.settings.via(repository.registry(), side) else {
            return repository.clone();
        };
        let path = match &via.prefix {
            Some(prefix) => repository.path().below(prefix),
            None => repository.path().clone(),
        };
        Repository::new(via.registry.clone(), path)
    }

    /// The registries of this run whose certificates nobody verifies, for the report to say so.
    pub fn insecure(&self) -> Vec<Registry> {
        let mut hosts: Vec<Registry> = self.credentials.hosts().cloned().collect();
        hosts.dedup();
        hosts.retain(|host| {
            let declared = self.settings.registries.get(host);
            declared.is_some_and(|registry| registry.insecure) && !self.settings.is_plain(host)
        });
        hosts
    }

    /// Requests sent so far.
    pub fn requests(&self) -> Requests {
        let mut requests = Requests::default();
        for host in self.hosts.lock().unwrap_or_else(PoisonError::into_inner).values() {
            let side = match host.side {
                Side::Source => &mut requests.source,
                Side::Destination => &mut requests.destination,
            };
            *side += host.requests.load(Ordering::Relaxed);
        }
        requests
    }

    pub(super) fn host(&self, name: &Registry, side: Side) -> anyhow::Result<Arc<Host>> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let key: HostSide = (name.to_owned(), side);
        if let Some(host) = hosts.get(&key) {
            return Ok(Arc::clone(host));
        }
        if !self.credentials.takes_part(name, side) {
            anyhow::bail!("`{name}` takes no part in this run");
        }
        let declared = self.settings.registries.get(name);
        let token_server = declared.and_then(|registry| registry.token_server.clone());
        let authenticator =
            Authenticator::new(name, side, Arc::clone(&self.credentials), token_server);
        let made = self.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        let connections = match made {
            Some(connections) => connections,
            None => self.clients.of(name, self.settings.base(name)?)?,
        };
        let queue = self.queue(name);
        let capabilities = Capabilities::new(Profile::of_host(name, declared));
        let retry = self.settings.retry;
        let host = Host::new(name, side, connections, queue, authenticator, capabilities, retry);
        let host = Arc::new(host);
        hosts.insert(key, Arc::clone(&host));
        Ok(host)
    }

    pub(super) fn concurrency(&self, name: &Registry) -> usize {
        let declared = self.settings.registries.get(name).and_then(|registry| registry.concurrency);
        declared.or(self.settings.concurrency).unwrap_or(DEFAULT_CONCURRENCY)
    }

    fn queue(&self, name: &Registry) -> Arc<Queue> {
        let ceiling = self.concurrency(name);
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(name.clone()).or_insert_with(|| Queue::new(ceiling)))
    }
}

impl Settings {
    /// Plain HTTP only where it is asked for, or on this machine.
    fn is_plain(&self, host: &Registry) -> bool {
        let Some(registry) = self.registries.get(host) else { return is_loopback(host.as_str()) };
        let shows = registry.client_certificate_file.is_some();
        let speaks_tls = registry.insecure || registry.http2 || registry.ca_file.is_some() || shows;
        registry.plain_http.unwrap_or_else(|| is_loopback(host.as_str()) && !speaks_tls)
    }

    /// Where images of a registry are read instead.
    fn via(&self, host: &Registry, side: Side) -> Option<&Address> {
        let settings = self.registries.get(host).filter(|_| side == Side::Source)?;
        settings.via.as_ref()
    }

    /// The registry that is asked for the images of another.
    fn asked_for(&self, host: &Registry, side: Side) -> Registry {
        self.via(host, side).map_or_else(|| host.clone(), |via| via.registry.clone())
    }

    fn base(&self, host: &Registry) -> anyhow::Result<Url> {
        let scheme = if self.is_plain(host) { "http" } else { "https" };
        Ok(Url::parse(&format!("{scheme}://{}/", api_host(host)))?)
    }
}

/// Docker Hub's API is not where its name says.
fn api_host(name: &Registry) -> &str {
    if name.is_docker_hub() { "registry-1.docker.io" } else { name.as_str() }
}

/// Whether `host[:port]` is this machine, which is spoken to without TLS.
pub fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    let address = name.parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(name: &str) -> Registry {
        name.parse().unwrap()
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for host in
            ["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]", "[::1]:5000"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["localhost.example.com", "[fd00::1]:5000", "128.0.0.1", "quay.io", "127.example.com"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn plain_http_is_spoken_where_it_is_asked_for_or_on_this_machine() {
        let with = |text: &str| {
            let settings = RegistrySettings {
                plain_http: (text == "plain").then_some(true).or((text == "tls").then_some(false)),
                insecure: text == "insecure",
                ca_file: (text == "ca").then(|| "ca.pem".into()),
                ..RegistrySettings::default()
            };
            let registries =
                ["127.0.0.1:5000", "quay.io"].map(|host| (registry(host), settings.clone()));
            Settings { registries: BTreeMap::from(registries), ..Settings::default() }
        };
        let table = [
            ("", true, false),
            ("plain", true, true),
            ("tls", false, false),
            ("insecure", false, false),
            ("ca", false, false),
        ];
        for (text, here, there) in table {
            let settings = with(text);
            assert_eq!(
                (
                    settings.is_plain(&registry("127.0.0.1:5000")),
                    settings.is_plain(&registry("quay.io"))
                ),
                (here, there),
                "{text}"
            );
        }
    }
}
