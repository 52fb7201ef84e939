//! `TlsProblem`: why a TLS connection was not made. Trying again would not help with any of them.

use std::error::Error as StdError;

use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage};

use super::named_certificates::is_authority_as_server;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsProblem {
    UnknownAuthority,
    AuthorityAsServer,
    Ended,
    NotYetValid,
    OtherName,
    Revoked,
    UnusableCertificate,
    ClientCertificateRequired,
    NoTls,
}

impl TlsProblem {
    /// What an error of the HTTP library is about, if it is about TLS.
    pub(crate) fn of(error: &reqwest::Error) -> Option<Self> {
        find(error).and_then(Self::of_tls)
    }

    fn of_tls(error: &TlsError) -> Option<Self> {
        use AlertDescription as Alert;
        if is_authority_as_server(error) {
            return Some(Self::AuthorityAsServer);
        }
        match error {
            TlsError::InvalidCertificate(why) => Some(Self::of_certificate(why)),
            TlsError::InvalidMessage(InvalidMessage::InvalidContentType) => Some(Self::NoTls),
            TlsError::AlertReceived(
                Alert::CertificateRequired
                | Alert::BadCertificate
                | Alert::UnknownCA
                | Alert::AccessDenied,
            ) => Some(Self::ClientCertificateRequired),
            _ => None,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        use CertificateError as E;
        match error {
            E::UnknownIssuer => Self::UnknownAuthority,
            E::Expired | E::ExpiredContext { .. } => Self::Ended,
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid,
            E::NotValidForName | E::NotValidForNameContext { .. } => Self::OtherName,
            E::Revoked => Self::Revoked,
            _ => Self::UnusableCertificate,
        }
    }

    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::UnknownAuthority => {
                "name a file with the authority that signed the certificate, or with the certificate itself: \
                 `ca-file` in `[registries.\"HOST\"]`, or `SSL_CERT_FILE`; the registry may also omit the \
                 certificates between the two"
            }
            Self::AuthorityAsServer => {
                "the server shows a certificate of an authority: name a file with this very certificate in \
                 `ca-file` of `[registries.\"HOST\"]`, or give the registry a separate certificate"
            }
            Self::Ended => {
                "the certificate has ended: renew it at the registry, or correct the clock of this machine"
            }
            Self::NotYetValid => {
                "the certificate is not valid yet: correct the clock of this machine"
            }
            Self::OtherName => {
                "contact the registry by a name that is in its certificate, or give it a certificate with this name"
            }
            Self::Revoked => {
                "its authority has revoked the certificate: give the registry a new one"
            }
            Self::UnusableCertificate => {
                "give the registry a certificate of version 3 that is signed with SHA-256 and has the name of \
                 the registry as a `subjectAltName`"
            }
            Self::ClientCertificateRequired => {
                "the registry requires a client certificate, or does not accept this one: \
                 `client-certificate-file` and `client-key-file` in `[registries.\"HOST\"]`"
            }
            Self::NoTls => {
                "the server does not use TLS on this port: correct the port, or set `plain-http = true` in \
                 `[registries.\"HOST\"]`"
            }
        }
    }
}

/// The TLS error in the chain of causes.
pub(super) fn find(error: &reqwest::Error) -> Option<&TlsError> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<TlsError>() {
            return Some(found);
        }
        // The source of an `io::Error` is that of the error inside it, which it skips.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
