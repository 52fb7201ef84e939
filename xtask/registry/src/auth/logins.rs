//! Which login belongs to which repository of a run, and what to say when the host does not take it.
//!
//! Variables and files are read when the run begins. A credential helper is asked when its host wants
//! to know who we are, not before, so that nobody unlocks a keychain for a registry that is open to
//! everybody; and once per run, whoever waits for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use super::credentials::cache::Asking;
use super::credentials::cloud::CloudLogin;
use super::credentials::files::{self, LoginFile, Means, Origin, Way};
use super::credentials::{Credentials, Environment, Secret, from_variables, variables_of};
use crate::error::Side;
use crate::known::settings::RegistrySettings;
use oci::Registry;

/// All that is known of logins when a run begins.
pub(crate) struct Logins {
    of_variables: BTreeMap<HostSide, Way>,
    files: Vec<LoginFile>,
    /// What to advise where there is no login.
    without: BTreeMap<HostSide, Arc<str>>,
    asking: Asking,
    refresh: Mutex<HashMap<(Registry, String), SharedRefresh>>,
}

/// Who we are at one repository.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) credentials: Option<Credentials>,
    pub(crate) origin: Option<Origin>,
    /// What to do if the host does not take it; a hint for the user.
    pub(crate) advice: Arc<str>,
    /// What has become of the refresh token, if it is one.
    pub(crate) refresh: Option<SharedRefresh>,
}

/// A refresh token as far as it was used.
#[derive(Debug)]
pub(crate) struct Refresh {
    pub(crate) token: Secret,
    pub(crate) usage: RefreshUse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefreshUse {
    /// Nobody has used it yet.
    Untried,
    /// It stays good: any number of requests may use it at a time.
    Lasting,
    /// Each answer has another in it: only one request may use it at a time.
    Replaced,
}

/// Both sides of a run may have the same.
pub(crate) type SharedRefresh = Arc<tokio::sync::Mutex<Refresh>>;

/// A host with its side, as a key.
pub type HostSide = (Registry, Side);

impl Logins {
    /// Reads the variables that images.toml names for each host, those of its side, and the files of
    /// docker and podman.
    ///
    /// # Errors
    /// When half of a login is set, when nobody can know whose a login is, or when a file or what it
    /// says of one of the hosts cannot be read. The text says what to change.
    pub(crate) fn read(
        registries: &BTreeMap<Registry, RegistrySettings>,
        hosts: &[HostSide],
        environment: &dyn Environment,
    ) -> Result<Self, String> {
        let asking = Asking::new(environment)?;
        let mut of_variables = BTreeMap::new();
        let mut without = BTreeMap::new();
        for (host, side) in hosts {
            let key = (host.clone(), *side);
            if let Some(way) = variables(registries, hosts, host, *side, environment)? {
                of_variables.insert(key.clone(), way);
            }
            let (username, password) = names(registries, host).unwrap_or(variables_of(*side));
            let otherwise =
                format!("set `{username}` and `{password}`, or use `docker login {host}`");
            let advice = match (CloudLogin::of(host.as_str()), asking.cloud(host.as_str())) {
                (Some(missing), None) => missing.advice("", &otherwise),
                _ => format!("log in: {otherwise}"),
            };
            without.insert(key, advice.into());
        }
        let logins = Self {
            of_variables,
            files: files::read_all(environment)?,
            without,
            asking,
            refresh: Mutex::default(),
        };
        for (host, side) in hosts {
            logins.check(host, *side)?;
        }
        Ok(logins)
    }

    /// A way that is broken ends the run before it begins, unless a login comes before it.
    fn check(&self, host: &Registry, side: Side) -> Result<(), String> {
        for way in self.ways(host, side, None) {
            match way.means {
                Means::Broken(why) => return Err(why),
                Means::Known(_) => return Ok(()),
                Means::Ask(_) | Means::Command(_) => {}
            }
        }
        Ok(())
    }

    /// Those that take part, in the order of their names; twice if they do on both sides.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Registry> {
        self.without.keys().map(|(host, _)| host)
    }

    pub(crate) fn takes_part(&self, host: &Registry, side: Side) -> bool {
        self.without.contains_key(&(host.to_owned(), side))
    }

    /// What is wrong with the files, and keeps nobody from using them.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let open = self.files.iter().filter(|file| file.shows_secrets);
        let tell = |file: &LoginFile| {
            let file = file.path.display();
            format!(
                "other users of this machine may read the logins in {file}\n\
                 hint: `chmod 600 {file}`"
            )
        };
        open.map(tell).collect()
    }

    /// The ways to a login, best first. Without a repository: of any repository of the host.
    pub(crate) fn ways(&self, host: &Registry, side: Side, repository: Option<&str>) -> Vec<Way> {
        let of_variables = self.of_variables.get(&(host.to_owned(), side)).cloned();
        let of_files = self.files.iter().flat_map(|file| file.ways(host.as_str(), repository));
        let of_cloud = self.asking.cloud(host.as_str()).map(Way::from);
        of_variables.into_iter().chain(of_files).chain(of_cloud).collect()
    }

    /// The login for a repository: the first way that leads to one.
    ///
    /// # Errors
    /// When a way is there and broken: an entry that cannot be read, a program that fails. To go on
    /// without it would log in as somebody else, or nobody.
    pub(crate) async fn login(
        &self,
        host: &Registry,
        side: Side,
        repository: &str,
    ) -> Result<Login, String> {
        for Way { origin, means } in self.ways(host, side, Some(repository)) {
            let found = match means {
                Means::Known(credentials) => Some(credentials),
                Means::Ask(program) => self.asking.helper(&program, host.as_str()).await?,
                Means::Command(command) => match self.asking.command(&command).await {
                    Ok(found) => found,
                    // Nobody has asked for it, and the registry may be open to everybody.
                    Err(why) => {
                        let otherwise = self.advice_without(host, side);
                        let advice = command.advice(&why, otherwise.trim_start_matches("log in: "));
                        return Ok(Login::nobody(advice.into()));
                    }
                },
                Means::Broken(why) => return Err(why),
            };
            let Some(credentials) = found else { continue };
            let advice = advice(&origin, host).into();
            let refresh = self.refresh(host, &credentials);
            return Ok(Login {
                credentials: Some(credentials),
                origin: Some(origin),
                advice,
                refresh,
            });
        }
        Ok(Login::nobody(self.advice_without(host, side)))
    }

    /// What to do where there is no login.
    pub(crate) fn advice_without(&self, host: &Registry, side: Side) -> Arc<str> {
        let advice = self.without.get(&(host.to_owned(), side)).cloned();
        advice.unwrap_or_else(|| "log in".into())
    }

    fn refresh(&self, host: &Registry, credentials: &Credentials) -> Option<SharedRefresh> {
        let Credentials::RefreshToken(token) = credentials else { return None };
        let key = (host.to_owned(), token.expose().to_owned());
        let mut known = self.refresh.lock().unwrap_or_else(PoisonError::into_inner);
        let state = known.entry(key).or_insert_with(|| {
            let refresh = Refresh { token: token.clone(), usage: RefreshUse::Untried };
            Arc::new(tokio::sync::Mutex::new(refresh))
        });
        Some(Arc::clone(state))
    }
}

impl Login {
    fn nobody(advice: Arc<str>) -> Self {
        Self { credentials: None, origin: None, advice, refresh: None }
    }
}

fn advice(origin: &Origin, host: &Registry) -> String {
    match origin {
        Origin::Variables { .. } => {
            format!("the registry does not take the login of {origin}: check both")
        }
        Origin::Entry { .. } => {
            format!("the registry does not take the login {origin}: `docker login {host}` again")
        }
        Origin::Helper { .. } => format!(
            "the registry does not take the login that {origin}, gives: log in again, \
             with `docker login {host}` or with what the program belongs to"
        ),
        Origin::Command { .. } => format!(
            "the registry does not take the login that {origin} gives: check whose it is, and what \
             that account may do there"
        ),
    }
}

fn variables(
    registries: &BTreeMap<Registry, RegistrySettings>,
    hosts: &[HostSide],
    host: &Registry,
    side: Side,
    environment: &dyn Environment,
) -> Result<Option<Way>, String> {
    let way = |credentials, (username, password): (&str, &str)| Way {
        origin: Origin::Variables { username: username.to_owned(), password: password.to_owned() },
        means: Means::Known(credentials),
    };
    if let Some(own) = names(registries, host)
        && let Some(found) = from_variables(environment, own.0, own.1)?
    {
        return Ok(Some(way(found, own)));
    }
    let found = of_its_side(registries, hosts, side, environment)?;
    Ok(found.map(|found| way(found, variables_of(side))))
}

/// The variables that images.toml names for a host.
fn names<'a>(
    registries: &'a BTreeMap<Registry, RegistrySettings>,
    host: &Registry,
) -> Option<(&'a str, &'a str)> {
    let settings = registries.get(host)?;
    Some((settings.username_env.as_deref()?, settings.password_env.as_deref()?))
}

/// The variables of a side belong to its only host that has none of its own. With several nobody can
/// know whose they are, and a password sent to the wrong one is a password lost.
fn of_its_side(
    registries: &BTreeMap<Registry, RegistrySettings>,
    hosts: &[HostSide],
    side: Side,
    environment: &dyn Environment,
) -> Result<Option<Credentials>, String> {
    let (username, password) = variables_of(side);
    let mut bound = registries.values().filter_map(|registry| registry.username_env.as_deref());
    if bound.any(|name| name == username) {
        return Ok(None);
    }
    let found = from_variables(environment, username, password)?;
    let mut of_side: Vec<&Registry> =
        hosts.iter().filter(|(_, of)| *of == side).map(|(host, _)| host).collect();
    of_side.retain(|host| {
        let own = names(registries, host);
        own.is_none_or(|(name, word)| {
            environment.variable(name).is_none() || environment.variable(word).is_none()
        })
    });
    of_side.sort_unstable();
    of_side.dedup();
    if found.is_some() && of_side.len() > 1 {
        return Err(format!(
            "`{username}` is set, and the images come from several registries ({})\n\
             hint: say whose it is in images.toml: [registries.\"{}\"] username-env = \"{username}\", \
             password-env = \"{password}\"",
            of_side.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            of_side[0],
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::auth::credentials::FileText;

    struct Stand {
        variables: Vec<(&'static str, &'static str)>,
        podman: &'static str,
        docker: &'static str,
    }

    impl Environment for Stand {
        fn variable(&self, name: &str) -> Option<String> {
            let all = [("HOME", "/home/x"), ("XDG_RUNTIME_DIR", "/run")];
            let mut all = self.variables.iter().chain(&all);
            all.find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
        }

        fn login_file(&self, file: &Path) -> Result<Option<FileText>, String> {
            let text = match file.to_str() {
                Some("/run/containers/auth.json") => self.podman,
                Some("/home/x/.docker/config.json") => self.docker,
                _ => return Ok(None),
            };
            Ok(Some(FileText { text: text.to_owned(), is_open_to_others: true }))
        }
    }

    fn registry(name: &str) -> Registry {
        name.parse().unwrap()
    }

    /// The logins of a run with `a.io` as a source.
    fn logins(stand: &Stand, bound: bool, others: bool) -> Result<Logins, String> {
        let own = RegistrySettings {
            username_env: Some("A_USER".to_owned()),
            password_env: Some("A_PASS".to_owned()),
            ..RegistrySettings::default()
        };
        let registries =
            if bound { BTreeMap::from([(registry("a.io"), own)]) } else { BTreeMap::new() };
        let mut hosts =
            vec![(registry("a.io"), Side::Source), (registry("d.io"), Side::Destination)];
        if others {
            hosts.push((registry("b.io"), Side::Source));
        }
        Logins::read(&registries, &hosts, stand)
    }

    const OWN: [(&str, &str); 2] = [("A_USER", "own"), ("A_PASS", "x")];
    const OF_SIDE: [(&str, &str); 2] =
        [("STS_REGISTRY_USERNAME", "side"), ("STS_REGISTRY_PASSWORD", "x")];

    #[tokio::test]
    async fn the_first_login_that_is_there_is_taken_and_the_advice_speaks_of_it() {
        const PODMAN: &str = r#"{"auths": {"a.io/team": {"username": "podman", "password": "x"}}}"#;
        const DOCKER: &str = r#"{"auths": {"a.io": {"username": "docker", "password": "x"}}}"#;
        let all = [OWN, OF_SIDE].concat();
        type Row<'a> =
            (&'a [(&'static str, &'static str)], &'static str, bool, Option<&'a str>, &'a str);
        let table: [Row<'_>; 7] = [
            (&all, DOCKER, true, Some("own"), "`A_USER` and `A_PASS`: check both"),
            (&OF_SIDE, DOCKER, true, Some("side"), "`STS_REGISTRY_USERNAME` and"),
            (&OF_SIDE, DOCKER, false, Some("side"), "`STS_REGISTRY_USERNAME` and"),
            (&[], PODMAN, true, Some("podman"), "`a.io/team` in /run/containers/auth.json"),
            (&[], "{}", true, Some("docker"), "`docker login a.io` again"),
            (&[], "{}", true, None, "set `A_USER` and `A_PASS`, or use `docker login a.io`"),
            (&[], "{}", false, None, "set `STS_REGISTRY_USERNAME`"),
        ];
        for (variables, podman, bound, user, advice) in table {
            let docker = if user.is_none() { "{}" } else { DOCKER };
            let stand = Stand { variables: variables.to_vec(), podman, docker };
            let logins = logins(&stand, bound, false).unwrap();
            let login = logins.login(&registry("a.io"), Side::Source, "team/wait").await.unwrap();
            let found = login.credentials.map(|found| match found {
                Credentials::Password { username, .. } => username,
                Credentials::RefreshToken(_) => "<token>".to_owned(),
            });
            assert_eq!(found.as_deref(), user, "{variables:?} {podman}");
            assert!(login.advice.contains(advice), "{}", login.advice);
        }
    }

    #[test]
    fn a_login_that_could_be_of_several_hosts_is_given_to_none() {
        let stand =
            |variables: &[_], docker| Stand { variables: variables.to_vec(), podman: "{}", docker };
        let error = logins(&stand(&OF_SIDE, "{}"), false, true).err().unwrap();
        assert!(
            error.contains("several registries (a.io, b.io)") && error.contains("hint: "),
            "{error}"
        );
        let both = [OWN, OF_SIDE].concat();
        let ways = logins(&stand(&both, "{}"), true, true).unwrap().ways(
            &registry("a.io"),
            Side::Source,
            None,
        );
        assert!(ways[0].origin.to_string().contains("A_USER"), "{ways:?}");
        let error = logins(&stand(&[], "{"), false, false).err().unwrap();
        assert!(error.contains("mend the file") && error.contains("/home/x/.docker"), "{error}");
    }

    #[test]
    fn a_file_with_logins_that_others_may_read_is_warned_of() {
        const DOCKER: &str = r#"{"auths": {"a.io": {"auth": "eDp5"}}}"#;
        let stand = Stand { variables: Vec::new(), podman: "{}", docker: DOCKER };
        let warnings = logins(&stand, false, false).unwrap().warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("chmod 600 /home/x/.docker/config.json"), "{warnings:?}");
    }
}
