//! Which login belongs to which host of a run, and what to say when the host does not take it.

use std::collections::BTreeMap;

use super::credentials::{Credentials, DockerConfig, Environment, from_variables, variables_of};
use super::error::Side;
use crate::list::RegistrySettings;

/// Who we are at one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) credentials: Option<Credentials>,
    /// What to do if the host does not take it; a hint for the user.
    pub(crate) advice: String,
}

/// A host with its side, as a key.
pub(crate) type HostSide = (String, Side);

/// Finds the login of every host: the variables that images.toml names for it, the variables of its
/// side, docker's login; the first that is there.
///
/// # Errors
/// When half of a login is set, when nobody can know whose a login is, or when docker's configuration
/// cannot be read. The text says what to change.
pub(crate) fn logins(
    registries: &BTreeMap<String, RegistrySettings>,
    hosts: &[HostSide],
    environment: &dyn Environment,
) -> Result<BTreeMap<HostSide, Login>, String> {
    let docker = match environment.docker_config()? {
        Some(text) => DockerConfig::parse(&text).map_err(|why| unreadable(&why))?,
        None => DockerConfig::default(),
    };
    let mut logins = BTreeMap::new();
    for (host, side) in hosts {
        let login = match of_variables(registries, hosts, host, *side, environment)? {
            Some(login) => login,
            None => of_docker(&docker, registries, host, *side)?,
        };
        logins.insert((host.clone(), *side), login);
    }
    Ok(logins)
}

fn of_variables(
    registries: &BTreeMap<String, RegistrySettings>,
    hosts: &[HostSide],
    host: &str,
    side: Side,
    environment: &dyn Environment,
) -> Result<Option<Login>, String> {
    let of_side = variables_of(side);
    let found = match names(registries, host) {
        Some((username, password)) => from_variables(environment, username, password)?
            .map(|found| (found, (username, password))),
        None => None,
    };
    let found = match found {
        Some(found) => Some(found),
        None => of_its_side(registries, hosts, side, environment)?.map(|found| (found, of_side)),
    };
    Ok(found.map(|(credentials, (username, password))| Login {
        credentials: Some(credentials),
        advice: format!(
            "the registry does not take the login of `{username}` and `{password}`: check both"
        ),
    }))
}

fn of_docker(
    docker: &DockerConfig,
    registries: &BTreeMap<String, RegistrySettings>,
    host: &str,
    side: Side,
) -> Result<Login, String> {
    if let Some(credentials) = docker.lookup(host).map_err(|why| unreadable(&why))? {
        let advice = format!(
            "the registry does not take docker's login for it: `docker login {host}` again"
        );
        return Ok(Login { credentials: Some(credentials), advice });
    }
    let (username, password) = names(registries, host).unwrap_or(variables_of(side));
    let set = format!("set `{username}` and `{password}`");
    let advice = if docker.has_helper(host) {
        format!("log in: {set}; the credential helper that docker's config.json names is not asked")
    } else {
        format!("log in: {set}, or use `docker login {host}`")
    };
    Ok(Login { credentials: None, advice })
}

/// The variables that images.toml names for a host.
fn names<'a>(
    registries: &'a BTreeMap<String, RegistrySettings>,
    host: &str,
) -> Option<(&'a str, &'a str)> {
    let settings = registries.get(host)?;
    Some((settings.username_env.as_deref()?, settings.password_env.as_deref()?))
}

/// The variables of a side belong to its only host that has none of its own. With several nobody can
/// know whose they are, and a password sent to the wrong one is a password lost.
fn of_its_side(
    registries: &BTreeMap<String, RegistrySettings>,
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
    let mut of_side: Vec<&str> =
        hosts.iter().filter(|(_, of)| *of == side).map(|(host, _)| host.as_str()).collect();
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
            of_side.join(", "),
            of_side.first().unwrap_or(&"HOST"),
        ));
    }
    Ok(found)
}

fn unreadable(why: &str) -> String {
    format!(
        "docker's config.json cannot be used: {why}\n\
         hint: it is in `$DOCKER_CONFIG`, else in `~/.docker`; mend it or move it away"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stand {
        variables: Vec<(&'static str, &'static str)>,
        docker: &'static str,
    }

    impl Environment for Stand {
        fn variable(&self, name: &str) -> Option<String> {
            self.variables
                .iter()
                .find(|(have, _)| *have == name)
                .map(|(_, value)| (*value).to_owned())
        }

        fn docker_config(&self) -> Result<Option<String>, String> {
            Ok(Some(self.docker.to_owned()))
        }
    }

    /// The user for `a.io` as a source, and the advice.
    fn login(
        variables: &[(&'static str, &'static str)],
        docker: &'static str,
        bound: bool,
        others: bool,
    ) -> Result<(Option<String>, String), String> {
        let own = RegistrySettings {
            username_env: Some("A_USER".to_owned()),
            password_env: Some("A_PASS".to_owned()),
            ..RegistrySettings::default()
        };
        let registries =
            if bound { BTreeMap::from([("a.io".to_owned(), own)]) } else { BTreeMap::new() };
        let mut hosts =
            vec![("a.io".to_owned(), Side::Source), ("d.io".to_owned(), Side::Destination)];
        if others {
            hosts.push(("b.io".to_owned(), Side::Source));
        }
        let environment = Stand { variables: variables.to_vec(), docker };
        let login = logins(&registries, &hosts, &environment)?[&hosts[0]].clone();
        Ok((login.credentials.map(|found| found.username), login.advice))
    }

    #[test]
    fn the_first_login_that_is_there_is_taken_and_the_advice_speaks_of_it() {
        const OWN: [(&str, &str); 2] = [("A_USER", "own"), ("A_PASS", "x")];
        const OF_SIDE: [(&str, &str); 2] =
            [("STS_REGISTRY_USERNAME", "side"), ("STS_REGISTRY_PASSWORD", "x")];
        const DOCKER: &str = r#"{"auths": {"a.io": {"username": "docker", "password": "x"}}}"#;
        const HELPER: &str = r#"{"auths": {}, "credsStore": "desktop"}"#;
        let all = [OWN, OF_SIDE].concat();
        type Row<'a> =
            (&'a [(&'static str, &'static str)], &'static str, bool, Option<&'a str>, &'a str);
        let table: [Row<'_>; 7] = [
            (&all, DOCKER, true, Some("own"), "`A_USER` and `A_PASS`: check both"),
            (&OF_SIDE, DOCKER, true, Some("side"), "`STS_REGISTRY_USERNAME` and"),
            (&OF_SIDE, DOCKER, false, Some("side"), "`STS_REGISTRY_USERNAME` and"),
            (&[], DOCKER, true, Some("docker"), "`docker login a.io` again"),
            (&[], "{}", true, None, "set `A_USER` and `A_PASS`, or use `docker login a.io`"),
            (&[], "{}", false, None, "set `STS_REGISTRY_USERNAME`"),
            (
                &[],
                HELPER,
                false,
                None,
                "the credential helper that docker's config.json names is not asked",
            ),
        ];
        for (variables, docker, bound, user, advice) in table {
            let (found, told) = login(variables, docker, bound, false).unwrap();
            assert_eq!(found.as_deref(), user, "{variables:?} {docker}");
            assert!(told.contains(advice), "{told}");
        }
    }

    #[test]
    fn a_login_that_could_be_of_several_hosts_is_given_to_none() {
        let of_side = [("STS_REGISTRY_USERNAME", "side"), ("STS_REGISTRY_PASSWORD", "x")];
        let error = login(&of_side, "{}", false, true).unwrap_err();
        assert!(
            error.contains("several registries (a.io, b.io)") && error.contains("hint: "),
            "{error}"
        );
        let own = [("A_USER", "own"), ("A_PASS", "x")];
        let both = [own, of_side].concat();
        assert_eq!(login(&both, "{}", true, true).unwrap().0.as_deref(), Some("own"));
        assert!(login(&[], "{", false, false).unwrap_err().contains("mend it"));
    }
}
