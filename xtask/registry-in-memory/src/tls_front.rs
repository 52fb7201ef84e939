//! TLS in front of a registry: terminates it, and forwards the bytes to the plain HTTP behind it.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::accepting::Accepting;

/// TLS in front of an address, on a loopback port. Dropping it closes the port and every connection.
///
/// A registry behind it needs [`crate::LocationStyle::Relative`]: it does not know of the TLS.
pub struct TlsFront {
    address: String,
    _accepting: Accepting,
}

impl TlsFront {
    /// Starts in front of an address, with a certificate and its key, both as PEM.
    ///
    /// # Errors
    /// If there is no free port, or the certificate and the key are not usable.
    pub async fn of(behind: &str, certificate: &[u8], key: &[u8]) -> io::Result<Self> {
        let configuration = configuration(certificate, key)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let acceptor = TlsAcceptor::from(Arc::new(configuration));
        let behind: Arc<str> = behind.into();
        let accepting = Accepting::start(listener, move |client, _| {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            async move {
                // An error is a side that disconnected, or a client that does not trust the certificate.
                let _ = forward(client, acceptor, &behind).await;
            }
        });
        Ok(Self { address, _accepting: accepting })
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn configuration(certificate: &[u8], key: &[u8]) -> io::Result<ServerConfig> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let certificates = certificates.map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(io::Error::other)?;
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key))
        .map_err(io::Error::other)
}

async fn forward(client: TcpStream, acceptor: TlsAcceptor, behind: &str) -> io::Result<()> {
    let mut client = acceptor.accept(client).await?;
    let mut registry = TcpStream::connect(behind).await?;
    registry.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut registry).await.map(|_| ())
}
