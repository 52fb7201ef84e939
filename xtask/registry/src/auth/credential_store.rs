//! `CredentialStore`: which credentials belong to which repository of a run, and what to suggest if the
//! registry refuses them.
//!
//! Variables and files are read when the run begins. A program is started only when its registry asks
//! for credentials, so that no keychain has to be unlocked for an anonymous registry.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use messages::Advice;
use oci::Registry;

use super::credentials::auth_file::{self, AuthFile};
use super::credentials::candidate::{CredentialCandidate, CredentialSource, Origin};
use super::credentials::cloud_cli::CloudCli;
use super::credentials::helper_cache::HelperCache;
use super::credentials::variables::Participants;
use super::credentials::{Credentials, Environment, Secret};
use crate::error::Side;
use crate::known::settings::RegistrySettings;
use crate::lock::lock;

/// A registry with its side, as a key.
pub type HostSide = (Registry, Side);

/// The credentials of a run, as far as they are known without starting a program.
pub(crate) struct CredentialStore {
    variables: BTreeMap<HostSide, CredentialCandidate>,
    files: Vec<AuthFile>,
    /// How to provide credentials, for each host that takes part.
    hints: BTreeMap<HostSide, Arc<str>>,
    helpers: HelperCache,
    refresh_tokens: Mutex<HashMap<(Registry, String), SharedRefreshToken>>,
}

/// The credentials for one repository, or none.
#[derive(Debug, Default)]
pub(crate) struct ResolvedCredentials {
    pub(crate) credentials: Option<Credentials>,
    /// Without credentials: the command that failed to print them.
    pub(crate) origin: Option<Origin>,
    /// What to do if the registry refuses a request.
    pub(crate) hint: Arc<str>,
    /// The state of the refresh token, if the credentials are one.
    pub(crate) refresh_token: Option<SharedRefreshToken>,
}

/// A refresh token and what is known about its use.
#[derive(Debug)]
pub(crate) struct RefreshTokenState {
    pub(crate) token: Secret,
    pub(crate) reuse: Reuse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    /// The token has not been used yet.
    Unknown,
    /// The token stays valid: any number of requests may use it at the same time.
    Reusable,
    /// Each response replaces the token: only one request may use it at a time.
    Rotated,
}

/// Both sides of a run may use the same token.
pub(crate) type SharedRefreshToken = Arc<tokio::sync::Mutex<RefreshTokenState>>;

impl CredentialStore {
    /// Reads the variables that images.toml names for each registry, those of its side, and the files
    /// of docker and podman.
    ///
    /// # Errors
    /// If half of a pair of variables is set, if variables could belong to several registries, or if a
    /// file, or its entry for one of the registries, cannot be read.
    pub(crate) fn read(
        settings: &BTreeMap<Registry, RegistrySettings>,
        hosts: &[HostSide],
        environment: &dyn Environment,
    ) -> Result<Self, Advice> {
        let helpers = HelperCache::new(environment)?;
        let participants = Participants { settings, hosts };
        let (mut variables, mut hints) = (BTreeMap::new(), BTreeMap::new());
        for (host, side) in hosts {
            let key = (host.clone(), *side);
            if let Some(found) = participants.candidate(host, *side, environment)? {
                variables.insert(key.clone(), found);
            }
            let (username, password) = participants.variables_of(host, *side);
            let set = format!("set `{username}` and `{password}`, or run `docker login {host}`");
            let hint = match (CloudCli::of(host), helpers.cloud_cli(host)) {
                (Some(missing), None) => missing.hint_to_install(&set),
                _ => set,
            };
            hints.insert(key, hint.into());
        }
        let files = auth_file::read_all(environment)?;
        let store = Self { variables, files, hints, helpers, refresh_tokens: Mutex::default() };
        for (host, side) in hosts {
            // A broken entry stops the run before its first request, unless known credentials come first.
            for candidate in store.candidates(host, *side, None) {
                match candidate.source {
                    CredentialSource::Broken(why) => return Err(why),
                    CredentialSource::Known(_) => break,
                    CredentialSource::Helper(_) | CredentialSource::CloudCli(_) => {}
                }
            }
        }
        Ok(store)
    }

    /// Problems with the files that do not prevent their use.
    pub(crate) fn warnings(&self) -> Vec<Advice> {
        let exposed = self.files.iter().filter(|file| file.exposes_secrets);
        let warning = |file: &AuthFile| {
            let file = file.path.display();
            Advice::new(format!("other users of this machine may read the credentials in {file}"))
                .with_hint(format!("`chmod 600 {file}`"))
        };
        exposed.map(warning).collect()
    }

    /// Where to look for credentials, best first. Without a repository: for any repository of the
    /// registry.
    pub(crate) fn candidates(
        &self,
        host: &Registry,
        side: Side,
        repository: Option<&str>,
    ) -> Vec<CredentialCandidate> {
        let variables = self.variables.get(&(host.to_owned(), side)).cloned();
        let files = self.files.iter().flat_map(|file| file.candidates(host, repository));
        let cloud = self.helpers.cloud_cli(host).map(CredentialCandidate::cloud);
        variables.into_iter().chain(files).chain(cloud).collect()
    }

    /// The credentials for a repository: those of the first candidate that has any.
    ///
    /// # Errors
    /// If a candidate is broken or its program fails. Continuing with the next one would authenticate
    /// as someone else.
    pub(crate) async fn resolve(
        &self,
        host: &Registry,
        side: Side,
        repository: &str,
    ) -> Result<ResolvedCredentials, Advice> {
        for CredentialCandidate { origin, source } in self.candidates(host, side, Some(repository))
        {
            let found = match source {
                CredentialSource::Known(credentials) => Some(credentials),
                CredentialSource::Helper(helper) => self.helpers.run_helper(&helper, host).await?,
                CredentialSource::CloudCli(cli) => match self.helpers.run_cloud_cli(&cli).await {
                    Ok(found) => found,
                    // No one configured this command, and the registry may be anonymous.
                    Err(why) => {
                        let hint = cli.hint_to_sign_in(&why, &self.hint_without(host, side));
                        let (origin, hint) = (Some(origin), hint.into());
                        return Ok(ResolvedCredentials { origin, hint, ..Default::default() });
                    }
                },
                CredentialSource::Broken(why) => return Err(why),
            };
            let Some(credentials) = found else { continue };
            return Ok(ResolvedCredentials {
                hint: hint_if_refused(&origin, host).into(),
                refresh_token: self.refresh_token(host, &credentials),
                credentials: Some(credentials),
                origin: Some(origin),
            });
        }
        Ok(ResolvedCredentials { hint: self.hint_without(host, side), ..Default::default() })
    }

    /// How to provide credentials for a registry that has none.
    pub(crate) fn hint_without(&self, host: &Registry, side: Side) -> Arc<str> {
        let hint = self.hints.get(&(host.to_owned(), side)).cloned();
        hint.unwrap_or_else(|| "provide credentials for this registry".into())
    }

    fn refresh_token(
        &self,
        host: &Registry,
        credentials: &Credentials,
    ) -> Option<SharedRefreshToken> {
        let Credentials::RefreshToken(token) = credentials else { return None };
        let key = (host.to_owned(), token.expose().to_owned());
        let mut known = lock(&self.refresh_tokens);
        let state = known.entry(key).or_insert_with(|| {
            let state = RefreshTokenState { token: token.clone(), reuse: Reuse::Unknown };
            Arc::new(tokio::sync::Mutex::new(state))
        });
        Some(Arc::clone(state))
    }
}

fn hint_if_refused(origin: &Origin, host: &Registry) -> String {
    let refused = "the registry does not accept the credentials";
    match origin {
        Origin::Variables { .. } => format!("{refused} in {origin}: check both"),
        Origin::Entry { .. } => format!("{refused} of {origin}: run `docker login {host}` again"),
        Origin::Helper { .. } => format!(
            "{refused} from {origin}: log in again with `docker login {host}` or with the tool that \
             the helper belongs to"
        ),
        Origin::CloudCli { .. } => format!(
            "{refused} from {origin}: check which account it uses, and what that account may do"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;
    use crate::auth::credentials::FileText;

    /// Variables, and the files of podman and docker.
    struct TestEnvironment {
        variables: Vec<(&'static str, &'static str)>,
        podman: &'static str,
        docker: &'static str,
    }

    impl Environment for TestEnvironment {
        fn variable(&self, name: &str) -> Option<String> {
            let all = [("HOME", "/home/x"), ("XDG_RUNTIME_DIR", "/run")];
            let mut all = self.variables.iter().chain(&all);
            all.find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
        }

        fn credential_file(&self, file: &Path) -> io::Result<Option<FileText>> {
            let text = match file.to_str() {
                Some("/run/containers/auth.json") => self.podman,
                Some("/home/x/.docker/config.json") => self.docker,
                _ => return Ok(None),
            };
            Ok(Some(FileText { text: text.to_owned(), is_open_to_others: true }))
        }
    }

    /// Whether images.toml names variables for `a.io`.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum OwnVariables {
        Declared,
        Undeclared,
    }
    use OwnVariables::{Declared, Undeclared};

    fn registry(name: &str) -> Registry {
        name.parse().unwrap()
    }

    /// The credentials of a run with these sources.
    fn read(
        environment: &TestEnvironment,
        own: OwnVariables,
        sources: &[&str],
    ) -> Result<CredentialStore, Advice> {
        let settings = RegistrySettings {
            username_env: (own == Declared).then(|| "A_USER".to_owned()),
            password_env: (own == Declared).then(|| "A_PASS".to_owned()),
            ..RegistrySettings::default()
        };
        let sources = sources.iter().map(|host| (registry(host), Side::Source));
        let mut hosts: Vec<_> = sources.collect();
        hosts.push((registry("d.io"), Side::Destination));
        CredentialStore::read(&BTreeMap::from([(registry("a.io"), settings)]), &hosts, environment)
    }

    const OWN: [(&str, &str); 2] = [("A_USER", "own"), ("A_PASS", "x")];
    const OF_SIDE: [(&str, &str); 2] =
        [("STS_REGISTRY_USERNAME", "side"), ("STS_REGISTRY_PASSWORD", "x")];

    #[tokio::test]
    async fn the_first_credentials_are_used_and_the_hint_names_their_origin() {
        const PODMAN: &str = r#"{"auths": {"a.io/team": {"username": "podman", "password": "x"}}}"#;
        const DOCKER: &str = r#"{"auths": {"a.io": {"username": "docker", "password": "x"}}}"#;
        let all = [OWN, OF_SIDE].concat();
        type Row<'a> = (
            &'a [(&'static str, &'static str)],
            &'static str,
            OwnVariables,
            Option<&'a str>,
            &'a str,
        );
        let table: [Row<'_>; 7] = [
            (&all, DOCKER, Declared, Some("own"), "`A_USER` and `A_PASS`: check both"),
            (&OF_SIDE, DOCKER, Declared, Some("side"), "`STS_REGISTRY_USERNAME` and"),
            (&OF_SIDE, DOCKER, Undeclared, Some("side"), "`STS_REGISTRY_USERNAME` and"),
            (&[], PODMAN, Declared, Some("podman"), "`a.io/team` in /run/containers/auth.json"),
            (&[], "{}", Declared, Some("docker"), "`docker login a.io` again"),
            (&[], "{}", Declared, None, "set `A_USER` and `A_PASS`, or run `docker login a.io`"),
            (&[], "{}", Undeclared, None, "set `STS_REGISTRY_USERNAME`"),
        ];
        for (variables, podman, own, user, hint) in table {
            let docker = if user.is_none() { "{}" } else { DOCKER };
            let environment = TestEnvironment { variables: variables.to_vec(), podman, docker };
            let store = read(&environment, own, &["a.io"]).unwrap();
            let resolved =
                store.resolve(&registry("a.io"), Side::Source, "team/wait").await.unwrap();
            let found = resolved.credentials.map(|found| match found {
                Credentials::Password { username, .. } => username,
                Credentials::RefreshToken(_) => "<token>".to_owned(),
            });
            assert_eq!(found.as_deref(), user, "{variables:?} {podman}");
            assert!(resolved.hint.contains(hint), "{}", resolved.hint);
        }
    }

    #[test]
    fn credentials_that_could_belong_to_several_registries_go_to_none() {
        let environment = |variables: &[_], docker| TestEnvironment {
            variables: variables.to_vec(),
            podman: "{}",
            docker,
        };
        let error =
            read(&environment(&OF_SIDE, "{}"), Undeclared, &["a.io", "b.io"]).err().unwrap();
        assert!(error.message.contains("several registries (a.io, b.io)"), "{error}");
        assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("images.toml")), "{error}");
        let both = [OWN, OF_SIDE].concat();
        let store = read(&environment(&both, "{}"), Declared, &["a.io", "b.io"]).unwrap();
        let candidates = store.candidates(&registry("a.io"), Side::Source, None);
        assert!(candidates[0].origin.to_string().contains("A_USER"), "{candidates:?}");
    }

    #[test]
    fn a_malformed_file_is_an_error_with_a_hint() {
        let environment = TestEnvironment { variables: Vec::new(), podman: "{}", docker: "{" };
        let error = read(&environment, Undeclared, &["a.io"]).err().unwrap();
        assert!(error.message.contains("/home/x/.docker"), "{error}");
        assert!(error.hint.as_ref().is_some_and(|hint| hint.contains("fix the file")), "{error}");
    }

    #[test]
    fn a_file_with_credentials_that_others_may_read_causes_a_warning() {
        const DOCKER: &str = r#"{"auths": {"a.io": {"auth": "eDp5"}}}"#;
        let environment = TestEnvironment { variables: Vec::new(), podman: "{}", docker: DOCKER };
        let warnings = read(&environment, Undeclared, &["a.io"]).unwrap().warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let hint = warnings[0].hint.as_deref().unwrap();
        assert!(hint.contains("chmod 600 /home/x/.docker/config.json"), "{hint}");
    }
}
