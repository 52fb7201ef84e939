//! `DestinationInventory`: what a destination has of the images of a list. The command `inventory` writes it.

use std::collections::{BTreeMap, BTreeSet};

use messages::Advice;
use messages::program::command;
use oci::{Digest, RepositoryPath, Tag};
use serde::{Deserialize, Serialize};

/// Written into the file, so that another file is not taken for one.
const KIND: &str = "destination-inventory";
const VERSION: u32 = 1;

/// What a destination has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DestinationInventory {
    version: u32,
    kind: String,
    /// As `-d` names it: a name of the list, or an address.
    pub destination: String,
    /// The address that images are pushed to.
    pub address: String,
    /// By the path at the registry of the destination.
    pub repositories: BTreeMap<RepositoryPath, HeldRepository>,
}

/// What a repository of a destination has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HeldRepository {
    pub tags: BTreeMap<Tag, Digest>,
    /// Also those that no tag names directly.
    pub manifests: BTreeSet<Digest>,
    /// With their sizes in bytes.
    pub blobs: BTreeMap<Digest, u64>,
}

impl DestinationInventory {
    pub fn new(destination: String, address: String) -> Self {
        let (kind, repositories) = (KIND.to_owned(), BTreeMap::new());
        Self { version: VERSION, kind, destination, address, repositories }
    }

    /// Reads what [`Self::text`] wrote.
    ///
    /// # Errors
    /// If it is something else, or of a newer version.
    pub fn parse(text: &str) -> Result<Self, Advice> {
        let rewrite = format!("{} writes one", command("inventory -d DESTINATION"));
        let inventory: Self = serde_json::from_str(text).map_err(|error| {
            Advice::new(format!("it is not the inventory of a destination: {error}"))
                .with_hint(rewrite.clone())
        })?;
        if inventory.kind != KIND || inventory.version != VERSION {
            let Self { version, kind, .. } = inventory;
            let message = format!(
                "it is a `{}` of version {version}, not a `{KIND}` of version {VERSION}",
                kind.escape_debug()
            );
            return Err(Advice::new(message).with_hint(rewrite));
        }
        Ok(inventory)
    }

    /// As JSON with a line for each entry, always in the same order.
    pub fn text(&self) -> String {
        // Maps with string keys and numbers can always be serialized.
        format!("{}\n", serde_json::to_string_pretty(self).unwrap_or_default())
    }

    /// The repositories that have a blob of this size.
    pub fn holding(&self, digest: &Digest, size: u64) -> impl Iterator<Item = &RepositoryPath> {
        let repositories = self.repositories.iter();
        let holding = repositories.filter(move |(_, held)| held.blobs.get(digest) == Some(&size));
        holding.map(|(path, _)| path)
    }

    /// Adds what another list has at the same destination.
    ///
    /// # Errors
    /// If it is another destination.
    pub fn merge(&mut self, other: Self) -> Result<(), Advice> {
        if other.address != self.address {
            let message = format!(
                "the lists have different destinations: `{}` and `{}`",
                self.address, other.address
            );
            let hint = "write an inventory for each: choose one list with `--member`";
            return Err(Advice::new(message).with_hint(hint));
        }
        for (path, held) in other.repositories {
            let known = self.repositories.entry(path).or_default();
            known.tags.extend(held.tags);
            known.manifests.extend(held.manifests);
            known.blobs.extend(held.blobs);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory() -> DestinationInventory {
        let mut inventory = DestinationInventory::new("prod".into(), "r.io/mirror".into());
        let mut held = HeldRepository::default();
        let (manifest, blob) = (Digest::of(b"manifest"), Digest::of(b"blob"));
        held.tags.insert("1.0".parse().unwrap(), manifest.clone());
        held.manifests.insert(manifest);
        held.blobs.insert(blob, 4);
        inventory.repositories.insert("mirror/a/b".parse().unwrap(), held);
        inventory
    }

    #[test]
    fn an_inventory_survives_its_file() {
        let inventory = inventory();
        assert_eq!(DestinationInventory::parse(&inventory.text()).unwrap(), inventory);
    }

    #[test]
    fn another_file_is_not_taken_for_an_inventory() {
        let text = inventory().text();
        let table = [
            (String::new(), "EOF"),
            ("{}".to_owned(), "missing field"),
            (text.replace("\"version\": 1", "\"version\": 2"), "version 2"),
            (text.replace(KIND, "bundle"), "`bundle`"),
            (text.replace("mirror/a/b", "Mirror/../b"), "Mirror"),
            (text.replace("sha256:", "md5:"), "md5"),
            (text.replace("\"tags\"", "\"more\": 1, \"tags\""), "more"),
        ];
        for (text, expected) in table {
            let error = DestinationInventory::parse(&text).unwrap_err();
            assert!(error.message.contains(expected), "{expected}: {}", error.message);
            assert!(error.hint.unwrap().contains("inventory -d"));
        }
    }
}
