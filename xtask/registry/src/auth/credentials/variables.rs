//! Credentials in environment variables: the pair that images.toml names for a registry, and the pair
//! of each side.

use std::collections::BTreeMap;

use messages::Advice;
use oci::Registry;

use super::candidate::{CredentialCandidate, CredentialSource, Origin};
use super::{Credentials, Environment};
use crate::error::Side;
use crate::known::settings::RegistrySettings;

/// Names of variables: of the user name and of the password.
pub(crate) type VariablePair<'a> = (&'a str, &'a str);

/// The settings of all registries, and the registries that take part in a run.
#[derive(Clone, Copy)]
pub(crate) struct Participants<'a> {
    pub(crate) settings: &'a BTreeMap<Registry, RegistrySettings>,
    /// In order and without duplicates.
    pub(crate) hosts: &'a [(Registry, Side)],
}

/// The pair of variables of a side. `copy_images.sh` reads the same names.
fn side_variables(side: Side) -> VariablePair<'static> {
    match side {
        Side::Source => ("STS_REGISTRY_USERNAME", "STS_REGISTRY_PASSWORD"),
        Side::Destination => ("DST_REGISTRY_USERNAME", "DST_REGISTRY_PASSWORD"),
    }
}

/// Reads a pair of variables.
///
/// # Errors
/// If only one of the two is set: that is a mistake, not an anonymous user.
fn read_pair(
    environment: &dyn Environment,
    (username, password): VariablePair<'_>,
) -> Result<Option<Credentials>, Advice> {
    match (environment.variable(username), environment.variable(password)) {
        (Some(name), Some(word)) => Ok(Some(Credentials::new(name, word))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Advice::new(format!("`{username}` is set and `{password}` is not"))),
        (None, Some(_)) => Err(Advice::new(format!("`{password}` is set and `{username}` is not"))),
    }
}

impl<'a> Participants<'a> {
    /// The variables that may hold the credentials of a registry: those that images.toml names for it,
    /// or else those of its side.
    pub(crate) fn variables_of(self, host: &Registry, side: Side) -> VariablePair<'a> {
        self.own_variables(host).unwrap_or(side_variables(side))
    }

    /// The credentials of a registry from its own variables, or else from those of its side.
    ///
    /// # Errors
    /// If half of a pair is set, or if the variables of the side could belong to several registries.
    pub(crate) fn candidate(
        self,
        host: &Registry,
        side: Side,
        environment: &dyn Environment,
    ) -> Result<Option<CredentialCandidate>, Advice> {
        let candidate = |credentials, (username, password): VariablePair<'_>| CredentialCandidate {
            origin: Origin::Variables {
                username: username.to_owned(),
                password: password.to_owned(),
            },
            source: CredentialSource::Known(credentials),
        };
        if let Some(own) = self.own_variables(host)
            && let Some(found) = read_pair(environment, own)?
        {
            return Ok(Some(candidate(found, own)));
        }
        let found = self.read_side_variables(side, environment)?;
        Ok(found.map(|found| candidate(found, side_variables(side))))
    }

    /// The variables that images.toml names for a registry.
    fn own_variables(self, host: &Registry) -> Option<VariablePair<'a>> {
        let settings = self.settings.get(host)?;
        Some((settings.username_env.as_deref()?, settings.password_env.as_deref()?))
    }

    /// The variables of a side belong to the only registry of that side without variables of its own.
    /// If there are several such registries, the owner is unknown, and a password sent to the wrong
    /// registry is disclosed.
    fn read_side_variables(
        self,
        side: Side,
        environment: &dyn Environment,
    ) -> Result<Option<Credentials>, Advice> {
        let (username, password) = side_variables(side);
        let mut declared = self.settings.values().filter_map(|own| own.username_env.as_deref());
        if declared.any(|name| name == username) {
            return Ok(None);
        }
        let found = read_pair(environment, (username, password))?;
        let is_set = |name| environment.variable(name).is_some();
        let has_own = |host| {
            self.own_variables(host).is_some_and(|(name, word)| is_set(name) && is_set(word))
        };
        let of_side = self.hosts.iter().filter(|(_, of)| *of == side).map(|(host, _)| host);
        let without_own: Vec<&Registry> = of_side.filter(|host| !has_own(host)).collect();
        match *without_own {
            [first, _, ..] if found.is_some() => {
                let names: Vec<_> = without_own.iter().map(ToString::to_string).collect();
                let message = format!(
                    "`{username}` is set, and the images come from several registries ({})",
                    names.join(", ")
                );
                Err(Advice::new(message).with_hint(format!(
                    "name the registry it belongs to in images.toml: [registries.\"{first}\"] \
                     username-env = \"{username}\", password-env = \"{password}\""
                )))
            }
            _ => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;

    use super::*;
    use crate::auth::credentials::FileText;

    struct Variables(&'static [(&'static str, &'static str)]);

    impl Environment for Variables {
        fn variable(&self, name: &str) -> Option<String> {
            self.0.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
        }

        fn credential_file(&self, _: &Path) -> io::Result<Option<FileText>> {
            Ok(None)
        }
    }

    #[test]
    fn half_a_pair_of_variables_is_an_error() {
        let pair = side_variables(Side::Source);
        let both =
            Variables(&[("STS_REGISTRY_USERNAME", "robot"), ("STS_REGISTRY_PASSWORD", "word")]);
        let half = Variables(&[("STS_REGISTRY_USERNAME", "robot")]);
        assert_eq!(read_pair(&both, pair), Ok(Some(Credentials::new("robot", "word"))));
        assert_eq!(read_pair(&Variables(&[]), pair), Ok(None));
        let error = read_pair(&half, pair).unwrap_err().to_string();
        assert_eq!(error, "`STS_REGISTRY_USERNAME` is set and `STS_REGISTRY_PASSWORD` is not");
    }
}
