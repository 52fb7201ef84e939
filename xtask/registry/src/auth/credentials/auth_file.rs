//! `AuthFile`: a file in which `docker login` and `podman login` store credentials, or name the helper
//! that has them (containers-auth.json(5)).
//!
//! [`AuthFile::candidates`] decides what may apply to a repository, and in which order. No program is
//! started here.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use messages::Advice;
use oci::Registry;
use serde::Deserialize;

use super::candidate::{CredentialCandidate, CredentialSource, Origin};
use super::helper::HelperName;
use super::{Credentials, Environment, Secret};

/// The variable that names a file, which then has to exist.
const FILE_VARIABLE: &str = "REGISTRY_AUTH_FILE";

/// One of the files.
pub(crate) struct AuthFile {
    pub(crate) path: PathBuf,
    /// It contains secrets, and other users of this machine may read it.
    pub(crate) exposes_secrets: bool,
    entries: Vec<(Key, Entry)>,
    helpers: Vec<(Key, String)>,
    store: Option<String>,
}

/// The key of an entry: `quay.io`, `quay.io/team-a`, `https://index.docker.io/v1/`.
struct Key {
    written: String,
    host: String,
    path: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    auths: Option<BTreeMap<String, Entry>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

/// Reads the files of an environment, in order of precedence.
///
/// # Errors
/// If a file exists and cannot be read, or if the file that a variable names does not exist.
pub(crate) fn read_all(environment: &dyn Environment) -> Result<Vec<AuthFile>, Advice> {
    let required = environment.variable(FILE_VARIABLE).map(PathBuf::from);
    let mut files = Vec::new();
    for path in paths(environment) {
        let found = environment.credential_file(&path);
        match found.map_err(|error| unusable(&path, &error.to_string()))? {
            Some(found) => {
                let mut file = AuthFile::parse(&path, &found.text)?;
                file.exposes_secrets &= found.is_open_to_others;
                files.push(file);
            }
            None if required.as_ref() == Some(&path) => {
                let path = path.display();
                let message = format!("`{FILE_VARIABLE}` names `{path}`, which does not exist");
                return Err(Advice::new(message)
                    .with_hint("`podman login` creates it; or unset the variable"));
            }
            None => {}
        }
    }
    Ok(files)
}

/// Where such files may be, in order of precedence.
pub(crate) fn paths(environment: &dyn Environment) -> Vec<PathBuf> {
    let folder = |name: &str| environment.variable(name).map(PathBuf::from);
    let home = folder("HOME").or_else(|| folder("USERPROFILE"));
    let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let containers = folder("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
    let docker = folder("DOCKER_CONFIG").or_else(|| below_home(".docker"));
    let all = [
        folder(FILE_VARIABLE),
        folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
        containers.map(|folder| folder.join("containers/auth.json")),
        docker.map(|folder| folder.join("config.json")),
    ];
    let mut known = HashSet::new();
    all.into_iter().flatten().filter(|path| known.insert(path.clone())).collect()
}

impl AuthFile {
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Advice> {
        // The parser's message may quote the text, and so a secret.
        let content: Content = serde_json::from_str(text).map_err(|error| {
            let line = error.line();
            unusable(path, &format!("it is not what docker and podman write (line {line})"))
        })?;
        let entries = content.auths.unwrap_or_default().into_iter();
        let entries: Vec<_> = entries.map(|(key, entry)| (Key::new(key), entry)).collect();
        let helpers = content.cred_helpers.unwrap_or_default().into_iter();
        Ok(Self {
            path: path.to_owned(),
            exposes_secrets: entries.iter().any(|(_, entry)| entry.has_secret()),
            entries,
            helpers: helpers.map(|(key, name)| (Key::new(key), name)).collect(),
            store: content.creds_store.filter(|name| !name.is_empty()),
        })
    }

    /// What this file has for a repository, best first: entries for a part of the registry, longest
    /// path first; the registry's helper; the registry's entry; the helper for all registries. The
    /// last comes after the entries, because an entry with credentials was added on purpose. Without a
    /// repository: what it has for any repository of the registry.
    pub(crate) fn candidates(
        &self,
        host: &Registry,
        repository: Option<&str>,
    ) -> Vec<CredentialCandidate> {
        let mut parts: Vec<_> = self
            .entries
            .iter()
            .filter(|(key, _)| key.host == host.as_str())
            .filter(|(key, _)| key.path.as_ref().is_some_and(|path| is_below(repository, path)))
            .collect();
        parts.sort_by_key(|(key, _)| std::cmp::Reverse(key.path.as_ref().map(String::len)));
        let helpers = self.helpers.iter().filter(|(key, _)| key.is_registry(host));
        let mut whole: Vec<_> =
            self.entries.iter().filter(|(key, _)| key.is_registry(host)).collect();
        // The name that users write comes before historic ones.
        whole.sort_by_key(|(key, _)| key.written != host.as_str());
        let entry = |(key, entry): &(Key, Entry)| self.entry_candidate(key, entry);
        let parts = parts.into_iter().filter_map(entry);
        let helpers = helpers.map(|(_, name)| self.helper_candidate(name));
        let whole = whole.into_iter().filter_map(entry);
        let store = self.store.iter().map(|name| self.helper_candidate(name));
        parts.chain(helpers).chain(whole).chain(store).collect()
    }

    fn entry_candidate(&self, key: &Key, entry: &Entry) -> Option<CredentialCandidate> {
        let source = match entry.credentials() {
            Ok(found) => CredentialSource::Known(found?),
            Err(why) => {
                let why = format!("the entry `{}` {}", key.written, why.message);
                CredentialSource::Broken(unusable(&self.path, &why))
            }
        };
        let origin = Origin::Entry { key: key.written.clone(), file: self.path.clone() };
        Some(CredentialCandidate { origin, source })
    }

    fn helper_candidate(&self, name: &str) -> CredentialCandidate {
        let (program, source) = match HelperName::new(name) {
            Ok(program) => (program.to_string(), CredentialSource::Helper(program)),
            Err(why) => {
                let broken = CredentialSource::Broken(unusable(&self.path, &why.message));
                ("a credential helper".to_owned(), broken)
            }
        };
        CredentialCandidate { origin: Origin::Helper { program, file: self.path.clone() }, source }
    }
}

impl Key {
    fn new(written: String) -> Self {
        let bare = written.strip_prefix("https://").or_else(|| written.strip_prefix("http://"));
        let rest = bare.unwrap_or(&written).trim_end_matches('/');
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        // Old entries are URLs, and their path is the version of the API.
        let is_registry = bare.is_some() || matches!(path, "" | "v1" | "v2");
        let path = (!is_registry).then(|| path.to_owned());
        let host = match host.parse::<Registry>() {
            Ok(host) => host.to_string(),
            Err(_) => host.to_owned(),
        };
        Self { written, host, path }
    }

    /// Whether the key stands for the whole registry.
    fn is_registry(&self, host: &Registry) -> bool {
        self.host == host.as_str() && self.path.is_none()
    }
}

impl Entry {
    /// # Errors
    /// If the entry is malformed; the reason completes the sentence "the entry ...".
    fn credentials(&self) -> Result<Option<Credentials>, Advice> {
        let present = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        if let Some(token) = present(&self.identitytoken) {
            return Ok(Some(Credentials::RefreshToken(Secret::new(token))));
        }
        if let (Some(username), Some(password)) = (present(&self.username), present(&self.password))
        {
            return Ok(Some(Credentials::from_stored(&username, &password)));
        }
        let Some(encoded) = present(&self.auth) else { return Ok(None) };
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(encoded.trim())
            .map_err(|_| "is not valid base64")?;
        let pair = String::from_utf8(decoded).map_err(|_| "is not text")?;
        let (username, password) = pair.split_once(':').ok_or("has no `user:password`")?;
        Ok(Some(Credentials::from_stored(username, password.trim_end_matches('\0'))))
    }

    fn has_secret(&self) -> bool {
        [&self.auth, &self.password, &self.identitytoken]
            .iter()
            .any(|value| value.as_ref().is_some_and(|value| !value.is_empty()))
    }
}

fn is_below(repository: Option<&str>, path: &str) -> bool {
    let Some(repository) = repository else { return true };
    repository.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn unusable(file: &Path, why: &str) -> Advice {
    Advice::new(format!("the credentials in `{}` cannot be used: {why}", file.display()))
        .with_hint("fix the file, or move it away")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::auth::credentials::FileText;

    struct Variables(Vec<(&'static str, &'static str)>);

    impl Environment for Variables {
        fn variable(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
        }

        fn credential_file(&self, file: &Path) -> io::Result<Option<FileText>> {
            let is_there = file.starts_with("/there");
            Ok(is_there.then(|| FileText { text: "{}".to_owned(), is_open_to_others: true }))
        }
    }

    fn file(text: &str) -> AuthFile {
        AuthFile::parse(Path::new("/c.json"), text).unwrap()
    }

    /// The candidates of a file in one line.
    fn candidates(file: &AuthFile, host: &str, repository: Option<&str>) -> String {
        let describe = |candidate: &CredentialCandidate| match &candidate.source {
            CredentialSource::Known(Credentials::Password { username, .. }) => username.clone(),
            CredentialSource::Known(Credentials::RefreshToken(_)) => "<token>".to_owned(),
            CredentialSource::Helper(program) => program.to_string(),
            CredentialSource::Broken(why) => why.to_string(),
            CredentialSource::CloudCli(cli) => cli.to_string(),
        };
        file.candidates(&host.parse().unwrap(), repository)
            .iter()
            .map(describe)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn the_longest_entry_comes_first_then_helper_then_entry_then_store() {
        let file = file(
            r#"{"auths": {
                "quay.io": {"username": "all", "password": "x"},
                "quay.io/team-a": {"username": "a", "password": "x"},
                "quay.io/team-a/deep": {"username": "deep", "password": "x"},
                "quay.io:443/team-a": {"username": "port", "password": "x"},
                "Case.Local": {"username": "case", "password": "x"},
                "empty.local": {}},
              "credHelpers": {"quay.io": "quay"}, "credsStore": "desktop"}"#,
        );
        let rest = "docker-credential-quay all docker-credential-desktop";
        let table = [
            ("quay.io", Some("team-a/wait"), format!("a {rest}")),
            ("quay.io", Some("team-a"), format!("a {rest}")),
            ("quay.io", Some("team-a/deep/er"), format!("deep a {rest}")),
            ("quay.io", Some("team-ab/wait"), rest.to_owned()),
            ("quay.io", None, format!("deep a {rest}")),
            ("CASE.local", Some("a"), "case docker-credential-desktop".to_owned()),
            ("empty.local", Some("a"), "docker-credential-desktop".to_owned()),
        ];
        for (host, repository, expected) in table {
            assert_eq!(candidates(&file, host, repository), expected, "{host} {repository:?}");
        }
    }

    #[test]
    fn credentials_are_found_under_every_historic_key_and_in_every_format() {
        let hub = |key: &str| format!(r#"{{"auths": {{"{key}": {{"auth": "aHViOmh1YnB3"}}}}}}"#);
        for key in [
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
            "https://index.docker.io/v1/",
            "index.docker.io/v1/",
            "Docker.IO",
        ] {
            assert_eq!(
                candidates(&file(&hub(key)), "docker.io", Some("library/busybox")),
                "hub",
                "{key}"
            );
        }
        let table = [
            (r#"{"auth": "cXVheTpxOnB3"}"#, "quay"),
            (r#"{"username": "a", "password": "b"}"#, "a"),
            (r#"{"auth": "eDo=", "identitytoken": "t"}"#, "<token>"),
            (r#"{"username": "<token>", "password": "t"}"#, "<token>"),
            (r#"{"auth": "", "identitytoken": ""}"#, ""),
            ("{}", ""),
        ];
        for (entry, expected) in table {
            let file = file(&format!(r#"{{"auths": {{"https://q.io/v2/": {entry}}}}}"#));
            assert_eq!(candidates(&file, "q.io", Some("a")), expected, "{entry}");
        }
        for broken in [r#"{"auth": "%%%"}"#, r#"{"auth": "bm9uZQ=="}"#] {
            let file = file(&format!(r#"{{"auths": {{"q.io": {broken}}}}}"#));
            let found = candidates(&file, "q.io", None);
            assert!(found.contains("the entry `q.io`") && found.contains("/c.json"), "{found}");
        }
        assert_eq!(candidates(&file(r#"{"auths": null, "credsStore": ""}"#), "q.io", None), "");
    }

    #[test]
    fn a_helper_that_is_not_a_program_name_is_refused() {
        for name in ["../evil", "a/b", "a;b", "", "a b", "$(x)", "é"] {
            let text = serde_json::json!({"credHelpers": {"q.io": name}}).to_string();
            let found = candidates(&file(&text), "q.io", None);
            assert!(found.contains("not the name of a credential helper"), "{name}: {found}");
        }
    }

    #[test]
    fn a_malformed_file_is_reported_with_its_line_and_without_its_text() {
        let error = AuthFile::parse(Path::new("/c.json"), "{\n\"auths\": {\"a\": \"canary\"}}");
        let error = error.err().unwrap().to_string();
        assert!(error.contains("line 2") && !error.contains("canary"), "{error}");
    }

    #[test]
    fn files_are_read_in_the_documented_order() {
        let all = Variables(vec![
            ("HOME", "/home/x"),
            ("REGISTRY_AUTH_FILE", "/named.json"),
            ("XDG_RUNTIME_DIR", "/run/1"),
        ]);
        let files = paths(&all);
        let expected = [
            "/named.json",
            "/run/1/containers/auth.json",
            "/home/x/.config/containers/auth.json",
            "/home/x/.docker/config.json",
        ];
        assert_eq!(files, expected.map(PathBuf::from));
        let moved = Variables(vec![
            ("HOME", "/home/x"),
            ("XDG_CONFIG_HOME", "/c"),
            ("DOCKER_CONFIG", "/there"),
        ]);
        let files = paths(&moved);
        assert_eq!(files, ["/c/containers/auth.json", "/there/config.json"].map(PathBuf::from));
        assert_eq!(read_all(&moved).unwrap().len(), 1);
        let error = read_all(&all).err().unwrap().to_string();
        assert!(error.contains("`REGISTRY_AUTH_FILE` names `/named.json`"), "{error}");
    }

    #[test]
    fn a_file_without_secrets_may_be_open_to_others() {
        for (text, expected) in [
            ("{}", false),
            (r#"{"auths": {"q.io": {}}, "credsStore": "x"}"#, false),
            (r#"{"auths": {"q.io": {"auth": "eDp5"}}}"#, true),
            (r#"{"auths": {"q.io": {"identitytoken": "t"}}}"#, true),
        ] {
            assert_eq!(file(text).exposes_secrets, expected, "{text}");
        }
    }
}
