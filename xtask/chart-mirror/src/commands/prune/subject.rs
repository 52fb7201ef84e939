//! `PruneSubject`: a destination, and the lists that its tags are compared with.

use std::collections::BTreeSet;
use std::path::Path;

use crate::list::{Destination, Image, ImageList, PruneRules};
use messages::Advice;
use oci::{Reference, RepositoryPath};

/// A list of the workspace, with its file.
pub type NamedList<'a> = (&'a Path, &'a ImageList);

/// A destination, and what its tags are compared with.
#[derive(Clone, Copy)]
pub struct PruneSubject<'a> {
    pub destination: &'a Destination,
    /// The list with the settings of the registry.
    pub list: &'a ImageList,
    /// All lists of the workspace.
    pub all: &'a [NamedList<'a>],
}

impl PruneSubject<'_> {
    /// What may be deleted at the destination.
    ///
    /// # Errors
    /// If that is nothing.
    pub fn rules(&self) -> Result<&PruneRules, Advice> {
        self.destination.require_registry("pruning")?;
        self.destination.prune.as_ref().ok_or_else(|| {
            let message =
                format!("nothing may be pruned at `{}`: it has no rules for that", self.destination);
            let hint = "name a destination of images.toml with `[destinations.NAME.prune]` and `repositories = \
                        [\"GLOB\"]`: only repositories that it declares are looked at";
            Advice::new(message).with_hint(hint)
        })
    }

    /// The images of all lists that have this destination, as they are named there.
    pub(super) fn targets(&self) -> Result<BTreeSet<Reference>, Advice> {
        let mut targets = BTreeSet::new();
        for (_, list) in self.all {
            let has_it = |destination: &Destination| destination == self.destination;
            if !list.destinations().values().any(has_it) {
                continue;
            }
            let paths = self.destination.paths(list.images())?;
            let target = |(image, path): (&Image, RepositoryPath)| {
                self.destination.repository(&path).tagged(&image.tag)
            };
            targets.extend(list.images().iter().zip(paths).map(target));
        }
        Ok(targets)
    }
}
