//! `[registries]`.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::PathBuf;

use toml::Spanned;

use super::{Reader, listed};
use crate::list::fields::{Entries, Field, Table};
use crate::list::problems::{Problem, nearest};
use crate::list::raw::RawRegistry;
use oci::Registry;
use registry::known::address::Address;
use registry::known::kind::{Mounts, RegistryKind};
use registry::known::settings::RegistrySettings;

impl Reader<'_> {
    pub(super) fn registries(
        &mut self,
        entries: Spanned<Entries<Table<RawRegistry>>>,
    ) -> Option<BTreeMap<Registry, RegistrySettings>> {
        let mut seen = HashMap::new();
        let mut vias = BTreeMap::new();
        let mut places = Vec::new();
        let registries = self.all(entries.into_inner().0, |reader, (key, field)| {
            let host = reader.host(&key, &mut seen);
            let (settings, place) = reader.registry(&key, field)?;
            let host = host?;
            if let (Some(via), Some(place)) = (&settings.via, place) {
                vias.insert(host.clone(), via.clone());
                places.push((host.clone(), place));
            }
            Some((host, settings))
        });
        let straight = self.all(places, |reader, (host, place)| reader.detour(&vias, &host, place));
        straight.and(registries).map(|registries| registries.into_iter().collect())
    }

    /// A proxy cache is asked itself: one that is read through another, or through itself, is a circle
    /// or a misunderstanding.
    fn detour(
        &mut self,
        vias: &BTreeMap<Registry, Address>,
        host: &Registry,
        span: Range<usize>,
    ) -> Option<()> {
        let first = vias.get(host)?;
        if first.registry == *host {
            let hint = "name the proxy cache, which is another registry, or leave `via` out";
            self.report(span, format!("`{host}` is read via itself"), hint.to_owned());
            return None;
        }
        let Some(second) = vias.get(&first.registry) else { return Some(()) };
        let message = format!("`{}` is itself read via `{second}`", first.registry);
        let hint = match second.registry == *host {
            true => "this is a circle: remove one of the two".to_owned(),
            false => "name the registry that is to be asked in the end".to_owned(),
        };
        self.report(span, message, hint);
        None
    }

    fn host(
        &mut self,
        key: &Spanned<String>,
        seen: &mut HashMap<Registry, Range<usize>>,
    ) -> Option<Registry> {
        let host: Registry = match key.get_ref().parse() {
            Ok(host) => host,
            Err(reason) => {
                let hint = "write it as in `[registries.\"quay.io\"]`, with quotes".to_owned();
                self.report(key.span(), reason.to_string(), hint);
                return None;
            }
        };
        // `index.docker.io` is another name of `docker.io`.
        if let Some(first) = seen.insert(host.clone(), key.span()) {
            let message = format!("the registry `{host}` is there twice");
            let problem = Problem::new(self.text, key.span(), message)
                .first(first)
                .hint("put all its settings into one table");
            self.problems.push(problem);
            return None;
        }
        Some(host)
    }

    /// The settings, with the place of `via`.
    fn registry(
        &mut self,
        key: &Spanned<String>,
        field: Field<Table<RawRegistry>>,
    ) -> Option<(RegistrySettings, Option<Range<usize>>)> {
        let table = self.value(field)?;
        let raw = self.keys(table.into_inner(), "`[registries]`");
        let pairs = [
            (
                "username-env",
                raw.username_env.is_some(),
                "password-env",
                raw.password_env.is_some(),
            ),
            (
                "client-certificate-file",
                raw.client_certificate_file.is_some(),
                "client-key-file",
                raw.client_key_file.is_some(),
            ),
        ];
        let detour = raw.via.as_ref().map(|via| via.span.clone());
        let flag = |_: &mut Self, value: Spanned<bool>| Some(value.into_inner());
        let plain_http = self.optional(raw.plain_http, flag);
        let insecure = self.optional(raw.insecure, flag);
        let http2 = self.optional(raw.http2, flag);
        let ca_file = self.optional(raw.ca_file, Self::file);
        let client_certificate_file = self.optional(raw.client_certificate_file, Self::file);
        let client_key_file = self.optional(raw.client_key_file, Self::file);
        let via = self.optional(raw.via, Self::via);
        let username_env = self.optional(raw.username_env, Self::environment_variable);
        let password_env = self.optional(raw.password_env, Self::environment_variable);
        let token_server = self.optional(raw.token_server, Self::token_server);
        let concurrency = self.optional(raw.concurrency, Self::concurrency);
        let kind = self.optional(raw.kind, |reader, text| {
            reader.one_of(text, RegistryKind::ALL.map(|kind| (kind.name(), kind)))
        });
        let mounts = self.optional(raw.mounts, |reader, text| {
            reader.one_of(text, Mounts::ALL.map(|mounts| (mounts.name(), mounts)))
        });
        let pieces = self.optional(raw.pieces, flag);
        let largest_request = self.optional(raw.largest_request, Self::at_least_one);
        let smallest_piece = self.optional(raw.smallest_piece, Self::at_least_one);
        let largest_piece = self.optional(raw.largest_piece, Self::at_least_one);
        self.both_or_none(key, pairs)?;
        let settings = RegistrySettings {
            plain_http: plain_http?,
            ca_file: ca_file?,
            client_certificate_file: client_certificate_file?,
            client_key_file: client_key_file?,
            insecure: insecure?.unwrap_or_default(),
            http2: http2?.unwrap_or_default(),
            via: via?,
            username_env: username_env?,
            password_env: password_env?,
            token_server: token_server?,
            concurrency: concurrency?,
            kind: kind?,
            mounts: mounts?,
            largest_request: largest_request?,
            pieces: pieces?,
            smallest_piece: smallest_piece?,
            largest_piece: largest_piece?,
        };
        self.transport(key, &settings)?;
        Some((settings, detour))
    }

    fn both_or_none(
        &mut self,
        key: &Spanned<String>,
        pairs: [(&str, bool, &str, bool); 2],
    ) -> Option<()> {
        let mut whole = Some(());
        for (one, has_one, other, has_other) in pairs {
            if has_one != has_other {
                let (there, missing) = if has_one { (one, other) } else { (other, one) };
                let hint = format!("add `{missing}`: a registry takes both or none");
                self.report(key.span(), format!("`{there}` without `{missing}`"), hint);
                whole = None;
            }
        }
        whole
    }

    /// What protects a connection and what takes the protection away is not said of one registry.
    fn transport(&mut self, key: &Spanned<String>, settings: &RegistrySettings) -> Option<()> {
        let about_tls = [
            ("ca-file", settings.ca_file.is_some()),
            ("client-certificate-file", settings.client_certificate_file.is_some()),
            ("insecure", settings.insecure),
            ("http2", settings.http2),
        ];
        let without_tls = about_tls
            .into_iter()
            .find(|(_, is_set)| *is_set && settings.plain_http == Some(true))
            .map(|(name, _)| (name, "plain-http"));
        let unverified =
            (settings.insecure && settings.ca_file.is_some()).then_some(("ca-file", "insecure"));
        let Some((useless, because)) = without_tls.or(unverified) else { return Some(()) };
        let message = format!("`{useless}` means nothing with `{because} = true`");
        self.report(key.span(), message, "remove one of the two".to_owned());
        None
    }

    /// A word out of a few.
    pub(super) fn one_of<T: Copy, const N: usize>(
        &mut self,
        text: Spanned<String>,
        known: [(&'static str, T); N],
    ) -> Option<T> {
        let word = text.get_ref();
        if let Some((_, meant)) = known.iter().find(|(name, _)| name == word) {
            return Some(*meant);
        }
        let names = known.map(|(name, _)| name);
        let hint = match nearest(word, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", listed(&names)),
        };
        self.report(text.span(), format!("`{}` is not known here", word.escape_debug()), hint);
        None
    }

    fn at_least_one<T: TryFrom<i64>>(&mut self, number: Spanned<i64>) -> Option<T> {
        match T::try_from(*number.get_ref()) {
            Ok(found) if *number.get_ref() >= 1 => Some(found),
            _ => {
                let hint = "write a number from 1 on, or leave it out".to_owned();
                self.report(number.span(), "this is at least 1", hint);
                None
            }
        }
    }

    pub(super) fn file(&mut self, text: Spanned<String>) -> Option<PathBuf> {
        let name = text.get_ref();
        if name.contains("-----BEGIN") {
            let message = "this is the content of a file and not its name";
            let problem = Problem::new(self.text, text.span(), message)
                .hint("write it into a file of its own, and name that")
                .about_a_secret();
            self.problems.push(problem);
            return None;
        }
        if name.is_empty() || name.contains(char::is_control) {
            let hint = "write its path, relative to this file or absolute".to_owned();
            self.report(text.span(), "this is not the name of a file", hint);
            return None;
        }
        Some(PathBuf::from(text.into_inner()))
    }

    fn via(&mut self, text: Spanned<String>) -> Option<Address> {
        self.address("via", &text)
    }

    fn environment_variable(&mut self, text: Spanned<String>) -> Option<String> {
        let name = text.get_ref();
        if is_variable_name(name) {
            return Some(text.into_inner());
        }
        let message = "this is not the name of an environment variable";
        let problem = Problem::new(self.text, text.span(), message);
        let problem = match name.strip_prefix('$').filter(|name| is_variable_name(name)) {
            Some(name) => problem.hint(format!("write it without the `$`: `\"{name}\"`")),
            None => problem
                .hint("the secret itself stays out of this file: name the variable that holds it")
                .about_a_secret(),
        };
        self.problems.push(problem);
        None
    }

    fn token_server(&mut self, text: Spanned<String>) -> Option<String> {
        match text.get_ref().parse::<Registry>() {
            Ok(host) => Some(host.to_string()),
            Err(reason) => {
                let hint = "write it as in `token-server = \"auth.example.com\"`".to_owned();
                self.report(text.span(), reason.to_string(), hint);
                None
            }
        }
    }

    fn concurrency(&mut self, number: Spanned<i64>) -> Option<usize> {
        match usize::try_from(*number.get_ref()) {
            Ok(number) if number >= 1 => Some(number),
            _ => {
                let hint = "write how many requests may be under way at a time, or leave it out";
                self.report(number.span(), "`concurrency` is at least 1", hint.to_owned());
                None
            }
        }
    }
}

fn is_variable_name(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(is_word)
}
