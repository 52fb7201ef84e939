//! The connections of a run: whom each registry's trusts, what it shows of us, and which of them may
//! carry a request to whom.
//!
//! A registry has a client of its own only if images.toml says something of its own about it. Wherever
//! a registry sends us gets what images.toml declares for that address, and never the certificate that
//! we show.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, Identity, Response, Url};

use super::proxy::Proxies;
use crate::known::settings::RegistrySettings;
use crate::registries::is_loopback;
use oci::Registry;

/// All clients of a run.
pub(crate) struct Clients {
    registries: BTreeMap<Registry, RegistrySettings>,
    pub(super) proxies: Proxies,
    made: Mutex<HashMap<Kind, Client>>,
}

/// What tells one client from another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Kind {
    plain: bool,
    insecure: bool,
    http2: bool,
    authorities: Option<PathBuf>,
    /// The certificate and the key.
    shown: Option<(PathBuf, PathBuf)>,
}

/// The connections of one registry.
pub(crate) struct Connections {
    pub(super) base: Url,
    all: Arc<Clients>,
    own: Client,
    /// In place of `own` for a registry that offers nothing but HTTP/2.
    own_http2: OnceLock<Client>,
    /// Whether the registry is at a private address: then it may send us to others.
    is_private: OnceLock<bool>,
    /// Names that were looked up: what is wrong with going there.
    looked_up: Mutex<HashMap<String, Option<String>>>,
}

impl Clients {
    pub(crate) fn new(registries: BTreeMap<Registry, RegistrySettings>, proxies: Proxies) -> Self {
        Self { registries, proxies, made: Mutex::default() }
    }

    /// The connections of a registry.
    ///
    /// # Errors
    /// When a file that images.toml names for it cannot be used, or there are no certificates.
    pub(crate) fn of(self: &Arc<Self>, name: &Registry, base: Url) -> anyhow::Result<Connections> {
        let kind = self.kind(name.as_str(), base.scheme() == "http");
        let own = self.client(name.as_str(), kind)?;
        Ok(Connections {
            base,
            all: Arc::clone(self),
            own,
            own_http2: OnceLock::new(),
            is_private: OnceLock::new(),
            looked_up: Mutex::default(),
        })
    }

    fn kind(&self, name: &str, plain: bool) -> Kind {
        let Some(settings) = self.registries.get(name).filter(|_| !plain) else {
            return Kind { plain, ..Kind::default() };
        };
        let key = settings.client_key_file.clone();
        Kind {
            plain,
            insecure: settings.insecure,
            http2: settings.http2,
            authorities: settings.ca_file.clone(),
            shown: settings.client_certificate_file.clone().zip(key),
        }
    }

    /// For where a registry sends us: trusts what images.toml says of that address, shows nothing.
    fn elsewhere(&self, url: &Url) -> anyhow::Result<Client> {
        let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
        let name = format!("{}{port}", url.host_str().unwrap_or_default());
        let kind = Kind { shown: None, ..self.kind(&name, url.scheme() == "http") };
        self.client(&name, kind)
    }

    /// One client for all that do not differ: reading the system's certificates takes longer than a
    /// run with nothing to do.
    fn client(&self, name: &str, kind: Kind) -> anyhow::Result<Client> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&kind) {
            return Ok(client.clone());
        }
        let client = make(name, &kind, &self.proxies)?;
        made.insert(kind, client.clone());
        Ok(client)
    }
}

impl Connections {
    /// The client for a request; the registry itself is asked with its own.
    ///
    /// # Errors
    /// With the reason why nobody is to be asked there.
    pub(crate) async fn client_for(&self, url: &Url) -> Result<Client, String> {
        if url.origin() == self.base.origin() {
            return Ok(self.own().clone());
        }
        if url.scheme() != "https" && self.base.scheme() == "https" {
            return Err("it leads out of TLS".to_owned());
        }
        if !self.is_private.get().copied().unwrap_or_else(|| is_private_name(&self.base)) {
            self.check_public(url).await?;
        }
        self.all.elsewhere(url).map_err(|error| error.to_string())
    }

    /// The registry's own client, for the registry and those who give its tokens.
    pub(crate) fn own(&self) -> &Client {
        self.own_http2.get().unwrap_or(&self.own)
    }

    /// Learns from an answer of the registry at which kind of address it is. A proxy hides that.
    pub(crate) fn answered(&self, response: &Response) {
        if response.url().origin() != self.base.origin() {
            return;
        }
        self.is_private.get_or_init(|| {
            let behind_a_proxy = self.proxy(&self.base).is_some();
            let address = response.remote_addr().filter(|_| !behind_a_proxy);
            is_private_name(&self.base) || address.is_some_and(|address| is_private(address.ip()))
        });
    }

    /// Whether a registry that offers nothing but HTTP/2 is asked with that from now on.
    pub(crate) fn switches_to_http2(&self, name: &Registry, error: &reqwest::Error) -> bool {
        if !has_no_common_protocol(error) || self.own_http2.get().is_some() {
            return false;
        }
        let kind = Kind { http2: true, ..self.all.kind(name.as_str(), false) };
        self.all.client(name.as_str(), kind).is_ok_and(|client| self.own_http2.set(client).is_ok())
    }

    pub(crate) fn proxy(&self, url: &Url) -> Option<String> {
        self.all.proxies.on_the_way_to(url)
    }

    /// Refuses what only this machine or its network can reach. Names are looked up, once: the answer
    /// may change before the request, which a registry that means harm would have to arrange.
    async fn check_public(&self, url: &Url) -> Result<(), String> {
        let refusal = || {
            format!(
                "it leads to a private address, which `{}` is not",
                self.base.host_str().unwrap_or_default()
            )
        };
        if is_private_name(url) {
            return Err(refusal());
        }
        // A proxy looks the name up itself.
        let (Some(name), None) = (url.domain(), self.proxy(url)) else { return Ok(()) };
        let known = || self.looked_up.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(name) {
            return found.clone().map_or(Ok(()), Err);
        }
        let port = url.port_or_known_default().unwrap_or(443);
        // What has no address is told of by the request that needs one.
        let Ok(mut addresses) = tokio::net::lookup_host((name, port)).await else { return Ok(()) };
        let found = addresses.any(|address| is_private(address.ip())).then(refusal);
        known().insert(name.to_owned(), found.clone());
        found.map_or(Ok(()), Err)
    }
}

fn make(name: &str, kind: &Kind, proxies: &Proxies) -> anyhow::Result<Client> {
    // Installing twice is no error that matters: somebody else in this process did it first.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = Client::builder()
        .user_agent(concat!("xtask/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(15))
        .tcp_keepalive(Duration::from_secs(30))
        // We follow ourselves: who is asked next decides which client asks.
        .redirect(reqwest::redirect::Policy::none());
    let builder = protocol(builder, kind);
    let builder = trust(builder, name, kind)?;
    let builder = match &kind.shown {
        Some((certificate, key)) => builder.identity(identity(name, certificate, key)?),
        None => builder,
    };
    let client = proxies.apply(builder).and_then(ClientBuilder::build);
    client.map_err(|error| {
        let why = super::host::innermost(&error);
        anyhow::anyhow!(
            "no connections can be made: {why}\n\
             hint: install the system's certificates (`ca-certificates`), or name a file in `SSL_CERT_FILE`"
        )
    })
}

/// HTTP/1.1 unless asked otherwise: on a line of 50 ms a fresh mirror took 1.3 s with it and 1.9 s with
/// the one connection of HTTP/2. ARCHITECTURE.md has the rest.
fn protocol(builder: ClientBuilder, kind: &Kind) -> ClientBuilder {
    if kind.http2 {
        // Enough for a line of 100 ms and 100 MB/s; the default of 5 MB is shared by all blobs.
        builder
            .http2_initial_stream_window_size(4 << 20)
            .http2_initial_connection_window_size(16 << 20)
    } else {
        builder.http1_only()
    }
}

fn trust(builder: ClientBuilder, name: &str, kind: &Kind) -> anyhow::Result<ClientBuilder> {
    if kind.plain {
        return Ok(builder.tls_certs_only([]));
    }
    if kind.insecure {
        return Ok(builder.tls_danger_accept_invalid_certs(true));
    }
    let Some(file) = &kind.authorities else { return Ok(builder) };
    let pem = read(name, "ca-file", file)?;
    let authorities = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if authorities.is_empty() {
        return Err(unusable(name, "ca-file", file, "it holds no certificate in PEM form"));
    }
    Ok(builder.tls_certs_merge(authorities))
}

fn identity(name: &str, certificate: &Path, key: &Path) -> anyhow::Result<Identity> {
    let mut pem = read(name, "client-key-file", key)?;
    pem.push(b'\n');
    pem.extend(read(name, "client-certificate-file", certificate)?);
    Identity::from_pem(&pem).map_err(|_| {
        let why =
            format!("it and `{}` hold no certificate with its key in PEM form", key.display());
        unusable(name, "client-certificate-file", certificate, &why)
    })
}

fn read(name: &str, key: &str, file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| unusable(name, key, file, &error.to_string()))
}

fn unusable(name: &str, key: &str, file: &Path, why: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "`{key}` of `[registries.\"{name}\"]` cannot be used: `{}`: {why}\n\
         hint: the path is relative to images.toml",
        file.display()
    )
}

/// The alert of a server that speaks none of the protocols that we offer (RFC 7301, section 3.2).
fn has_no_common_protocol(error: &reqwest::Error) -> bool {
    let alert = rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol);
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<rustls::Error>() == Some(&alert) {
            return true;
        }
        // An `io::Error` names the source of what it holds, and leaves out what it holds.
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    false
}

/// Whether an address is private by the way it is written.
fn is_private_name(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    is_loopback(host) || host.ends_with(".localhost") || address.is_ok_and(is_private)
}

/// Whether only this machine, its network or its cloud can reach an address (RFC 6890).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_multicast()
                || first == 0
                || is_shared
        }
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => is_private(IpAddr::V4(mapped)),
            None => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.is_multicast()
                    || address.is_unique_local()
                    || address.is_unicast_link_local()
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_is_known_in_every_way_of_writing_it() {
        let private = [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.169.254]",
            "localhost",
            "a.localhost",
            "0x7f000001",
            "2130706433",
        ];
        for host in private {
            assert!(is_private_name(&Url::parse(&format!("https://{host}/")).unwrap()), "{host}");
        }
        let public = [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.128.0.1",
            "[2606:4700::1111]",
            "quay.io",
            "10.0.0.1.example.com",
            "[::ffff:1.1.1.1]",
        ];
        for host in public {
            assert!(!is_private_name(&Url::parse(&format!("https://{host}/")).unwrap()), "{host}");
        }
    }
}
