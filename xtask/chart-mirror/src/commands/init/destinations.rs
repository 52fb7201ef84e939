//! `NamedDestination`: an argument of `init -d`.

use std::str::FromStr;

use crate::list::Address;
use messages::Advice;

/// A destination for a new list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedDestination {
    pub name: String,
    pub address: Address,
}

/// `REGISTRY[/PATH]`, or `NAME=REGISTRY[/PATH]`. By default, the name is the first part of the host.
impl FromStr for NamedDestination {
    type Err = Advice;

    fn from_str(text: &str) -> Result<Self, Advice> {
        let (name, address) = match text.split_once('=') {
            Some((name, address)) => (Some(name), address),
            None => (None, text),
        };
        let address: Address = address.parse().map_err(|why| {
            Advice::new(format!("this is not a destination: {why}")).with_hint(
                "write `registry.example.com/team`, or `production=registry.example.com/team`",
            )
        })?;
        let name = name.map_or_else(|| name_of(&address), str::to_owned);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if name == "localhost" || !starts_well || !name.chars().all(is_word) {
            let message = format!("`{}` cannot be the name of a destination", name.escape_debug());
            return Err(Advice::new(message).with_hint("names are letters, digits, `-` and `_`"));
        }
        Ok(Self { name, address })
    }
}

fn name_of(address: &Address) -> String {
    let registry = address.registry.to_string();
    let host = registry.split(':').next().unwrap_or_default();
    let first = host.split('.').next().unwrap_or_default();
    if host == "localhost" || first.chars().all(|c| c.is_ascii_digit()) || host.starts_with('[') {
        return "local".to_owned();
    }
    first.to_owned()
}

impl NamedDestination {
    /// # Errors
    /// If two destinations have one name. Some file systems ignore case.
    pub fn check_names(destinations: &[Self]) -> Result<(), Advice> {
        let mut names = std::collections::BTreeSet::new();
        for Self { name, address } in destinations {
            if !names.insert(name.to_lowercase()) {
                let message = format!("two destinations would be named `{name}`");
                return Err(Advice::new(message)
                    .with_hint(format!("give each a name: `-d NAME={address}`")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_named_after_its_host_unless_it_has_a_name() {
        let table = [
            ("registry.example.com/team", "registry", "registry.example.com/team"),
            ("production=registry.example.com", "production", "registry.example.com"),
            ("localhost:5000", "local", "localhost:5000"),
            ("127.0.0.1:5000/a", "local", "127.0.0.1:5000/a"),
        ];
        for (argument, name, address) in table {
            let named: NamedDestination = argument.parse().unwrap();
            assert_eq!((named.name.as_str(), named.address.to_string().as_str()), (name, address));
        }
        for argument in ["", "a b", "x=", "../x=r.io", "-x=r.io"] {
            assert!(argument.parse::<NamedDestination>().is_err(), "{argument}");
        }
        let both: Vec<_> = ["a.io", "A=b.io"].iter().map(|it| it.parse().unwrap()).collect();
        assert!(NamedDestination::check_names(&both).is_err());
        assert!(NamedDestination::check_names(&both[..1]).is_ok());
    }
}
