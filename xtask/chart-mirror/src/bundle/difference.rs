//! Decides which blobs a bundle leaves out, because the destination that it is for has them; pure.

use std::collections::{BTreeMap, BTreeSet};

use super::destination_inventory::DestinationInventory;
use oci::{Digest, RepositoryPath};
use serde::{Deserialize, Serialize};

/// A blob that a bundle leaves out, and where the destination has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// The path at the registry of the destination.
    pub repository: RepositoryPath,
}

/// A blob that images need, and the repositories at the destination that need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededBlob {
    pub size: u64,
    pub repositories: BTreeSet<RepositoryPath>,
}

/// Whether a blob of one repository of the destination can be mounted in another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrossMounts {
    Expected,
    Impossible,
}

/// The blobs that a bundle for this destination leaves out: those that every repository that needs them has,
/// and, where mounts are expected, those that any repository has. One entry for each repository that the
/// import will use.
pub fn left_out(
    needed: &BTreeMap<Digest, NeededBlob>,
    inventory: &DestinationInventory,
    mounts: CrossMounts,
) -> Vec<LeftOut> {
    let mut found = Vec::new();
    for (digest, blob) in needed {
        let holding: BTreeSet<_> = inventory.holding(digest, blob.size).collect();
        let own = blob.repositories.iter().filter(|path| holding.contains(path));
        let own: Vec<_> = own.collect();
        let used = match mounts {
            _ if own.len() == blob.repositories.len() => own,
            CrossMounts::Impossible => continue,
            CrossMounts::Expected if own.is_empty() => holding.into_iter().take(1).collect(),
            CrossMounts::Expected => own,
        };
        found.extend(used.into_iter().map(|path| LeftOut {
            digest: digest.clone(),
            size: blob.size,
            repository: path.clone(),
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_left_out_if_every_repository_has_it_or_can_mount_it() {
        use CrossMounts::{Expected, Impossible};
        // The repositories that need the blob and those that have it; what the import uses with mounts, and
        // without.
        type Paths = &'static [&'static str];
        let table: [(Paths, Paths, Paths, Paths); 6] = [
            (&["a"], &["a"], &["a"], &["a"]),
            (&["a", "b"], &["a", "b"], &["a", "b"], &["a", "b"]),
            (&["a", "b"], &["a"], &["a"], &[]),
            (&["a"], &["b", "c"], &["b"], &[]),
            (&["a"], &[], &[], &[]),
            (&["a"], &["a", "b"], &["a"], &["a"]),
        ];
        let digest = Digest::of(b"blob");
        let paths = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        for (need, have, with, without) in table {
            let needed = BTreeMap::from([(
                digest.clone(),
                NeededBlob { size: 4, repositories: paths(need) },
            )]);
            let mut inventory = DestinationInventory::new("d".into(), "r.io".into());
            for name in have {
                let held = inventory.repositories.entry(name.parse().unwrap()).or_default();
                held.blobs.insert(digest.clone(), 4);
            }
            for (mounts, expected) in [(Expected, with), (Impossible, without)] {
                let found = left_out(&needed, &inventory, mounts);
                let used: Vec<_> = found.iter().map(|it| it.repository.as_str()).collect();
                assert_eq!(used, expected, "{need:?} {have:?} {mounts:?}");
            }
        }
    }
}
