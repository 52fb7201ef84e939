//! `Owned`: the repositories of a destination in which something may be deleted.

use globset::{GlobSet, GlobSetBuilder};

use crate::list::{Address, PruneRules};
use messages::Advice;
use oci::RepositoryPath;

/// The repositories that the rules of a destination name. All are below its path.
pub struct Owned {
    prefix: Option<String>,
    globs: GlobSet,
}

impl Owned {
    /// # Errors
    /// If the globs are too large together.
    pub fn new(address: &Address, rules: &PruneRules) -> Result<Self, Advice> {
        let mut builder = GlobSetBuilder::new();
        for glob in &rules.repositories {
            builder.add(glob.clone());
        }
        let globs = builder.build();
        let globs = globs.map_err(|why| Advice::new(format!("`prune.repositories`: {why}")))?;
        Ok(Self { prefix: address.prefix.as_ref().map(|prefix| format!("{prefix}/")), globs })
    }

    /// Whether a repository of the registry is one of them.
    pub fn has(&self, path: &RepositoryPath) -> bool {
        let path = path.as_str();
        let below = match &self.prefix {
            Some(prefix) => path.strip_prefix(prefix.as_str()),
            None => Some(path),
        };
        below.is_some_and(|below| self.globs.is_match(below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::ImageList;

    #[test]
    fn a_repository_is_owned_if_a_glob_matches_its_path_below_the_destination() {
        let owned = |registry: &str, globs: &str| {
            let text = format!(
                "[destinations.d]\nregistry = 'r.io/{registry}'\nprune.repositories = {globs}\n\
                 [[image]]\nsource = 'a'\ntag = '1'\n"
            );
            let list = ImageList::parse("images.toml", &text).unwrap_or_else(|why| panic!("{why}"));
            let destination = &list.destinations()["d"];
            Owned::new(&destination.address, destination.prune.as_ref().unwrap()).unwrap()
        };
        let table = [
            ("", "['team/**']", "team/a/b", true),
            ("", "['team/**']", "team", false),
            ("", "['team/**']", "teams/a", false),
            ("", "['team/*', 'tools']", "tools", true),
            ("", "['team/*']", "team/a/b", false),
            ("mirror", "['**']", "mirror/a/b", true),
            ("mirror", "['**']", "mirror", false),
            ("mirror", "['**']", "mirrors/a", false),
            ("mirror", "['**']", "other/mirror/a", false),
            ("mirror", "['team/**']", "team/a", false),
            ("mirror", "['team/**']", "mirror/team/a", true),
        ];
        for (registry, globs, path, expected) in table {
            let found = owned(registry, globs).has(&path.parse().unwrap());
            assert_eq!(found, expected, "{registry} {globs} {path}");
        }
    }
}
