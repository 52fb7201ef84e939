//! The command `inventory`: asks a destination what it has of the images of a list.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join_all;

use super::mirror::{MirrorOptions, plan};
use crate::bundle::destination_inventory::{DestinationInventory, HeldRepository};
use crate::layouts;
use crate::list::ImageList;
use crate::plan::{Transfer, registry_settings};
use oci::{Digest, Manifest, RepositoryPath};
use registry::auth::credentials::Environment;
use registry::{Error, ManifestName, Registries, RemoteRepository, RetryPolicy, Side};

/// Which destination is asked for which images.
#[derive(Debug, Clone, Default)]
pub struct InventoryOptions {
    /// `None`: the only destination of the list.
    pub destination: Option<String>,
    /// Globs; all images if there are none.
    pub only: Vec<String>,
    /// Most requests at a time to one registry.
    pub concurrency: Option<usize>,
    pub retry: RetryPolicy,
}

/// What the destination has: for each image, its tag and the manifests and blobs below it. An image that is not
/// there is not an error. Sends one GET for each tag and for each manifest below an index.
///
/// # Errors
/// If a request fails: a reader could not see that the inventory is incomplete.
pub async fn run(
    list: &ImageList,
    options: &InventoryOptions,
    environment: &dyn Environment,
) -> anyhow::Result<DestinationInventory> {
    let mirror = MirrorOptions {
        destination: options.destination.clone(),
        only: options.only.clone(),
        ..MirrorOptions::default()
    };
    let plan = plan(list, &mirror)?;
    let mut settings = registry_settings(list, options.concurrency, options.retry);
    if let Some(layout) = &plan.destination.layout {
        layouts::read(layout, &mut settings)?;
    }
    let address = plan.destination.address.to_string();
    let hosts = [(plan.destination.address.registry.clone(), Side::Destination)];
    let registries = Registries::new(settings, hosts, environment)?;
    let name = options.destination.clone().or_else(|| list.destinations().keys().next().cloned());
    let inventory = DestinationInventory::new(name.unwrap_or_else(|| address.clone()), address);
    let gathered = Gathered { inventory: Mutex::new(inventory), seen: Mutex::default() };
    let mut walks = Vec::new();
    for transfer in &plan.transfers {
        let repository = registries.repository(&transfer.target, Side::Destination)?;
        walks.push(gathered.image(transfer, repository));
    }
    try_join_all(walks).await?;
    Ok(gathered.inventory.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What was found so far.
struct Gathered {
    inventory: Mutex<DestinationInventory>,
    /// Manifests that were read, with the paths of their repositories: images share them.
    seen: Mutex<HashSet<(RepositoryPath, Digest)>>,
}

impl Gathered {
    async fn image(&self, transfer: &Transfer, repository: RemoteRepository) -> Result<(), Error> {
        let name = ManifestName::Tag(transfer.tag.clone());
        let Some(top) = repository.manifest_if_present(&name).await? else { return Ok(()) };
        let digest = top.digest.clone();
        let mut pending = vec![top];
        while let Some(manifest) = pending.pop() {
            if !self.is_first(&repository, &manifest.digest) {
                continue;
            }
            let children = manifest.manifests.iter().map(|child| {
                let name = ManifestName::Digest(child.digest.clone());
                let repository = &repository;
                async move { repository.manifest_if_present(&name).await }
            });
            // A child that is missing is simply not part of the inventory.
            pending.extend(try_join_all(children).await?.into_iter().flatten());
            self.update(&repository, |held| add(held, &manifest));
        }
        self.update(&repository, |held| drop(held.tags.insert(transfer.tag.clone(), digest)));
        Ok(())
    }

    fn is_first(&self, repository: &RemoteRepository, manifest: &Digest) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert((repository.path.clone(), manifest.clone()))
    }

    fn update(&self, repository: &RemoteRepository, change: impl FnOnce(&mut HeldRepository)) {
        let mut inventory = self.inventory.lock().unwrap_or_else(PoisonError::into_inner);
        change(inventory.repositories.entry(repository.path.clone()).or_default());
    }
}

fn add(held: &mut HeldRepository, manifest: &Manifest) {
    held.manifests.insert(manifest.digest.clone());
    held.blobs.extend(manifest.blobs.iter().map(|blob| (blob.digest.clone(), blob.size)));
}
