//! `ImageList::choose`: the destination that the user means.

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};

use super::{Destination, ImageList};
use messages::secret::holds_userinfo;

impl ImageList {
    /// A destination by its name in the list, or by its address.
    ///
    /// # Errors
    /// When there is none, or more than one to choose from.
    pub fn choose(&self, wanted: Option<&str>) -> anyhow::Result<Destination> {
        let Some(wanted) = wanted else {
            return match only_one(&self.destinations) {
                Some(destination) => Ok(destination.clone()),
                None if self.destinations.is_empty() => {
                    bail!("no destination\nhint: name a registry: `-d registry.example.com`")
                }
                None => bail!(
                    "the list has several destinations\nhint: name one: `-d {}`",
                    names(self).join("`, `-d ")
                ),
            };
        };
        if let Some(destination) = self.destinations.get(wanted) {
            return Ok(destination.clone());
        }
        wanted.parse().map_err(|why| {
        if holds_userinfo(wanted) {
            return anyhow!("the value of `-d` is no destination: {why}");
        }
        let known = match names(self).as_slice() {
            [] => ", nor any other".to_owned(),
            names => format!(", but `{}`", names.join("`, `")),
        };
        let shown = wanted.escape_debug();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !wanted.is_empty() && wanted.chars().all(is_word) {
            anyhow!(
                "`-d {shown}`: images.toml names no destination `{shown}`{known}; nor is it a registry: {why}"
            )
        } else {
            anyhow!("`-d {shown}`: {why}")
        }
    })
    }
}

fn only_one(destinations: &BTreeMap<String, Destination>) -> Option<&Destination> {
    let mut all = destinations.values();
    all.next().filter(|_| all.next().is_none())
}

fn names(list: &ImageList) -> Vec<&str> {
    list.destinations.keys().map(String::as_str).collect()
}
