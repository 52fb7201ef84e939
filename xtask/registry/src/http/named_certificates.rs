//! Certificates that the user names, in `ca-file` or `SSL_CERT_FILE`. They are trusted as authorities, and each one
//! also as the certificate of a server, as other clients do: the usual self-signed certificate of a registry calls
//! itself an authority, and no authority may be a server.

use std::path::Path;
use std::sync::Arc;

use reqwest::Identity;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// A client certificate and its key, in PEM.
pub(super) struct ClientIdentity {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

impl ClientIdentity {
    /// The same for the HTTP library; `None` if a part is not what it should be.
    pub(super) fn for_library(&self) -> Option<Identity> {
        Identity::from_pem(&self.pem()).ok()
    }

    fn pem(&self) -> Vec<u8> {
        [&self.key[..], b"\n", &self.certificate].concat()
    }
}

/// The certificates of a file in PEM; none if it cannot be read.
pub(super) fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

/// The certificates of `SSL_CERT_FILE`. If it cannot be read, setting up the system's authorities reports that.
pub(super) fn of_system_file(file: &Path) -> Vec<CertificateDer<'static>> {
    regular_file::read(file, regular_file::LARGEST)
        .map(|pem| certificates(&pem))
        .unwrap_or_default()
}

/// The TLS settings of a client that trusts the system's authorities and these certificates.
///
/// # Errors
/// If a certificate cannot be used.
pub(super) fn configuration(
    authorities: Vec<CertificateDer<'static>>,
    named: Vec<CertificateDer<'static>>,
    identity: Option<ClientIdentity>,
    protocols: &[&str],
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let inner = Verifier::new_with_extra_roots(authorities, Arc::clone(&provider))?;
    let builder = with_verifier(provider, NamedCertificates { inner, named })?;
    let mut configuration = match identity {
        None => builder.with_no_client_auth(),
        Some(ClientIdentity { certificate, key }) => {
            let key = PrivateKeyDer::from_pem_slice(&key)
                .map_err(|_| Error::General("the client's key is not in PEM format".to_owned()))?;
            builder.with_client_auth_cert(certificates(&certificate), key)?
        }
    };
    configuration.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(configuration)
}

fn with_verifier(
    provider: Arc<CryptoProvider>,
    verifier: NamedCertificates,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, Error> {
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)))
}

#[derive(Debug)]
struct NamedCertificates {
    inner: Verifier,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for NamedCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            // Its time was checked before that, its name was not.
            Err(error) if is_authority_as_server(&error) && self.named.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The library has no variant for this error of the one that it uses.
pub(super) fn is_authority_as_server(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(other))
        if format!("{other:?}").contains("CaUsedAsEndEntity"))
}
