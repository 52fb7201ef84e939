//! `RegistrySettings`: what the user says about a registry.

use std::path::{Path, PathBuf};

use super::address::Address;
use super::kind::{Mounts, RegistryKind};

/// How to talk to a registry. What is `None` is the caller's to choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistrySettings {
    pub plain_http: Option<bool>,
    /// Authorities that are trusted beside the system's. As written: relative to the list.
    pub ca_file: Option<PathBuf>,
    /// What we show, and its key: both or none. Relative to the list, too.
    pub client_certificate_file: Option<PathBuf>,
    pub client_key_file: Option<PathBuf>,
    /// Whether any certificate will do.
    pub insecure: bool,
    /// Whether HTTP/2 is preferred.
    pub http2: bool,
    /// Where images of this registry are read instead. That registry has no `via` of its own.
    pub via: Option<Address>,
    /// Names of environment variables: both or none.
    pub username_env: Option<String>,
    pub password_env: Option<String>,
    /// Who gives tokens for the registry and may see its login, as `host[:port]`.
    pub token_server: Option<String>,
    /// At least 1.
    pub concurrency: Option<usize>,
    pub kind: Option<RegistryKind>,
    pub mounts: Option<Mounts>,
    /// The largest blob that is sent in one request, in bytes.
    pub largest_request: Option<u64>,
    /// Whether a blob may be sent in pieces; in bytes, how small and how large, each at least 1.
    pub pieces: Option<bool>,
    pub smallest_piece: Option<u64>,
    pub largest_piece: Option<u64>,
}

impl RegistrySettings {
    /// With its files below a folder, unless they are absolute.
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
