//! `[registries]`.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use toml::Spanned;

use super::Reader;
use crate::list::RegistrySettings;
use crate::list::fields::{Entries, Field, Table};
use crate::list::problems::Problem;
use crate::list::raw::RawRegistry;
use crate::oci::reference::parse_registry;

impl Reader<'_> {
    pub(super) fn registries(
        &mut self,
        entries: Spanned<Entries<Table<RawRegistry>>>,
    ) -> Option<BTreeMap<String, RegistrySettings>> {
        let mut seen = HashMap::new();
        let registries = self.all(entries.into_inner().0, |reader, (key, field)| {
            let host = reader.host(&key, &mut seen);
            let settings = reader.registry(&key, field);
            Some((host?, settings?))
        });
        registries.map(|registries| registries.into_iter().collect())
    }

    fn host(
        &mut self,
        key: &Spanned<String>,
        seen: &mut HashMap<String, Range<usize>>,
    ) -> Option<String> {
        let host = match parse_registry(key.get_ref()) {
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

    fn registry(
        &mut self,
        key: &Spanned<String>,
        field: Field<Table<RawRegistry>>,
    ) -> Option<RegistrySettings> {
        let table = self.value(field)?;
        let raw = self.keys(table.into_inner(), "`[registries]`");
        let has = (raw.username_env.is_some(), raw.password_env.is_some());
        let plain_http = self.optional(raw.plain_http, |_, value| Some(value.into_inner()));
        let username_env = self.optional(raw.username_env, Self::environment_variable);
        let password_env = self.optional(raw.password_env, Self::environment_variable);
        let token_server = self.optional(raw.token_server, Self::token_server);
        let concurrency = self.optional(raw.concurrency, Self::concurrency);
        let mount_needs_manifest =
            self.optional(raw.mount_needs_manifest, |_, value| Some(value.into_inner()));
        let missing = match has {
            (true, false) => Some(("username-env", "password-env")),
            (false, true) => Some(("password-env", "username-env")),
            (true, true) | (false, false) => None,
        };
        if let Some((there, missing)) = missing {
            let message = format!("`{there}` without `{missing}`");
            let hint = format!("add `{missing}`: a registry takes both or none");
            self.report(key.span(), message, hint);
            return None;
        }
        Some(RegistrySettings {
            plain_http: plain_http?,
            username_env: username_env?,
            password_env: password_env?,
            token_server: token_server?,
            concurrency: concurrency?,
            mount_needs_manifest: mount_needs_manifest?,
        })
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
        match parse_registry(text.get_ref()) {
            Ok(host) => Some(host),
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
