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

use oci::{Digest, RepositoryPath};
use registry::capabilities::MountAccess;

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
    changed: watch::Sender<()>,
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
            Some(_) if !is_reserved => return NextStep::Wait(blob.changed.subscribe()),
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
                return NextStep::Wait(blob.changed.subscribe());
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
            blob.changed.send_replace(());
        }
    }

    /// The registry reported that a blob is missing, whatever was known before.
    pub(super) fn mark_missing(&self, digest: &Digest, repository: &RepositoryPath) {
        let mut table = self.lock();
        let blob = table.blob(digest);
        if blob.repositories.get(repository).is_some_and(|holding| holding.is_present()) {
            blob.repositories.remove(repository);
            blob.changed.send_replace(());
        }
    }

    /// The manifest with this ticket was not pushed, so the blobs brought for it stay uncommitted.
    pub(super) fn abandon(&self, ticket: Ticket) {
        for blob in self.lock().blobs.values_mut() {
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
                blob.changed.send_replace(());
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
            changed: watch::Sender::new(()),
        })
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
        blob.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepositoryPath {
        text.parse().unwrap()
    }

    fn layer() -> Digest {
        Digest::of(b"layer")
    }

    fn describe(step: &NextStep<'_>) -> String {
        match step {
            NextStep::Done => "done".to_owned(),
            NextStep::Wait(_) => "wait".to_owned(),
            NextStep::Mount { from, .. } => format!("mount from {from}"),
            NextStep::Upload(_) => "upload".to_owned(),
        }
    }

    /// The next step if all repositories have the same login.
    fn next<'t>(
        tracker: &'t BlobTracker,
        blob: &Digest,
        path: &str,
        ticket: Ticket,
    ) -> NextStep<'t> {
        tracker.next_step(blob, &path.parse().unwrap(), ticket, &|_| Some(MountAccess::SameLogin))
    }

    /// The same for the layer, in words.
    fn step(tracker: &BlobTracker, path: &str, ticket: Ticket) -> String {
        describe(&next(tracker, &layer(), path, ticket))
    }

    fn upload<'t>(tracker: &'t BlobTracker, path: &str, ticket: Ticket) -> UploadGuard<'t> {
        match next(tracker, &layer(), path, ticket) {
            NextStep::Upload(guard) => guard,
            other => panic!("{path}: {}", describe(&other)),
        }
    }

    fn wait(tracker: &BlobTracker, path: &str, ticket: Ticket) -> watch::Receiver<()> {
        match next(tracker, &layer(), path, ticket) {
            NextStep::Wait(changed) => changed,
            other => panic!("{path}: {}", describe(&other)),
        }
    }

    /// The ticket of a manifest with this one blob.
    fn ticket(tracker: &BlobTracker, blob: &Digest, repository: &str) -> Ticket {
        tracker.take_ticket([blob].into_iter(), &path(repository))
    }

    /// Two manifests in the repositories `a` and `b` that share the layer.
    fn two_manifests(mountable: Mountable) -> (BlobTracker, Ticket, Ticket) {
        let tracker = BlobTracker::new(mountable);
        let [first, second] = ["a", "b"].map(|path| ticket(&tracker, &layer(), path));
        (tracker, first, second)
    }

    #[test]
    fn the_first_repository_uploads_and_the_others_wait_and_mount() {
        let (tracker, first, second) = two_manifests(Mountable::AfterUpload);
        assert_eq!(step(&tracker, "b", second), "wait");
        let guard = upload(&tracker, "a", first);
        assert_eq!(step(&tracker, "a", second), "wait");
        let changed = wait(&tracker, "b", second);
        assert!(!changed.has_changed().unwrap());
        guard.complete();
        assert!(changed.has_changed().unwrap());
        assert_eq!(step(&tracker, "a", second), "done");
        assert_eq!(step(&tracker, "b", second), "mount from a");
    }

    #[test]
    fn a_failed_upload_is_taken_over_by_the_next_repository() {
        let (tracker, first, second) = two_manifests(Mountable::AfterUpload);
        let guard = upload(&tracker, "a", first);
        let changed = wait(&tracker, "b", second);
        drop(guard);
        assert!(changed.has_changed().unwrap());
        assert_eq!(step(&tracker, "b", second), "upload");
    }

    #[test]
    fn an_abandoned_ticket_frees_its_reservations() {
        let (tracker, first, second) = two_manifests(Mountable::AfterUpload);
        assert_eq!(step(&tracker, "b", second), "wait");
        tracker.abandon(first);
        assert_eq!(step(&tracker, "b", second), "upload");
    }

    #[test]
    fn where_a_mount_needs_the_manifest_later_tickets_wait_for_it_and_earlier_ones_do_not() {
        let tracker = BlobTracker::new(Mountable::AfterManifest);
        let early = ticket(&tracker, &Digest::of(b"other"), "a");
        let [uploader, late] = ["b", "c"].map(|path| ticket(&tracker, &layer(), path));
        upload(&tracker, "b", uploader).complete();
        assert_eq!(step(&tracker, "c", late), "wait");
        assert_eq!(step(&tracker, "a", early), "upload");
        tracker.mark_committed([&layer()].into_iter(), &path("b"));
        assert_eq!(step(&tracker, "c", late), "mount from b");
    }

    #[test]
    fn manifests_that_share_several_blobs_leave_all_of_them_to_the_first() {
        let tracker = BlobTracker::new(Mountable::AfterManifest);
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let first = tracker.take_ticket([&one, &two].into_iter(), &path("a"));
        let second = tracker.take_ticket([&two, &one].into_iter(), &path("b"));
        for blob in [&two, &one] {
            assert_eq!(describe(&next(&tracker, blob, "b", second)), "wait");
            assert_eq!(describe(&next(&tracker, blob, "a", first)), "upload");
        }
    }

    #[test]
    fn a_failed_manifest_is_not_waited_for() {
        let (tracker, first, second) = two_manifests(Mountable::AfterManifest);
        upload(&tracker, "a", first).complete();
        let changed = wait(&tracker, "b", second);
        tracker.abandon(first);
        assert!(changed.has_changed().unwrap());
        assert_eq!(step(&tracker, "b", second), "upload");
    }

    #[test]
    fn a_blob_that_the_registry_reports_missing_is_uploaded_again() {
        let tracker = BlobTracker::new(Mountable::AfterUpload);
        tracker.mark_committed([&layer()].into_iter(), &path("a"));
        let ticket = ticket(&tracker, &layer(), "a");
        assert_eq!(step(&tracker, "a", ticket), "done");
        tracker.mark_missing(&layer(), &path("a"));
        assert_eq!(step(&tracker, "a", ticket), "upload");
    }

    #[test]
    fn a_failed_upload_does_not_undo_what_a_manifest_proved() {
        let tracker = BlobTracker::new(Mountable::AfterUpload);
        let ticket = ticket(&tracker, &layer(), "a");
        let guard = upload(&tracker, "a", ticket);
        tracker.mark_committed([&layer()].into_iter(), &path("a"));
        drop(guard);
        assert_eq!(step(&tracker, "a", ticket), "done");
    }

    #[test]
    fn a_repository_with_the_same_login_is_preferred_and_one_that_refuses_mounts_is_not_tried() {
        let tracker = BlobTracker::new(Mountable::AfterUpload);
        let [theirs, ours, late] =
            ["a/1", "b/1", "b/2"].map(|path| ticket(&tracker, &layer(), path));
        let access = |from: &RepositoryPath| match from.as_str().starts_with("b/") {
            true => Some(MountAccess::SameLogin),
            false => Some(MountAccess::OtherLogin),
        };
        let ask = |ticket, at: &str| tracker.next_step(&layer(), &path(at), ticket, &access);
        let NextStep::Upload(guard) = ask(theirs, "a/1") else { panic!("the first one uploads") };
        assert_eq!(describe(&ask(ours, "b/1")), "wait");
        let same_login =
            |from: &RepositoryPath| access(from).filter(|it| *it == MountAccess::SameLogin);
        let alone = tracker.next_step(&layer(), &path("b/1"), ours, &same_login);
        assert_eq!(describe(&alone), "upload");
        drop(alone);
        guard.complete();
        let NextStep::Mount { access: MountAccess::OtherLogin, guard, .. } = ask(ours, "b/1")
        else {
            panic!("only the other login has the blob")
        };
        assert_eq!(describe(&ask(late, "b/2")), "wait");
        guard.complete();
        assert_eq!(describe(&ask(late, "b/2")), "mount from b/1");
    }
}
