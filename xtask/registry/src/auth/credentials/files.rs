//! The files in which `docker login` and `podman login` keep logins, or name who does.
//!
//! All of them have one form (containers-auth.json(5)). What may be of use for a host, and in which
//! order, is [`LoginFile::ways`]; nothing is asked here.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde::Deserialize;

use super::helper::ProgramName;
use super::{Credentials, Environment};
use crate::auth::credentials::cloud::CloudLogin;

/// One of the files.
pub(crate) struct LoginFile {
    pub(crate) path: PathBuf,
    /// Other users of this machine may read secrets in it.
    pub(crate) shows_secrets: bool,
    auths: Vec<(Key, Auth)>,
    helpers: Vec<(Key, String)>,
    store: Option<String>,
}

/// A way to a login, and where it was found.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) origin: Origin,
    pub(crate) means: Means,
}

/// Where a login comes from, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Variables {
        username: String,
        password: String,
    },
    Entry {
        key: String,
        file: PathBuf,
    },
    Helper {
        program: String,
        file: PathBuf,
    },
    /// Of the tool of a cloud.
    Command {
        command: String,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum Means {
    Known(Credentials),
    Ask(ProgramName),
    Command(CloudLogin),
    /// Found, and not usable: why.
    Broken(String),
}

/// `quay.io`, `quay.io/team-a`, `https://index.docker.io/v1/`.
struct Key {
    written: String,
    host: String,
    path: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    auths: Option<BTreeMap<String, Auth>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

/// Reads the files of an environment, in the order in which they are asked.
///
/// # Errors
/// When one that is there cannot be read, or one that was named is not there.
pub(crate) fn read_all(environment: &dyn Environment) -> Result<Vec<LoginFile>, String> {
    let mut files: Vec<LoginFile> = Vec::new();
    for (path, is_named) in places(environment) {
        if files.iter().any(|file| file.path == path) {
            continue;
        }
        match environment.login_file(&path).map_err(|why| unusable(&path, &why))? {
            Some(found) => {
                let mut file =
                    LoginFile::parse(&path, &found.text).map_err(|why| unusable(&path, &why))?;
                file.shows_secrets &= found.is_open_to_others;
                files.push(file);
            }
            None if is_named => {
                return Err(format!(
                    "`REGISTRY_AUTH_FILE` names `{}`, which is not there\n\
                     hint: `podman login` writes it; or unset the variable",
                    path.display()
                ));
            }
            None => {}
        }
    }
    Ok(files)
}

/// Where such files are, and whether the very file was asked for by name.
pub(crate) fn places(environment: &dyn Environment) -> Vec<(PathBuf, bool)> {
    let folder = |name: &str| environment.variable(name).map(PathBuf::from);
    let home = folder("HOME").or_else(|| folder("USERPROFILE"));
    let below_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let containers = folder("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
    let named = folder("REGISTRY_AUTH_FILE").map(|file| (file, true));
    let usual = [
        folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
        containers.map(|folder| folder.join("containers/auth.json")),
        folder("DOCKER_CONFIG")
            .or_else(|| below_home(".docker"))
            .map(|folder| folder.join("config.json")),
    ];
    named.into_iter().chain(usual.into_iter().flatten().map(|file| (file, false))).collect()
}

/// The name under which docker keeps the login of a host.
pub(crate) fn server_of(host: &str) -> &str {
    if host == "docker.io" { "https://index.docker.io/v1/" } else { host }
}

impl LoginFile {
    fn parse(path: &Path, text: &str) -> Result<Self, String> {
        // A message of the parser that shows the text would show what is secret in it.
        let text: Text = serde_json::from_str(text).map_err(|error| {
            format!("it is not what docker and podman write (line {})", error.line())
        })?;
        let auths: Vec<_> = text.auths.unwrap_or_default().into_iter().collect();
        Ok(Self {
            path: path.to_owned(),
            shows_secrets: auths.iter().any(|(_, auth)| auth.holds_secret()),
            auths: auths.into_iter().map(|(key, auth)| (Key::new(key), auth)).collect(),
            helpers: text
                .cred_helpers
                .unwrap_or_default()
                .into_iter()
                .map(|(key, name)| (Key::new(key), name))
                .collect(),
            store: text.creds_store.filter(|name| !name.is_empty()),
        })
    }

    /// What this file has for a repository of a host, best first: entries for a part of the registry,
    /// the longest first; the helper of the host; the host's entry; the helper for all hosts. That
    /// one is last, because an entry that holds a login was put there on purpose. Without a
    /// repository: for any of them.
    pub(crate) fn ways(&self, host: &str, repository: Option<&str>) -> Vec<Way> {
        let mut ways = Vec::new();
        let mut parts: Vec<_> = self
            .auths
            .iter()
            .filter(|(key, _)| key.host == host)
            .filter(|(key, _)| key.path.as_ref().is_some_and(|path| is_below(repository, path)))
            .collect();
        parts.sort_by_key(|(key, _)| std::cmp::Reverse(key.path.as_ref().map(String::len)));
        ways.extend(parts.into_iter().filter_map(|(key, auth)| self.entry(key, auth)));
        let helpers = self.helpers.iter().filter(|(key, _)| key.is_whole(host));
        ways.extend(helpers.map(|(_, name)| self.helper(name)));
        let mut entries: Vec<_> = self.auths.iter().filter(|(key, _)| key.is_whole(host)).collect();
        // The name that the user sees comes before the historic ones.
        entries.sort_by_key(|(key, _)| key.written != host);
        ways.extend(entries.into_iter().filter_map(|(key, auth)| self.entry(key, auth)));
        ways.extend(self.store.iter().map(|name| self.helper(name)));
        ways
    }

    fn entry(&self, key: &Key, auth: &Auth) -> Option<Way> {
        let means = match auth.credentials() {
            Ok(found) => Means::Known(found?),
            Err(why) => {
                let why = format!("the entry `{}` {why}", key.written);
                Means::Broken(unusable(&self.path, &why))
            }
        };
        let origin = Origin::Entry { key: key.written.clone(), file: self.path.clone() };
        Some(Way { origin, means })
    }

    fn helper(&self, name: &str) -> Way {
        let (program, means) = match ProgramName::of_helper(name) {
            Ok(program) => (program.to_string(), Means::Ask(program)),
            Err(why) => {
                ("a credential helper".to_owned(), Means::Broken(unusable(&self.path, &why)))
            }
        };
        Way { origin: Origin::Helper { program, file: self.path.clone() }, means }
    }
}

impl From<CloudLogin> for Way {
    fn from(login: CloudLogin) -> Self {
        let origin = Origin::Command { command: login.to_string() };
        Self { origin, means: Means::Command(login) }
    }
}

impl Key {
    fn new(written: String) -> Self {
        let bare = written.strip_prefix("https://").or_else(|| written.strip_prefix("http://"));
        let rest = bare.unwrap_or(&written).trim_end_matches('/');
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        // Old entries are addresses: their path is the version of the API.
        let is_whole = bare.is_some() || matches!(path, "" | "v1" | "v2");
        let path = (!is_whole).then(|| path.to_owned());
        let is_hub = matches!(host, "index.docker.io" | "registry-1.docker.io");
        let host = if is_hub { "docker.io" } else { host }.to_owned();
        Self { written, host, path }
    }

    fn is_whole(&self, host: &str) -> bool {
        self.host == host && self.path.is_none()
    }
}

impl Auth {
    fn credentials(&self) -> Result<Option<Credentials>, String> {
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        if let Some(token) = given(&self.identitytoken) {
            return Ok(Some(Credentials::of_user("<token>", &token)));
        }
        if let (Some(username), Some(password)) = (given(&self.username), given(&self.password)) {
            return Ok(Some(Credentials::of_user(&username, &password)));
        }
        let Some(encoded) = given(&self.auth) else { return Ok(None) };
        let decoded = base64::engine::general_purpose::STANDARD
            .decode(encoded.trim())
            .map_err(|_| "is not valid base64")?;
        let pair = String::from_utf8(decoded).map_err(|_| "is not text")?;
        let (username, password) = pair.split_once(':').ok_or("holds no `user:password`")?;
        Ok(Some(Credentials::of_user(username, password.trim_end_matches('\0'))))
    }

    fn holds_secret(&self) -> bool {
        [&self.auth, &self.password, &self.identitytoken]
            .iter()
            .any(|value| value.as_ref().is_some_and(|value| !value.is_empty()))
    }
}

fn is_below(repository: Option<&str>, path: &str) -> bool {
    let Some(repository) = repository else { return true };
    repository.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn unusable(file: &Path, why: &str) -> String {
    let file = file.display();
    format!("the logins in `{file}` cannot be used: {why}\nhint: mend the file, or move it away")
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variables { username, password } => write!(f, "`{username}` and `{password}`"),
            Self::Entry { key, file } => write!(f, "`{key}` in {}", file.display()),
            Self::Helper { program, file } => {
                write!(f, "`{program}`, which {} names", file.display())
            }
            Self::Command { command } => f.write_str(command),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::credentials::FileText;

    struct Variables(Vec<(&'static str, &'static str)>);

    impl Environment for Variables {
        fn variable(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
        }

        fn login_file(&self, file: &Path) -> Result<Option<FileText>, String> {
            let is_there = file.starts_with("/there");
            Ok(is_there.then(|| FileText { text: "{}".to_owned(), is_open_to_others: true }))
        }
    }

    fn file(text: &str) -> LoginFile {
        LoginFile::parse(Path::new("/c.json"), text).unwrap()
    }

    /// The ways to a login in one line.
    fn told(file: &LoginFile, host: &str, repository: Option<&str>) -> String {
        let tell = |way: &Way| match (&way.means, &way.origin) {
            (Means::Known(Credentials::Password { username, .. }), _) => username.clone(),
            (Means::Known(Credentials::RefreshToken(_)), _) => "<token>".to_owned(),
            (Means::Ask(program), _) => program.to_string(),
            (Means::Broken(why), _) => why.clone(),
            (Means::Command(login), _) => login.to_string(),
        };
        file.ways(host, repository).iter().map(tell).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_longest_entry_wins_then_the_hosts_helper_then_its_entry_then_the_store() {
        let file = file(
            r#"{"auths": {
                "quay.io": {"username": "all", "password": "x"},
                "quay.io/team-a": {"username": "a", "password": "x"},
                "quay.io/team-a/deep": {"username": "deep", "password": "x"},
                "quay.io:443/team-a": {"username": "port", "password": "x"},
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
            ("empty.local", Some("a"), "docker-credential-desktop".to_owned()),
        ];
        for (host, repository, expected) in table {
            assert_eq!(told(&file, host, repository), expected, "{host} {repository:?}");
        }
    }

    #[test]
    fn a_login_is_found_under_every_key_and_in_every_form_that_was_ever_written() {
        let hub = |key: &str| format!(r#"{{"auths": {{"{key}": {{"auth": "aHViOmh1YnB3"}}}}}}"#);
        for key in [
            "docker.io",
            "index.docker.io",
            "registry-1.docker.io",
            "https://index.docker.io/v1/",
            "index.docker.io/v1/",
        ] {
            assert_eq!(
                told(&file(&hub(key)), "docker.io", Some("library/busybox")),
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
            assert_eq!(told(&file, "q.io", Some("a")), expected, "{entry}");
        }
        for broken in [r#"{"auth": "%%%"}"#, r#"{"auth": "bm9uZQ=="}"#] {
            let file = file(&format!(r#"{{"auths": {{"q.io": {broken}}}}}"#));
            let told = told(&file, "q.io", None);
            assert!(told.contains("the entry `q.io`") && told.contains("/c.json"), "{told}");
        }
        assert_eq!(told(&file(r#"{"auths": null, "credsStore": ""}"#), "q.io", None), "");
    }

    #[test]
    fn a_helper_that_is_no_program_name_is_refused_with_the_file_that_says_so() {
        for name in ["../evil", "a/b", "a;b", "", "a b", "$(x)", "é"] {
            let text = serde_json::json!({"credHelpers": {"q.io": name}}).to_string();
            let told = told(&file(&text), "q.io", None);
            assert!(told.contains("no name of a credential helper"), "{name}: {told}");
        }
    }

    #[test]
    fn a_file_that_is_none_is_told_by_its_place_and_none_of_its_text() {
        let error = LoginFile::parse(Path::new("/c.json"), "{\n\"auths\": {\"a\": \"canary\"}}");
        let error = error.err().unwrap();
        assert!(error.contains("line 2") && !error.contains("canary"), "{error}");
    }

    #[test]
    fn the_files_are_asked_in_the_documented_order() {
        let all = Variables(vec![
            ("HOME", "/home/x"),
            ("REGISTRY_AUTH_FILE", "/named.json"),
            ("XDG_RUNTIME_DIR", "/run/1"),
        ]);
        let files: Vec<_> = places(&all).into_iter().map(|(file, _)| file).collect();
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
        let files: Vec<_> = places(&moved).into_iter().map(|(file, _)| file).collect();
        assert_eq!(files, ["/c/containers/auth.json", "/there/config.json"].map(PathBuf::from));
        assert_eq!(read_all(&moved).unwrap().len(), 1);
        let error = read_all(&all).err().unwrap();
        assert!(error.contains("`REGISTRY_AUTH_FILE` names `/named.json`"), "{error}");
    }

    #[test]
    fn only_a_file_with_secrets_in_it_must_be_closed_to_others() {
        for (text, expected) in [
            ("{}", false),
            (r#"{"auths": {"q.io": {}}, "credsStore": "x"}"#, false),
            (r#"{"auths": {"q.io": {"auth": "eDp5"}}}"#, true),
            (r#"{"auths": {"q.io": {"identitytoken": "t"}}}"#, true),
        ] {
            assert_eq!(file(text).shows_secrets, expected, "{text}");
        }
    }
}
