//! `Registries`: the hosts of a run, one for each registry and side with its own credentials, and one queue
//! for each registry.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use messages::Advice;
use reqwest::Url;

use crate::auth::authenticator::Authenticator;
use crate::auth::credential_store::CredentialStore;
use crate::auth::credentials::Environment;
use crate::auth::{Access, HostSide};
use crate::capabilities::Capabilities;
use crate::embedded::EmbeddedRegistry;
use crate::error::Side;
use crate::http::attempts::RetryPolicy;
use crate::http::clients::ClientPool;
use crate::http::head_support::LearnedHeadSupport;
use crate::http::host::Host;
use crate::http::liveness::Liveness;
use crate::http::net::is_loopback;
use crate::http::order::PermitOrder;
use crate::http::proxy::Proxies;
use crate::http::queue::Queue;
use crate::http::snapshot::{Snapshot, SourceManifests};
use crate::http::trace::Trace;
use crate::http::transport::Transport;
use crate::known::address::Address;
use crate::known::kind::Profile;
use crate::known::settings::RegistrySettings;
use crate::repository::RemoteRepository;
use crate::upload_turns::UploadTurns;
use oci::{Registry, Repository, RepositoryPath};

/// Concurrent requests to one registry, unless configured otherwise.
const DEFAULT_CONCURRENCY: usize = 48;

/// How to contact registries in this run.
#[derive(Default)]
pub struct Settings {
    pub registries: BTreeMap<Registry, RegistrySettings>,
    /// Concurrent requests to one registry; an entry of `registries` has precedence.
    pub concurrency: Option<usize>,
    pub retry: RetryPolicy,
    pub source_manifests: SourceManifests,
    /// What the run does at destinations.
    pub destination_access: Access,
    /// The registries in this process.
    pub embedded: BTreeMap<Registry, Arc<dyn EmbeddedRegistry>>,
    /// The embedded registry that all sources are read from, each below the name of its own registry.
    pub source: Option<Registry>,
    /// Records the requests of the run.
    pub trace: Option<Arc<Trace>>,
}

/// Requests sent to each side of a run, including requests for tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Requests {
    pub source: u64,
    pub destination: u64,
    /// How many of them were for tokens.
    pub tokens: u64,
}

impl AddAssign for Requests {
    fn add_assign(&mut self, other: Self) {
        self.source += other.source;
        self.destination += other.destination;
        self.tokens += other.tokens;
    }
}

/// All hosts of a run.
pub struct Registries {
    settings: Settings,
    pub(super) credentials: Arc<CredentialStore>,
    hosts: BTreeMap<HostSide, Arc<Host>>,
}

impl Registries {
    /// Finds the credentials of every registry of the run, prepares the connections, and logs warnings.
    ///
    /// # Errors
    /// When the environment is contradictory (half a login, credentials that fit several hosts) or
    /// unreadable, or a file with certificates is.
    pub fn new(
        settings: Settings,
        hosts: impl IntoIterator<Item = HostSide>,
        environment: &dyn Environment,
    ) -> Result<Self, Advice> {
        let (registries, warnings) = Self::with_warnings(settings, hosts, environment)?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        Ok(registries)
    }

    /// Like [`Registries::new`], but returns the warnings.
    ///
    /// # Errors
    /// Like [`Registries::new`].
    pub fn with_warnings(
        settings: Settings,
        hosts: impl IntoIterator<Item = HostSide>,
        environment: &dyn Environment,
    ) -> Result<(Self, Vec<Advice>), Advice> {
        let contacted = |host: &Registry, side| match settings.layout_source(host, side) {
            Some(layout) => layout.clone(),
            None => settings.via(host, side).map_or(host, |via| &via.registry).clone(),
        };
        let mut hosts: Vec<HostSide> =
            hosts.into_iter().map(|(host, side)| (contacted(&host, side), side)).collect();
        hosts.sort();
        hosts.dedup();
        let remote: Vec<HostSide> = hosts
            .iter()
            .filter(|(name, _)| !settings.embedded.contains_key(name))
            .cloned()
            .collect();
        let credentials = CredentialStore::read(&settings.registries, &remote, environment)?;
        let warnings = credentials.warnings();
        let proxies = Proxies::of(environment)?;
        let system_file = environment.variable("SSL_CERT_FILE").map(PathBuf::from);
        let clients = Arc::new(ClientPool::new(
            settings.registries.clone(),
            proxies,
            settings.retry,
            system_file,
        ));
        let mut registries =
            Self { settings, credentials: Arc::new(credentials), hosts: BTreeMap::new() };
        let mut queues = BTreeMap::new();
        let order = PermitOrder::of(&hosts);
        for (name, side) in hosts {
            let ceiling = registries.concurrency(&name);
            let queue = queues.entry(name.clone()).or_insert_with(|| Queue::new(ceiling));
            let host = registries.new_host(&name, side, &clients, Arc::clone(queue), order)?;
            registries.hosts.insert((name, side), Arc::new(host));
        }
        Ok((registries, warnings))
    }

    fn new_host(
        &self,
        name: &Registry,
        side: Side,
        clients: &Arc<ClientPool>,
        queue: Arc<Queue>,
        permit_order: PermitOrder,
    ) -> Result<Host, Advice> {
        let declared = self.settings.registries.get(name);
        let token_server = declared.and_then(|registry| registry.token_server.clone());
        let credentials = Arc::clone(&self.credentials);
        let policy =
            declared.map_or(self.settings.retry, |it| self.settings.retry.with_settings(it));
        let (transport, retry) = match self.settings.embedded.get(name) {
            // Nothing changes by waiting for a registry in this process.
            Some(embedded) => {
                (Transport::Embedded(Arc::clone(embedded)), RetryPolicy { retries: 0, ..policy })
            }
            None => {
                let clients = clients.of(name, self.settings.base(name)?)?;
                (Transport::Network(Box::new(clients)), policy)
            }
        };
        Ok(Host {
            name: name.clone(),
            side,
            base: transport.base(),
            transport,
            queue,
            permit_order,
            authenticator: Authenticator::new(name, side, credentials, token_server),
            capabilities: Capabilities::new(Profile::of_host(name, declared)),
            retry,
            requests: AtomicU64::new(0),
            expected: AtomicUsize::new(0),
            token_requests: AtomicU64::new(0),
            liveness: Liveness::default(),
            upload_turns: UploadTurns::default(),
            head_support: LearnedHeadSupport::default(),
            snapshot: match side {
                Side::Source => Snapshot::of(self.settings.source_manifests),
                Side::Destination => None,
            },
            pinged: tokio::sync::OnceCell::new(),
            trace: self.settings.trace.clone(),
        })
    }

    /// A repository as one side of a copy. If its registry issues tokens, it shares one with others that are
    /// known when the first is needed.
    ///
    /// # Errors
    /// When the registry is not part of this run, or its name does not form an address.
    pub fn repository(
        &self,
        repository: &Repository,
        side: Side,
    ) -> Result<RemoteRepository, Advice> {
        let contacted = self.contacted(repository, side);
        let host = self.host(contacted.registry(), side)?;
        let access = match side {
            Side::Source => Access::Pull,
            Side::Destination => self.settings.destination_access,
        };
        host.authenticator.tokens.sharing().announce(contacted.path().as_str(), access);
        Ok(RemoteRepository { host, path: contacted.path().clone() })
    }

    /// The repository that is contacted for another one: the same, unless it is a source that is read
    /// through a proxy cache or from a layout.
    pub(super) fn contacted(&self, repository: &Repository, side: Side) -> Repository {
        if let Some(layout) = self.settings.layout_source(repository.registry(), side) {
            return Repository::new(layout.clone(), RepositoryPath::with_host(repository));
        }
        let Some(via) = self.settings.via(repository.registry(), side) else {
            return repository.clone();
        };
        let path = match &via.prefix {
            Some(prefix) => repository.path().below(prefix),
            None => repository.path().clone(),
        };
        Repository::new(via.registry.clone(), path)
    }

    /// The registries of this run whose certificates are not verified, for the report.
    pub fn insecure(&self) -> Vec<Registry> {
        let mut hosts: Vec<Registry> = self.hosts.keys().map(|(name, _)| name.clone()).collect();
        hosts.dedup();
        hosts.retain(|host| {
            let declared = self.settings.registries.get(host);
            declared.is_some_and(|registry| registry.insecure)
                && !is_plain(&self.settings.registries, host)
        });
        hosts
    }

    /// Requests sent so far.
    pub fn requests(&self) -> Requests {
        let of_side = |side| {
            let hosts = self.hosts.values().filter(|host| host.side == side);
            hosts.map(|host| host.requests.load(Ordering::Relaxed)).sum()
        };
        let tokens = self.hosts.values().map(|host| host.token_requests.load(Ordering::Relaxed));
        Requests {
            source: of_side(Side::Source),
            destination: of_side(Side::Destination),
            tokens: tokens.sum(),
        }
    }

    pub(super) fn host(&self, name: &Registry, side: Side) -> Result<Arc<Host>, Advice> {
        let host = self.hosts.get(&(name.to_owned(), side)).cloned();
        host.ok_or_else(|| Advice::new(format!("`{name}` is not used in this run")))
    }

    pub(super) fn concurrency(&self, name: &Registry) -> usize {
        let declared = self.settings.registries.get(name).and_then(|registry| registry.concurrency);
        declared.or(self.settings.concurrency).unwrap_or(DEFAULT_CONCURRENCY)
    }
}

impl Settings {
    /// The layout that is read instead of a source, unless that is in this process itself.
    fn layout_source(&self, host: &Registry, side: Side) -> Option<&Registry> {
        let is_replaced = side == Side::Source && !self.embedded.contains_key(host);
        self.source.as_ref().filter(|_| is_replaced)
    }

    /// The proxy cache through which the images of a registry are read.
    fn via(&self, host: &Registry, side: Side) -> Option<&Address> {
        let settings = self.registries.get(host).filter(|_| side == Side::Source)?;
        settings.via.as_ref()
    }

    fn base(&self, host: &Registry) -> Result<Url, Advice> {
        let scheme = if is_plain(&self.registries, host) { "http" } else { "https" };
        // The API of Docker Hub is not at its name.
        let name = if host.is_docker_hub() { "registry-1.docker.io" } else { host.as_str() };
        Url::parse(&format!("{scheme}://{name}/"))
            .map_err(|error| Advice::new(format!("`{name}` does not form an address: {error}")))
    }
}

/// Whether a registry is contacted without TLS: if configured, or by default on this machine.
pub fn is_plain(registries: &BTreeMap<Registry, RegistrySettings>, host: &Registry) -> bool {
    let is_local = is_loopback(host.as_str());
    let Some(registry) = registries.get(host) else { return is_local };
    let has_certificate = registry.client_certificate_file.is_some();
    let uses_tls =
        registry.insecure || registry.http2 || registry.ca_file.is_some() || has_certificate;
    registry.plain_http.unwrap_or(is_local && !uses_tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(name: &str) -> Registry {
        name.parse().unwrap()
    }

    #[test]
    fn plain_http_is_used_where_configured_and_by_default_on_this_machine() {
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
        for (text, local, remote) in table {
            assert_eq!(
                (
                    is_plain(&with(text).registries, &registry("127.0.0.1:5000")),
                    is_plain(&with(text).registries, &registry("quay.io"))
                ),
                (local, remote),
                "{text}"
            );
        }
    }
}
