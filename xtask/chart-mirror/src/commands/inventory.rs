//! The command `inventory`: asks a destination what it has of the images of a list.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::mirror::{MirrorOptions, plan};
use crate::bundle::destination_inventory::{DestinationInventory, HeldRepository};
use crate::copy::{CHILDREN_AT_ONCE, IMAGES_AT_ONCE};
use crate::layouts;
use crate::list::ImageList;
use crate::plan::{Transfer, registry_settings};
use messages::Advice;
use oci::{Digest, Manifest, RepositoryPath, limits};
use registry::auth::credentials::Environment;
use registry::{Cause, Error, ManifestName, Registries, RemoteRepository, RetryPolicy, Side};

/// Which destination is asked for which images.
#[derive(Debug, Clone, Default)]
pub struct InventoryOptions {
    /// `None`: the only destination of the list.
    pub destination: Option<String>,
    /// Globs; all images if there are none.
    pub only: Vec<String>,
    /// Most requests at a time to one registry.
    pub concurrency: Option<usize>,
    pub blobs: BlobPresence,
    pub retry: RetryPolicy,
}

/// Whether the blobs of a manifest are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BlobPresence {
    /// The registry accepted the manifest when it had them.
    #[default]
    Assumed,
    /// Each blob costs one HEAD.
    Asked,
}

/// What the destination has, and what it has lost.
pub struct FoundContent {
    pub inventory: DestinationInventory,
    /// Blobs that manifests need and that are not there, each with its repository.
    pub lost: BTreeSet<(RepositoryPath, Digest)>,
}

/// What the destination has: for each image, its tag and the manifests and blobs below it. An image that is not
/// there is not an error. Sends one GET for each tag and for each manifest below an index, and as many HEADs as
/// `blobs` asks for.
///
/// # Errors
/// If a request fails: a reader could not see that the inventory is incomplete.
pub async fn run(
    list: &ImageList,
    options: &InventoryOptions,
    environment: &dyn Environment,
) -> anyhow::Result<FoundContent> {
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
    let found = FoundContent { inventory, lost: BTreeSet::new() };
    let gathered =
        Gathered { found: Mutex::new(found), seen: Mutex::default(), blobs: options.blobs };
    let targets = plan.transfers.iter();
    let targets = targets.map(|it| registries.repository(&it.target, Side::Destination));
    let targets: Vec<RemoteRepository> = targets.collect::<Result<_, Advice>>()?;
    stream::iter(plan.transfers.iter().zip(targets).map(Ok))
        .try_for_each_concurrent(IMAGES_AT_ONCE, |(transfer, target)| {
            gathered.image(transfer, target)
        })
        .await?;
    let mut found = gathered.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (path, digest) in &found.lost {
        // Each manifest that needs it named it.
        if let Some(held) = found.inventory.repositories.get_mut(path) {
            held.blobs.remove(digest);
        }
    }
    Ok(found)
}

/// What was found so far.
struct Gathered {
    found: Mutex<FoundContent>,
    /// Manifests that were read and blobs that were asked for, with the paths of their repositories: images share them.
    seen: Mutex<HashSet<(RepositoryPath, Digest)>>,
    blobs: BlobPresence,
}

impl Gathered {
    async fn image(&self, transfer: &Transfer, repository: RemoteRepository) -> Result<(), Error> {
        let name = ManifestName::Tag(transfer.tag.clone());
        let Some(top) = repository.manifest_if_present(&name).await? else { return Ok(()) };
        let digest = top.digest.clone();
        let is_new = self.is_first(&repository, &digest);
        let mut pending: Vec<Manifest> = Some(top).filter(|_| is_new).into_iter().collect();
        let mut below = 0;
        while let Some(manifest) = pending.pop() {
            let children = manifest.manifests.iter().map(|child| &child.digest);
            let children: Vec<Digest> =
                children.filter(|child| self.is_first(&repository, child)).cloned().collect();
            below += children.len();
            limits::check_count(below).map_err(|why| {
                let operation = format!("get what manifest {} lists", digest.short());
                Error::new(Side::Destination, operation, Cause::Unsupported(why.to_string()))
            })?;
            let children: Vec<Option<Manifest>> =
                stream::iter(children.into_iter().map(ManifestName::Digest))
                    .map(async |name| repository.manifest_if_present(&name).await)
                    .buffered(CHILDREN_AT_ONCE)
                    .try_collect()
                    .await?;
            // A child that is missing is simply not part of the inventory.
            pending.extend(children.into_iter().flatten());
            let lost = self.lost(&repository, &manifest).await?;
            self.lock().lost.extend(lost);
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
        let repositories = &mut self.lock().inventory.repositories;
        change(repositories.entry(repository.path.clone()).or_default());
    }

    /// The blobs of a manifest that are not there, as far as the registry is asked.
    async fn lost(
        &self,
        repository: &RemoteRepository,
        manifest: &Manifest,
    ) -> Result<Vec<(RepositoryPath, Digest)>, Error> {
        if self.blobs == BlobPresence::Assumed {
            return Ok(Vec::new());
        }
        // Images share layers: each is asked for once.
        let blobs = manifest.blobs.iter().filter(|blob| self.is_first(repository, &blob.digest));
        let blobs: Vec<_> = blobs.collect();
        let checks = blobs.iter().map(|blob| repository.has_blob(blob));
        let there = try_join_all(checks).await?;
        let lost = blobs.iter().zip(there).filter(|(_, is_there)| !is_there);
        Ok(lost.map(|(blob, _)| (repository.path.clone(), blob.digest.clone())).collect())
    }

    fn lock(&self) -> MutexGuard<'_, FoundContent> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(held: &mut HeldRepository, manifest: &Manifest) {
    held.manifests.insert(manifest.digest.clone());
    held.blobs.extend(manifest.blobs.iter().map(|blob| (blob.digest.clone(), blob.size)));
}
