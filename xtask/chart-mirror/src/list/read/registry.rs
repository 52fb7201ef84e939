//! `[registries]`.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::DeTable;

use super::reader::{Reader, Table};
use super::value::Value;
use crate::list::ImageList;
use oci::Registry;
use registry::known::address::Address;
use registry::known::kind::{Mounts, RegistryKind};
use registry::known::settings::RegistrySettings;

/// Settings that need each other.
const PAIRS: [[&str; 2]; 2] =
    [["username-env", "password-env"], ["client-certificate-file", "client-key-file"]];

const HINT_FOR_CHAIN: &str = "name the registry at the end of the chain";

impl<'t> Reader<'t> {
    pub(super) fn registries(
        &mut self,
        table: Spanned<DeTable<'t>>,
    ) -> Option<BTreeMap<Registry, RegistrySettings>> {
        let mut hosts = HashMap::new();
        let mut via = BTreeMap::new();
        let entries = self.entries(table);
        let registries = self.all(entries, |reader, (key, value)| {
            let host = reader.host(&key, &mut hosts);
            let (settings, place) = reader.registry(&key, value)?;
            let host = host?;
            if let Some(address) = &settings.via {
                via.insert(host.clone(), (address.clone(), place.unwrap_or_default()));
            }
            Some((host, settings))
        });
        self.check_chains(&via);
        registries
    }

    /// Reports a proxy cache that is read through another one, or through itself: the client accesses a
    /// proxy cache directly. The registries of the workspace may be the other part of a chain.
    fn check_chains(&mut self, own: &BTreeMap<Registry, (Address, Range<usize>)>) {
        let inherited = self.settings.map(ImageList::registries).into_iter().flatten();
        let inherited: BTreeMap<&Registry, &Address> = inherited
            .filter(|(host, _)| !own.contains_key(*host))
            .filter_map(|(host, settings)| Some((host, settings.via.as_ref()?)))
            .collect();
        for (host, (first, span)) in own {
            if first.registry == *host {
                let hint = "name the proxy cache, which is another registry, or leave `via` out";
                self.report(span.clone(), format!("`{host}` is read via itself"), hint);
                continue;
            }
            let own = own.get(&first.registry).map(|(second, _)| second);
            let Some(second) = own.or_else(|| inherited.get(&first.registry).copied()) else {
                continue;
            };
            let message = format!("`{}` is itself read via `{second}`", first.registry);
            let hint = match second.registry == *host {
                true => "this is a circle: remove one of the two",
                false => HINT_FOR_CHAIN,
            };
            self.report(span.clone(), message, hint);
        }
        for (host, first) in inherited {
            let Some((second, span)) = own.get(&first.registry) else { continue };
            // A circle is reported above.
            if second.registry != *host && second.registry != first.registry {
                let message = format!(
                    "the workspace reads `{host}` via `{}`, which is itself read via `{second}`",
                    first.registry
                );
                self.report(span.clone(), message, HINT_FOR_CHAIN);
            }
        }
    }

    fn host(
        &mut self,
        key: &Spanned<String>,
        hosts: &mut HashMap<Registry, Range<usize>>,
    ) -> Option<Registry> {
        let host: Registry = self.parsed(key, |why: oci::InvalidReference| {
            (why.to_string(), "write it like `[registries.\"quay.io\"]`, with quotes")
        })?;
        // `index.docker.io` is another name of `docker.io`.
        if let Some(first) = hosts.insert(host.clone(), key.span()) {
            let message = format!("the registry `{host}` has two tables");
            self.report_second(key.span(), first, message, "put all its settings into one table")?;
        }
        Some(host)
    }

    /// The settings, with the place of `via`.
    fn registry(
        &mut self,
        key: &Spanned<String>,
        value: Value<'t>,
    ) -> Option<(RegistrySettings, Option<Range<usize>>)> {
        let entry = self.value(value)?;
        let mut table = self.table(entry, "`[registries]`");
        let t = &mut table;
        let settings = RegistrySettings {
            plain_http: self.flag(t, "plain-http"),
            ca_file: self.optional(t, "ca-file", Self::file),
            client_certificate_file: self.optional(t, "client-certificate-file", Self::file),
            client_key_file: self.optional(t, "client-key-file", Self::file),
            insecure: self.flag(t, "insecure").unwrap_or_default(),
            http2: self.flag(t, "http2").unwrap_or_default(),
            via: self.optional(t, "via", |reader, text| reader.address("via", &text)),
            username_env: self.optional(t, "username-env", Self::environment_variable),
            password_env: self.optional(t, "password-env", Self::environment_variable),
            token_server: self.optional(t, "token-server", Self::token_server),
            concurrency: self.optional(t, "concurrency", Self::at_least_one),
            connect_timeout: self.optional(t, "connect-timeout", Self::at_least_one),
            silence_timeout: self.optional(t, "silence-timeout", Self::at_least_one),
            request_timeout: self.optional(t, "request-timeout", Self::at_least_one),
            minimum_rate: self.optional(t, "minimum-rate", Self::at_least_one),
            kind: self.optional(t, "kind", |reader, text| {
                reader.one_of(&text, RegistryKind::ALL, RegistryKind::name)
            }),
            mounts: self.optional(t, "mounts", |reader, text| {
                reader.one_of(&text, Mounts::ALL, Mounts::name)
            }),
            pieces: self.flag(t, "pieces"),
            largest_request: self.optional(t, "largest-request", Self::at_least_one),
            smallest_piece: self.optional(t, "smallest-piece", Self::at_least_one),
            largest_piece: self.optional(t, "largest-piece", Self::at_least_one),
        };
        self.check_pairs(key, &table);
        self.check_tls(key, &settings);
        let via = table.span_of("via");
        self.finish(table)?;
        Some((settings, via))
    }

    fn check_pairs(&mut self, key: &Spanned<String>, table: &Table<'t>) {
        for [one, other] in PAIRS {
            let (present, missing) = match [one, other].map(|key| table.span_of(key).is_some()) {
                [true, false] => (one, other),
                [false, true] => (other, one),
                [true, true] | [false, false] => continue,
            };
            let hint = format!("add `{missing}`: a registry needs both or neither");
            self.report(key.span(), format!("`{present}` without `{missing}`"), hint);
        }
    }

    /// Reports settings that contradict each other.
    fn check_tls(&mut self, key: &Spanned<String>, settings: &RegistrySettings) {
        let for_tls = [
            ("ca-file", settings.ca_file.is_some()),
            ("client-certificate-file", settings.client_certificate_file.is_some()),
            ("insecure", settings.insecure),
            ("http2", settings.http2),
        ];
        let without_tls = for_tls
            .into_iter()
            .find(|(_, is_set)| *is_set && settings.plain_http == Some(true))
            .map(|(name, _)| (name, "plain-http"));
        let unverified =
            (settings.insecure && settings.ca_file.is_some()).then_some(("ca-file", "insecure"));
        if let Some((useless, because)) = without_tls.or(unverified) {
            let message = format!("`{useless}` has no effect with `{because} = true`");
            self.report(key.span(), message, "remove one of the two");
        }
    }

    pub(super) fn file(&mut self, text: Spanned<String>) -> Option<PathBuf> {
        let name = text.get_ref();
        if name.contains("-----BEGIN") {
            let message = "this is the content of a file, not its name";
            let hint = "write it to a file of its own, and name that";
            self.report_secret(text.span(), message, hint)?;
        }
        if name.is_empty() {
            let hint = "write its path, relative to this file or absolute";
            self.report(text.span(), "this is not the name of a file", hint)?;
        }
        Some(PathBuf::from(text.into_inner()))
    }

    fn environment_variable(&mut self, text: Spanned<String>) -> Option<String> {
        let name = text.get_ref();
        if is_variable_name(name) {
            return Some(text.into_inner());
        }
        let message = "this is not the name of an environment variable";
        if let Some(name) = name.strip_prefix('$').filter(|name| is_variable_name(name)) {
            let hint = format!("write it without the `$`: `\"{name}\"`");
            self.report(text.span(), message, hint)?;
        }
        let hint =
            "the secret itself does not belong in this file: name the variable that holds it";
        self.report_secret(text.span(), message, hint)?;
        None
    }

    fn token_server(&mut self, text: Spanned<String>) -> Option<String> {
        let host: Registry = self.parsed(&text, |why: oci::InvalidReference| {
            (why.to_string(), "write it like `token-server = \"auth.example.com\"`")
        })?;
        Some(host.to_string())
    }
}

fn is_variable_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_word)
}
