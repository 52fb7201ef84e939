//! `BlobTracker`: knows for each blob which repositories at the destination have it or are getting it.
//!
//! Each distinct blob leaves the source once per run. The first repository that needs it uploads it;
//! the others wait, and mount it from there. The table is behind one lock; waiting tasks watch the
//! blob's entry.
//!
//! | status | meaning | others |
//! |---|---|---|
//! | `Reserved` | the manifest with this ticket will bring the blob, and has not started | wait |
//! | `InTransfer` | it is being uploaded or mounted | wait |
//! | `Present` | it is in the repository | mount it, unless mounts need a manifest |
//! | `Committed` | a manifest in the repository points to it | mount it |

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use oci::{Digest, Registry, RepositoryPath};
use registry::capabilities::MountAccess;
use registry::{Error, Side};

/// The blobs of one destination.
pub(super) struct BlobTracker {
    mountable: Mountable,
    table: Mutex<Table>,
}

/// From when on a registry lets other repositories mount a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mountable {
    AfterUpload,
    /// After a manifest in its repository points to it.
    AfterManifest,
}

#[derive(Default)]
struct Table {
    blobs: HashMap<Digest, BlobState>,
    tickets: u64,
}

/// A manifest's place in the order in which manifests requested their blobs.
///
/// Where a mount needs the manifest of the repository that uploads, two manifests could wait for each
/// other forever. So a manifest waits only for those with an earlier ticket, and otherwise uploads the
/// blob itself. A manifest requests all of its blobs at once, so the uploader of one of them has an
/// earlier ticket, unless an earlier uploader has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

struct BlobState {
    repositories: HashMap<RepositoryPath, Holding>,
    /// Failures that every other upload would repeat, and the registry that the blob was read from.
    failures: Vec<(Registry, Error)>,
    /// For those that wait. `None` until one does, because few blobs are waited for.
    changed: Option<watch::Sender<()>>,
}

/// What a repository has of a blob.
#[derive(Clone, Copy)]
struct Holding {
    /// Of the manifest that brings or brought the blob.
    ticket: Ticket,
    status: Status,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Reserved,
    InTransfer,
    Present,
    Committed,
}

/// What a task must do to get a blob into a repository.
pub(super) enum NextStep<'a> {
    Done,
    /// Ask again after a change.
    Wait(watch::Receiver<()>),
    Mount {
        guard: UploadGuard<'a>,
        from: RepositoryPath,
        access: MountAccess,
    },
    Upload(UploadGuard<'a>),
}

/// Held while a blob is uploaded or mounted. If it is dropped before completion, another task takes
/// over.
pub(super) struct UploadGuard<'a> {
    tracker: &'a BlobTracker,
    digest: Digest,
    repository: RepositoryPath,
    is_complete: bool,
}

impl BlobTracker {
    pub(super) fn new(mountable: Mountable) -> Self {
        Self { mountable, table: Mutex::default() }
    }

    /// Issues a ticket to a manifest that points to these blobs, and reserves those that no repository
    /// has or is getting. The holder must call [`Self::next_step`] for each blob, or
    /// [`Self::abandon`].
    pub(super) fn take_ticket<'d>(
        &self,
        digests: impl Iterator<Item = &'d Digest>,
        repository: &RepositoryPath,
    ) -> Ticket {
        let mut table = self.lock();
        table.tickets += 1;
        let ticket = Ticket(table.tickets);
        for digest in digests {
            let repositories = &mut table.blob(digest).repositories;
            if repositories.is_empty() {
                repositories
                    .insert(repository.clone(), Holding { ticket, status: Status::Reserved });
            }
        }
        ticket
    }

    /// What to do about a blob that the manifest with this ticket needs in its repository. `access`
    /// returns how another repository may be mounted from; `None` if that is not worth trying.
    pub(super) fn next_step(
        &self,
        digest: &Digest,
        repository: &RepositoryPath,
        ticket: Ticket,
        access: &dyn Fn(&RepositoryPath) -> Option<MountAccess>,
    ) -> NextStep<'_> {
        let mut table = self.lock();
        let blob = table.blob(digest);
        let own = blob.repositories.get(repository);
        let is_reserved =
            own.is_some_and(|own| own.status == Status::Reserved && own.ticket == ticket);
        match own {
            Some(own) if own.is_present() => return NextStep::Done,
            Some(_) if !is_reserved => return NextStep::Wait(blob.subscribe()),
            _ => {}
        }
        // Mounts with another login may be refused, so it is better to wait for one with the same.
        let mut mount = None;
        for preferred in [MountAccess::SameLogin, MountAccess::OtherLogin] {
            let mut others =
                blob.repositories.iter().filter(|(from, _)| access(from) == Some(preferred));
            let from = others.clone().find(|(_, holding)| self.can_mount_from(holding));
            mount = from.map(|(from, _)| (from.clone(), preferred));
            if mount.is_some() {
                break;
            }
            if !is_reserved && others.any(|(_, holding)| self.can_wait_for(holding, ticket)) {
                return NextStep::Wait(blob.subscribe());
            }
        }
        let holding = Holding { ticket, status: Status::InTransfer };
        blob.repositories.insert(repository.clone(), holding);
        let (digest, repository) = (digest.clone(), repository.clone());
        let guard = UploadGuard { tracker: self, digest, repository, is_complete: false };
        match mount {
            Some((from, access)) => NextStep::Mount { guard, from, access },
            None => NextStep::Upload(guard),
        }
    }

    /// A manifest at the destination points to these blobs, so they are there.
    pub(super) fn mark_committed<'d>(
        &self,
        digests: impl Iterator<Item = &'d Digest>,
        repository: &RepositoryPath,
    ) {
        let mut table = self.lock();
        for digest in digests {
            let blob = table.blob(digest);
            // The manifest is pushed, so its place in the order does not matter any more.
            let holding = Holding { ticket: Ticket(0), status: Status::Committed };
            blob.repositories.insert(repository.clone(), holding);
            blob.wake();
        }
    }

    /// The registry reported that a blob is missing, whatever was known before.
    pub(super) fn mark_missing(&self, digest: &Digest, repository: &RepositoryPath) {
        let mut table = self.lock();
        let blob = table.blob(digest);
        if blob.repositories.get(repository).is_some_and(|holding| holding.is_present()) {
            blob.repositories.remove(repository);
            blob.wake();
        }
    }

    /// The manifest with this ticket was not pushed, so the blobs brought for it stay uncommitted.
    pub(super) fn abandon<'d>(&self, ticket: Ticket, digests: impl Iterator<Item = &'d Digest>) {
        let mut table = self.lock();
        for digest in digests {
            let blob = table.blob(digest);
            let before = blob.repositories.len();
            blob.repositories.retain(|_, holding| {
                let is_useless = match holding.status {
                    Status::Reserved => true,
                    Status::Present => self.mountable == Mountable::AfterManifest,
                    Status::InTransfer | Status::Committed => false,
                };
                holding.ticket != ticket || !is_useless
            });
            if blob.repositories.len() != before {
                blob.wake();
            }
        }
    }

    fn can_mount_from(&self, holding: &Holding) -> bool {
        match self.mountable {
            Mountable::AfterUpload => holding.is_present(),
            Mountable::AfterManifest => holding.status == Status::Committed,
        }
    }

    fn can_wait_for(&self, holding: &Holding, ticket: Ticket) -> bool {
        self.mountable == Mountable::AfterUpload || holding.ticket < ticket
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn blob(&mut self, digest: &Digest) -> &mut BlobState {
        self.blobs.entry(digest.clone()).or_insert_with(|| BlobState {
            repositories: HashMap::new(),
            failures: Vec::new(),
            changed: None,
        })
    }
}

impl BlobState {
    fn subscribe(&mut self) -> watch::Receiver<()> {
        self.changed.get_or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    /// Lets those that wait ask again.
    fn wake(&self) {
        if let Some(changed) = &self.changed {
            changed.send_replace(());
        }
    }
}

impl Holding {
    fn is_present(self) -> bool {
        matches!(self.status, Status::Present | Status::Committed)
    }
}

impl UploadGuard<'_> {
    /// The blob is in the repository.
    pub(super) fn complete(mut self) {
        self.is_complete = true;
    }

    /// The blob could not be copied from this source. If the retries were spent, those who wait for it would
    /// spend them again, one after the other; so they fail with the same error.
    pub(super) fn fail(self, source: &Registry, error: &Error) {
        if error.is_transient() {
            let mut table = self.tracker.lock();
            table.blob(&self.digest).failures.push((source.clone(), error.clone()));
        }
    }

    /// The error that an upload from this source would end with, too. What failed at one source may succeed
    /// with another one.
    pub(super) fn earlier_failure(&self, source: &Registry) -> Option<Error> {
        let mut table = self.tracker.lock();
        let failures = &table.blob(&self.digest).failures;
        let same =
            failures.iter().find(|(from, error)| error.side == Side::Destination || from == source);
        same.map(|(_, error)| error.clone())
    }
}

impl Drop for UploadGuard<'_> {
    fn drop(&mut self) {
        let mut table = self.tracker.lock();
        let blob = table.blob(&self.digest);
        match blob.repositories.get_mut(&self.repository) {
            // A manifest that was pushed in the meantime proves that the blob is there.
            Some(holding) if holding.is_present() => {}
            Some(holding) if self.is_complete => holding.status = Status::Present,
            _ => drop(blob.repositories.remove(&self.repository)),
        }
        blob.wake();
    }
}

#[cfg(test)]
mod tests;
