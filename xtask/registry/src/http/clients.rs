//! The HTTP clients of a run: which authorities each one trusts, which client certificate it presents, and
//! which of them may contact which host.
//!
//! Registries with equal TLS settings share a client. A host that a registry redirects to is contacted with
//! what images.toml declares for that address, and never with a client certificate.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use messages::Advice;
use reqwest::{Client, ClientBuilder, Response, Url};

use super::attempts::RetryPolicy;
use super::early_connections::{self, EarlyConnections};
use super::named_certificates::{self, ClientIdentity};
use super::net::AddressKind;
use super::proxy::Proxies;
use super::resolver::{CheckedResolver, NamedBy};
use super::tls_problem;
use crate::error::{authority, root_cause};
use crate::known::settings::RegistrySettings;
use crate::lock::lock;
use oci::Registry;

/// All clients of a run.
pub(crate) struct ClientPool {
    registries: BTreeMap<Registry, RegistrySettings>,
    proxies: Proxies,
    policy: RetryPolicy,
    /// What `SSL_CERT_FILE` names.
    system_file: Option<PathBuf>,
    clients: Mutex<HashMap<(TlsSettings, NamedBy), Client>>,
}

/// The settings by which clients are shared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct TlsSettings {
    plain: bool,
    insecure: bool,
    http2: bool,
    authorities: Option<PathBuf>,
    /// The certificate and its key.
    client_certificate: Option<(PathBuf, PathBuf)>,
    /// What `SSL_CERT_FILE` names.
    system_file: Option<PathBuf>,
    connect_timeout: Duration,
}

/// The clients for one registry, and for the hosts that it sends requests to.
pub(crate) struct HttpClients {
    pub(crate) base: Url,
    name: Registry,
    pool: Arc<ClientPool>,
    own: Client,
    /// Replaces `own` for a registry that offers only HTTP/2.
    own_http2: OnceLock<Client>,
    /// The kind of the registry's address, once it has responded.
    kind: OnceLock<AddressKind>,
}

impl ClientPool {
    pub(crate) fn new(
        registries: BTreeMap<Registry, RegistrySettings>,
        proxies: Proxies,
        policy: RetryPolicy,
        system_file: Option<PathBuf>,
    ) -> Self {
        Self { registries, proxies, policy, system_file, clients: Mutex::default() }
    }

    /// The clients for the registry with this address.
    ///
    /// # Errors
    /// When a file that images.toml names cannot be used, the system has no certificates, or the address is
    /// no registry's.
    pub(crate) fn of(self: &Arc<Self>, name: &Registry, base: Url) -> Result<HttpClients, Advice> {
        let kind = AddressKind::of_url(&base);
        if !NamedBy::User.allows(kind) {
            return Err(Advice::new(format!("`{name}` is {kind}, and is never contacted"))
                .with_hint("name a registry"));
        }
        Ok(HttpClients {
            own: self.client(name.as_str(), self.settings(name.as_str(), &base), NamedBy::User)?,
            base,
            name: name.clone(),
            pool: Arc::clone(self),
            own_http2: OnceLock::new(),
            kind: OnceLock::new(),
        })
    }

    fn settings(&self, name: &str, url: &Url) -> TlsSettings {
        let declared = self.registries.get(name);
        let policy = declared.map_or(self.policy, |settings| self.policy.with_settings(settings));
        let default = TlsSettings { connect_timeout: policy.connect, ..TlsSettings::default() };
        if url.scheme() == "http" {
            return TlsSettings { plain: true, ..default };
        }
        let default = TlsSettings { system_file: self.system_file.clone(), ..default };
        let Some(settings) = declared else { return default };
        let key = settings.client_key_file.clone();
        TlsSettings {
            plain: false,
            insecure: settings.insecure,
            http2: settings.http2,
            authorities: settings.ca_file.clone(),
            client_certificate: settings.client_certificate_file.clone().zip(key),
            ..default
        }
    }

    /// One client for each set of settings: reading the system's certificates takes longer than a run with
    /// nothing to do.
    fn client(
        &self,
        name: &str,
        settings: TlsSettings,
        named_by: NamedBy,
    ) -> Result<Client, Advice> {
        let mut clients = lock(&self.clients);
        let key = (settings, named_by);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = build(name, &key.0, named_by, &self.proxies)?;
        clients.insert(key, client.clone());
        Ok(client)
    }
}

impl HttpClients {
    /// The client for a request to this address.
    ///
    /// # Errors
    /// When the registry may not send the client there.
    pub(crate) fn client_for(&self, url: &Url) -> Result<Client, Advice> {
        if url.origin() == self.base.origin() {
            return Ok(self.own().clone());
        }
        if url.scheme() != "https" && self.base.scheme() == "https" {
            return Err(Advice::new("it leaves TLS"));
        }
        self.check_address(url)?;
        // Another host that a registry names: the client trusts what images.toml declares for that host,
        // and presents no certificate.
        let name = authority(url);
        let settings = TlsSettings { client_certificate: None, ..self.pool.settings(&name, url) };
        // The name of a proxy is looked up with the same client.
        let named_by = match self.proxy(url) {
            None => NamedBy::Registry(self.kind()),
            Some(_) => NamedBy::User,
        };
        self.pool.client(&name, settings, named_by)
    }

    fn kind(&self) -> AddressKind {
        self.kind.get().copied().unwrap_or_else(|| AddressKind::of_url(&self.base))
    }

    /// The client for the registry itself and for its token server.
    pub(crate) fn own(&self) -> &Client {
        self.own_http2.get().unwrap_or(&self.own)
    }

    /// Opens a connection to the registry for a request that cannot be sent yet, unless there have been `enough`.
    pub(crate) async fn open_early(&self, enough: usize) {
        // All requests share one connection of HTTP/2.
        if !self.is_http2() {
            early_connections::open(&self.own, &self.base, enough).await;
        }
    }

    fn is_http2(&self) -> bool {
        let declared = self.pool.registries.get(&self.name);
        self.own_http2.get().is_some() || declared.is_some_and(|settings| settings.http2)
    }

    /// Learns from a response of the registry what kind of address it has. A proxy hides that.
    pub(crate) fn observe(&self, response: &Response) {
        if response.url().origin() != self.base.origin() {
            return;
        }
        self.kind.get_or_init(|| match AddressKind::of_url(&self.base) {
            AddressKind::Public if self.proxy(&self.base).is_none() => response
                .remote_addr()
                .map_or(AddressKind::Public, |address| AddressKind::of_ip(address.ip())),
            kind => kind,
        });
    }

    /// Whether a registry that offers only HTTP/2 is contacted with that from now on.
    pub(crate) fn switches_to_http2(&self, error: &reqwest::Error) -> bool {
        if !has_no_common_protocol(error) || self.own_http2.get().is_some() {
            return false;
        }
        let name = self.name.as_str();
        let settings = TlsSettings { http2: true, ..self.pool.settings(name, &self.base) };
        self.pool
            .client(name, settings, NamedBy::User)
            .is_ok_and(|client| self.own_http2.set(client).is_ok())
    }

    pub(crate) fn proxy(&self, url: &Url) -> Option<String> {
        self.pool.proxies.on_the_way_to(url)
    }

    /// Refuses addresses that the registry has no reason to name. Names are checked by the resolver of the client.
    fn check_address(&self, url: &Url) -> Result<(), Advice> {
        let (own, kind) = (self.kind(), AddressKind::of_url(url));
        if own.may_lead_to(kind) {
            return Ok(());
        }
        let registry = self.base.host_str().unwrap_or_default();
        Err(Advice::new(format!("{kind} is off limits for `{registry}`, which is {own}")))
    }
}

fn build(
    name: &str,
    settings: &TlsSettings,
    named_by: NamedBy,
    proxies: &Proxies,
) -> Result<Client, Advice> {
    // Fails only if this process has installed one already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = Client::builder()
        .user_agent(concat!("chart-mirror/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.connect_timeout)
        .tcp_keepalive(Duration::from_secs(30))
        .dns_resolver(CheckedResolver { named_by })
        // `redirect` follows them, because the next host decides which client is used.
        .redirect(reqwest::redirect::Policy::none());
    // HTTP/1.1 unless configured otherwise: with a round trip of 50 ms a fresh mirror took 1.3 s with it and
    // 1.9 s over the single connection of HTTP/2. ARCHITECTURE.md has the details.
    let builder = if settings.http2 {
        // Enough for a round trip of 100 ms at 100 MB/s; all blobs share the default of 5 MB.
        let builder = builder.http2_initial_stream_window_size(4 << 20);
        builder.http2_initial_connection_window_size(16 << 20)
    } else {
        builder.http1_only().connector_layer(EarlyConnections)
    };
    let builder = with_tls(builder, name, settings)?;
    let client = proxies.apply(builder).and_then(ClientBuilder::build);
    client.map_err(|error| {
        Advice::new(format!("cannot set up TLS: {}", root_cause(&error))).with_hint(
            "install the system's certificates (`ca-certificates`), or name a file in `SSL_CERT_FILE`",
        )
    })
}

/// What a client trusts besides the system's authorities, and which certificate it shows.
fn with_tls(
    builder: ClientBuilder,
    name: &str,
    settings: &TlsSettings,
) -> Result<ClientBuilder, Advice> {
    let identity = match &settings.client_certificate {
        Some((certificate, key)) => Some(identity(name, certificate, key)?),
        None => None,
    };
    if settings.plain {
        return Ok(builder.tls_certs_only([]));
    }
    let authorities = match &settings.authorities {
        Some(file) if !settings.insecure => {
            let found = named_certificates::certificates(&read(name, "ca-file", file)?);
            if found.is_empty() {
                return Err(unusable(name, "ca-file", file, "it has no certificate in PEM format"));
            }
            found
        }
        _ => Vec::new(),
    };
    let of_system = settings.system_file.as_deref().map(named_certificates::of_system_file);
    let named = [authorities.clone(), of_system.unwrap_or_default()].concat();
    if settings.insecure || named.is_empty() {
        let builder = match identity.and_then(|identity| identity.for_library()) {
            Some(identity) => builder.identity(identity),
            None => builder,
        };
        return Ok(builder.tls_danger_accept_invalid_certs(settings.insecure));
    }
    let protocols: &[&str] = if settings.http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
    let configuration = named_certificates::configuration(authorities, named, identity, protocols);
    configuration.map(|it| builder.tls_backend_preconfigured(it)).map_err(|error| {
        Advice::new(format!("cannot set up TLS for `{name}`: {error}"))
            .with_hint("check the files of `[registries]`, and `SSL_CERT_FILE`")
    })
}

fn identity(name: &str, certificate: &Path, key: &Path) -> Result<ClientIdentity, Advice> {
    let identity = ClientIdentity {
        key: read(name, "client-key-file", key)?,
        certificate: read(name, "client-certificate-file", certificate)?,
    };
    if identity.for_library().is_some() {
        return Ok(identity);
    }
    let why = format!("it and `{}` have no certificate with its key in PEM format", key.display());
    Err(unusable(name, "client-certificate-file", certificate, &why))
}

fn read(name: &str, key: &str, file: &Path) -> Result<Vec<u8>, Advice> {
    regular_file::read(file, regular_file::LARGEST)
        .map_err(|error| unusable(name, key, file, &error.to_string()))
}

fn unusable(name: &str, key: &str, file: &Path, why: &str) -> Advice {
    let file = file.display();
    Advice::new(format!("`{key}` of `[registries.\"{name}\"]` cannot be used: `{file}`: {why}"))
        .with_hint("the path is relative to images.toml")
}

/// Whether the server sent the alert that it supports none of the offered protocols (RFC 7301, section 3.2).
fn has_no_common_protocol(error: &reqwest::Error) -> bool {
    let alert = rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol);
    tls_problem::find(error) == Some(&alert)
}
