//! `RegistrySettings`: what the user writes about a registry.

use std::path::{Path, PathBuf};

use super::address::Address;
use super::kind::{Mounts, RegistryKind};

/// How to talk to a registry. For a `None`, the client chooses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistrySettings {
    pub plain_http: Option<bool>,
    /// Certificate authorities to trust in addition to the system's. Relative to images.toml.
    pub ca_file: Option<PathBuf>,
    /// The client certificate and its key: both or none. Relative to images.toml.
    pub client_certificate_file: Option<PathBuf>,
    pub client_key_file: Option<PathBuf>,
    /// Whether any certificate is accepted.
    pub insecure: bool,
    /// Whether HTTP/2 is preferred.
    pub http2: bool,
    /// The proxy cache that images of this registry are read from. It has no `via` of its own.
    pub via: Option<Address>,
    /// Names of environment variables: both or none.
    pub username_env: Option<String>,
    pub password_env: Option<String>,
    /// The token server that may receive this registry's credentials, as `host[:port]`. Not a `Registry`,
    /// because the host needs neither a dot nor a port.
    pub token_server: Option<String>,
    /// At least 1.
    pub concurrency: Option<usize>,
    /// In seconds, each at least 1.
    pub connect_timeout: Option<u64>,
    pub silence_timeout: Option<u64>,
    pub request_timeout: Option<u64>,
    /// Of a blob, in bytes per second; at least 1.
    pub minimum_rate: Option<u64>,
    pub kind: Option<RegistryKind>,
    pub mounts: Option<Mounts>,
    /// The largest blob that is sent in one request, in bytes.
    pub largest_request: Option<u64>,
    /// Whether a blob may be sent in pieces.
    pub pieces: Option<bool>,
    /// In bytes, each at least 1.
    pub smallest_piece: Option<u64>,
    pub largest_piece: Option<u64>,
}

impl RegistrySettings {
    /// The keys that are set and decide who gets credentials, or who is trusted, as images.toml has them.
    pub fn trusting_keys(&self) -> Vec<&'static str> {
        let keys = [
            ("plain-http", self.plain_http == Some(true)),
            ("ca-file", self.ca_file.is_some()),
            ("client-certificate-file", self.client_certificate_file.is_some()),
            ("insecure", self.insecure),
            ("username-env", self.username_env.is_some()),
            ("token-server", self.token_server.is_some()),
        ];
        keys.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key).collect()
    }

    /// Resolves relative paths of files against a folder.
    #[must_use]
    pub fn with_files_below(self, folder: &Path) -> Self {
        let below = |file: Option<PathBuf>| file.map(|file| folder.join(file));
        Self {
            ca_file: below(self.ca_file),
            client_certificate_file: below(self.client_certificate_file),
            client_key_file: below(self.client_key_file),
            ..self
        }
    }
}
