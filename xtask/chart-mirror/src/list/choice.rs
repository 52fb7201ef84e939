//! `ImageList::choose`: the destination that `-d` names.

use super::{Destination, ImageList};
use layout::LayoutLocation;
use messages::Advice;
use messages::secret::holds_userinfo;

impl ImageList {
    /// Finds a destination by its name in the list, or takes an address or a layout. Without an argument, the only
    /// destination of the list.
    ///
    /// # Errors
    /// If there is no such destination, or several to choose from.
    pub fn choose(&self, argument: Option<&str>) -> Result<Destination, Advice> {
        let names: Vec<&str> = self.destinations.keys().map(String::as_str).collect();
        match (argument, names.as_slice()) {
            (Some(argument), _) => self.named(argument, &names),
            (None, [only]) => Ok(self.destinations[*only].clone()),
            (None, []) => Err(Advice::new("no destination")
                .with_hint("name a registry: `-d registry.example.com`; or add it to images.toml, for every command: \
                           `[destinations.NAME]` with `registry = \"registry.example.com\"`")),
            (None, names) => {
                Err(Advice::new("the list has several destinations").with_hint(format!(
                    "name one or more: `-d {}`; or take all: `--all-destinations`",
                    names.join("`, `-d ")
                )))
            }
        }
    }

    fn named(&self, argument: &str, names: &[&str]) -> Result<Destination, Advice> {
        if LayoutLocation::is_meant_by(argument) {
            return argument.parse::<LayoutLocation>().map(Destination::from);
        }
        if let Some(destination) = self.destinations.get(argument) {
            return Ok(destination.clone());
        }
        argument.parse().map_err(|why| {
            if holds_userinfo(argument) {
                return Advice::new(format!("the value of `-d` is not a destination: {why}"));
            }
            let printable = argument.escape_debug();
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if argument.is_empty() || !argument.chars().all(is_word) {
                return Advice::new(format!("`-d {printable}`: {why}"));
            }
            let error = Advice::new(format!(
                "`-d {printable}`: the list has no destination `{printable}`, and it is not a registry: {why}"
            ));
            match names {
                [] => error,
                names => {
                    error.with_hint(format!("the list has `-d {}`", names.join("`, `-d ")))
                }
            }
        })
    }
}
