//! `Access`: how a node reaches a registry, as far as images.toml declares it. Never credentials.

use std::collections::BTreeMap;
use std::path::Path;

use oci::Registry;
use registry::is_plain;
use registry::known::settings::RegistrySettings;

/// The address of a registry, and its settings for TLS.
pub(super) struct Access {
    /// `https://host[:port]`, of the API.
    pub(super) origin: String,
    pub(super) host: String,
    pub(super) is_plain: bool,
    /// Whether any certificate is accepted.
    pub(super) is_insecure: bool,
    /// The names of files, without their folders, which nodes do not have.
    pub(super) ca_file: Option<String>,
    pub(super) client_files: Option<(String, String)>,
}

impl Access {
    pub(super) fn new(
        registries: &BTreeMap<Registry, RegistrySettings>,
        registry: &Registry,
    ) -> Self {
        let is_plain = is_plain(registries, registry);
        // The API of Docker Hub is not at its name.
        let host = match registry.is_docker_hub() {
            true => "registry-1.docker.io",
            false => registry.as_str(),
        };
        let scheme = if is_plain { "http" } else { "https" };
        // Without TLS, its settings have no meaning, and containerd would try TLS because of them.
        let settings = registries.get(registry).filter(|_| !is_plain).cloned().unwrap_or_default();
        let name = |file: Option<&Path>| {
            file.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned())
        };
        let certificate = name(settings.client_certificate_file.as_deref());
        Self {
            origin: format!("{scheme}://{host}"),
            host: host.to_owned(),
            is_plain,
            is_insecure: settings.insecure,
            ca_file: name(settings.ca_file.as_deref()),
            client_files: certificate.zip(name(settings.client_key_file.as_deref())),
        }
    }

    /// Whether a node needs to be allowed to connect without TLS, or to an unknown certificate.
    pub(super) fn is_unsafe(&self) -> bool {
        self.is_plain || self.is_insecure
    }

    /// The files to copy to the nodes.
    pub(super) fn files(&self) -> Vec<&str> {
        let client = self.client_files.iter().flat_map(|(certificate, key)| [certificate, key]);
        self.ca_file.iter().chain(client).map(String::as_str).collect()
    }
}
