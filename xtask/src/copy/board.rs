//! Who has which blob at the destination, and who is bringing it.
//!
//! Each distinct blob leaves the source once per run: the first repository that wants it leads, the
//! others wait and mount it from there. All of it is one table behind one lock; waiting is a watch
//! on the row.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::oci::{Digest, RepositoryPath};

/// The table of one destination.
pub(crate) struct Board {
    /// A blob can be mounted from a repository only after a manifest there refers to it.
    mount_needs_manifest: bool,
    rows: Mutex<HashMap<Digest, Row>>,
}

struct Row {
    holders: HashMap<RepositoryPath, Holder>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Copy)]
struct Holder {
    /// The image, by its place in the list, that brings or brought the blob here.
    image: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// On its way from the source.
    Uploading,
    /// On its way from another repository.
    Mounting,
    There,
    /// There, and a manifest refers to it.
    Committed,
}

/// What a task that wants a blob in a repository is to do.
pub(crate) enum Claim<'a> {
    Nothing,
    Wait(watch::Receiver<()>),
    Mount { from: RepositoryPath, duty: Duty<'a> },
    Upload(Duty<'a>),
}

/// The duty to bring a blob. Dropped unfulfilled, somebody else takes it over.
pub(crate) struct Duty<'a> {
    board: &'a Board,
    digest: Digest,
    repository: RepositoryPath,
    fulfilled: bool,
}

impl Board {
    pub(crate) fn new(mount_needs_manifest: bool) -> Self {
        Self { mount_needs_manifest, rows: Mutex::default() }
    }

    /// Asks what to do about a blob that `image` wants in `repository`.
    pub(crate) fn claim(
        &self,
        digest: &Digest,
        repository: &RepositoryPath,
        image: usize,
    ) -> Claim<'_> {
        let mut rows = self.lock();
        let row = rows.entry(digest.clone()).or_insert_with(Row::new);
        match row.holders.get(repository).map(|holder| holder.state) {
            Some(State::There | State::Committed) => return Claim::Nothing,
            Some(State::Uploading | State::Mounting) => {
                return Claim::Wait(row.changed.subscribe());
            }
            None => {}
        }
        let from = row
            .holders
            .iter()
            .find(|(_, holder)| self.can_mount_from(holder))
            .map(|(from, _)| from.clone());
        let state = if from.is_some() { State::Mounting } else { State::Uploading };
        if from.is_none()
            && row.holders.values().any(|holder| self.is_worth_waiting_for(holder, image))
        {
            return Claim::Wait(row.changed.subscribe());
        }
        row.holders.insert(repository.clone(), Holder { image, state });
        let duty = Duty {
            board: self,
            digest: digest.clone(),
            repository: repository.clone(),
            fulfilled: false,
        };
        match from {
            Some(from) => Claim::Mount { from, duty },
            None => Claim::Upload(duty),
        }
    }

    /// A manifest that is at the destination refers to these blobs, so they are there.
    pub(crate) fn committed<'d>(
        &self,
        digests: impl Iterator<Item = &'d Digest>,
        repository: &RepositoryPath,
        image: usize,
    ) {
        let mut rows = self.lock();
        for digest in digests {
            let row = rows.entry(digest.clone()).or_insert_with(Row::new);
            row.holders.insert(repository.clone(), Holder { image, state: State::Committed });
            row.changed.send_replace(());
        }
    }

    /// Nobody may rely on a blob being there: the registry said that it is not.
    pub(crate) fn forget(&self, digest: &Digest, repository: &RepositoryPath) {
        let mut rows = self.lock();
        if let Some(row) = rows.get_mut(digest)
            && row.holders.get(repository).is_some_and(|holder| holder.is_there())
        {
            row.holders.remove(repository);
            row.changed.send_replace(());
        }
    }

    /// An image has ended without its manifest: what it brought will not be committed by it.
    pub(crate) fn abandoned(&self, image: usize) {
        let mut rows = self.lock();
        for row in rows.values_mut() {
            let before = row.holders.len();
            if self.mount_needs_manifest {
                row.holders
                    .retain(|_, holder| holder.image != image || holder.state != State::There);
            }
            if row.holders.len() != before {
                row.changed.send_replace(());
            }
        }
    }

    fn can_mount_from(&self, holder: &Holder) -> bool {
        holder.state == State::Committed
            || (holder.state == State::There && !self.mount_needs_manifest)
    }

    /// Where mounting needs the leader's manifest, two images could wait for each other's for ever.
    /// So an image waits only for those before it in the list, and brings the blob itself otherwise.
    fn is_worth_waiting_for(&self, holder: &Holder, image: usize) -> bool {
        !self.mount_needs_manifest || holder.image < image
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Row {
    fn new() -> Self {
        Self { holders: HashMap::new(), changed: watch::Sender::new(()) }
    }
}

impl Holder {
    fn is_there(self) -> bool {
        matches!(self.state, State::There | State::Committed)
    }
}

impl Duty<'_> {
    /// The blob is in the repository.
    pub(crate) fn fulfil(mut self) {
        self.fulfilled = true;
    }
}

impl Drop for Duty<'_> {
    fn drop(&mut self) {
        let mut rows = self.board.lock();
        let Some(row) = rows.get_mut(&self.digest) else { return };
        if self.fulfilled {
            if let Some(holder) = row.holders.get_mut(&self.repository)
                && !holder.is_there()
            {
                holder.state = State::There;
            }
        } else {
            row.holders.remove(&self.repository);
        }
        row.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepositoryPath {
        text.parse().unwrap()
    }

    fn kind(claim: &Claim<'_>) -> String {
        match claim {
            Claim::Nothing => "nothing".to_owned(),
            Claim::Wait(_) => "wait".to_owned(),
            Claim::Mount { from, .. } => format!("mount from {from}"),
            Claim::Upload(_) => "upload".to_owned(),
        }
    }

    #[test]
    fn the_first_repository_uploads_and_the_others_wait_and_mount() {
        let (board, blob) = (Board::new(false), Digest::of(b"layer"));
        let Claim::Upload(duty) = board.claim(&blob, &path("a"), 0) else { panic!("a leads") };
        assert_eq!(kind(&board.claim(&blob, &path("a"), 1)), "wait");
        let Claim::Wait(changed) = board.claim(&blob, &path("b"), 1) else { panic!("b waits") };
        assert!(!changed.has_changed().unwrap());
        duty.fulfil();
        assert!(changed.has_changed().unwrap());
        assert_eq!(kind(&board.claim(&blob, &path("a"), 1)), "nothing");
        assert_eq!(kind(&board.claim(&blob, &path("b"), 1)), "mount from a");
    }

    #[test]
    fn a_leader_that_fails_leaves_the_duty_to_the_next() {
        let (board, blob) = (Board::new(false), Digest::of(b"layer"));
        let Claim::Upload(duty) = board.claim(&blob, &path("a"), 0) else { panic!("a leads") };
        let Claim::Wait(changed) = board.claim(&blob, &path("b"), 1) else { panic!("b waits") };
        drop(duty);
        assert!(changed.has_changed().unwrap());
        assert_eq!(kind(&board.claim(&blob, &path("b"), 1)), "upload");
    }

    #[test]
    fn where_mounting_needs_the_manifest_followers_wait_for_it_but_never_in_a_circle() {
        let (board, blob) = (Board::new(true), Digest::of(b"layer"));
        let Claim::Upload(duty) = board.claim(&blob, &path("b"), 1) else { panic!("b leads") };
        duty.fulfil();
        assert_eq!(kind(&board.claim(&blob, &path("c"), 2)), "wait");
        assert_eq!(kind(&board.claim(&blob, &path("a"), 0)), "upload");
        board.committed([&blob].into_iter(), &path("b"), 1);
        assert_eq!(kind(&board.claim(&blob, &path("c"), 2)), "mount from b");
    }

    #[test]
    fn nobody_waits_for_an_image_that_has_failed() {
        let (board, blob) = (Board::new(true), Digest::of(b"layer"));
        let Claim::Upload(duty) = board.claim(&blob, &path("a"), 0) else { panic!("a leads") };
        duty.fulfil();
        let Claim::Wait(changed) = board.claim(&blob, &path("c"), 2) else { panic!("c waits") };
        board.abandoned(0);
        assert!(changed.has_changed().unwrap());
        assert_eq!(kind(&board.claim(&blob, &path("c"), 2)), "upload");
    }

    #[test]
    fn what_the_registry_denies_having_is_brought_again() {
        let (board, blob) = (Board::new(false), Digest::of(b"layer"));
        board.committed([&blob].into_iter(), &path("a"), 0);
        assert_eq!(kind(&board.claim(&blob, &path("a"), 0)), "nothing");
        board.forget(&blob, &path("a"));
        assert_eq!(kind(&board.claim(&blob, &path("a"), 0)), "upload");
    }
}
