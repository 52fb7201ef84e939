//! TLS in front of a registry, with the certificates of `tests/data/tls`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use registry_in_memory::{InMemoryRegistry, LocationStyle, RegistryOptions};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Terminates TLS on loopback and forwards to a registry. Stops when it is dropped.
pub(crate) struct Front {
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<Connection>>>,
    handshakes: Arc<AtomicUsize>,
    accepting: AbortHandle,
}

/// The handshake of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) has_certificate: bool,
    pub(crate) protocol: String,
    /// The server name that the client asked for; none for an address.
    pub(crate) name: Option<String>,
}

/// Whether a TLS front asks clients for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    NoCertificate,
    /// Accepts one, and continues without.
    Anyone,
    Everyone,
}

impl Front {
    /// In front of a registry; `protocols` are offered in this order of preference.
    pub(crate) async fn of(registry: &InMemoryRegistry, asks: Asks, protocols: &[&str]) -> Self {
        Self::of_address(registry.address(), asks, protocols).await
    }

    pub(crate) async fn of_address(behind: &str, asks: Asks, protocols: &[&str]) -> Self {
        Self::listening(behind, configuration("server", asks, protocols)).await
    }

    /// With another certificate of `tests/data/tls` instead of the valid one.
    pub(crate) async fn showing(certificate: &str, registry: &InMemoryRegistry) -> Self {
        Self::listening(registry.address(), configuration(certificate, Asks::NoCertificate, &[]))
            .await
    }

    async fn listening(behind: &str, configuration: ServerConfig) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let acceptor = TlsAcceptor::from(Arc::new(configuration));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let handshakes = Arc::new(AtomicUsize::new(0));
        let begun = Arc::clone(&handshakes);
        let (log, behind) = (Arc::clone(&seen), behind.parse().unwrap());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                begun.fetch_add(1, Ordering::Relaxed);
                let (acceptor, log) = (acceptor.clone(), Arc::clone(&log));
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let session = stream.get_ref().1;
                    let protocol = session.alpn_protocol().unwrap_or_default().to_vec();
                    let has_certificate = session.peer_certificates().is_some();
                    let name = session.server_name().map(str::to_owned);
                    let protocol = String::from_utf8(protocol).unwrap();
                    let is_http2 = protocol == "h2";
                    log.lock().unwrap().push(Connection { has_certificate, protocol, name });
                    if is_http2 {
                        serve_http2(stream, behind).await
                    } else {
                        hand_on(stream, behind).await
                    }
                });
            }
        });
        Self { address, seen, handshakes, accepting: accepting.abort_handle() }
    }

    /// Connections, whether their handshake succeeded or not.
    pub(crate) fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Relaxed)
    }

    /// Connections whose handshake succeeded.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A registry for use behind a front: its locations do not mention plain HTTP.
pub(crate) fn behind() -> RegistryOptions {
    RegistryOptions { location: LocationStyle::Relative, ..RegistryOptions::default() }
}

/// The path of a file of `tests/data/tls`.
pub(crate) fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tls").join(name)
}

/// A table of images.toml for a registry.
pub(crate) fn table(host: &str, lines: &[&str]) -> String {
    format!("[registries.\"{host}\"]\n{}\n\n", lines.join("\n"))
}

/// The line with the certificate authority of the tests.
pub(crate) fn trusted() -> String {
    format!("ca-file = {:?}", file("authority.pem"))
}

fn configuration(certificate: &str, asks: Asks, protocols: &[&str]) -> ServerConfig {
    drop(rustls::crypto::ring::default_provider().install_default());
    let key = file(&format!("{certificate}-key.pem"));
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let certificate = file(&format!("{certificate}.pem"));
    let certificate = CertificateDer::from_pem_file(certificate).unwrap();
    let mut authorities = RootCertStore::empty();
    authorities.add(CertificateDer::from_pem_file(file("authority.pem")).unwrap()).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(authorities));
    let builder = match asks {
        Asks::NoCertificate => ServerConfig::builder().with_no_client_auth(),
        Asks::Anyone => ServerConfig::builder()
            .with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap()),
        Asks::Everyone => {
            ServerConfig::builder().with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let mut configuration = builder.with_single_cert(vec![certificate], key).unwrap();
    configuration.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    configuration
}

async fn hand_on(mut stream: TlsStream<TcpStream>, behind: SocketAddr) {
    let mut registry = TcpStream::connect(behind).await.unwrap();
    let _ = registry.set_nodelay(true);
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut registry).await;
}

/// Serves HTTP/2 and forwards to the registry over HTTP/1.1, with whole bodies.
async fn serve_http2(stream: TlsStream<TcpStream>, behind: SocketAddr) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let service = service_fn(move |request| ask(client.clone(), behind, request));
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn ask(
    client: reqwest::Client,
    behind: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, reqwest::Error> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("http://{behind}{path}");
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let answer = client.request(head.method, url).headers(head.headers).body(body).send().await?;
    let mut response = Response::new(Full::default());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    for of_connection in ["connection", "transfer-encoding", "keep-alive"] {
        response.headers_mut().remove(of_connection);
    }
    *response.body_mut() = Full::new(answer.bytes().await?);
    Ok(response)
}
