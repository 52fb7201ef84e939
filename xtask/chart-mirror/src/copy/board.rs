//! Who has which blob at the destination, and who is bringing it.
//!
//! Each distinct blob leaves the source once per run: the first repository that wants it leads, the
//! others wait and mount it from there. All of it is one table behind one lock; waiting is a watch
//! on the row.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use oci::{Digest, RepositoryPath};
use registry::capabilities::Between;

/// The table of one destination.
pub(crate) struct Board {
    /// A blob can be mounted from a repository only after a manifest there refers to it.
    mount_needs_manifest: bool,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    rows: HashMap<Digest, Row>,
    turns: u64,
}

/// The place of a manifest in the order in which manifests asked for their blobs.
///
/// Where mounting needs the leader's manifest, two manifests could wait for each other's for ever. So
/// one waits only for those before it, and brings the blob itself otherwise. As it asks for all of
/// its blobs at once, whoever leads one of them was before it, unless a leader has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn(u64);

struct Row {
    holders: HashMap<RepositoryPath, Holder>,
    changed: watch::Sender<()>,
}

#[derive(Clone, Copy)]
struct Holder {
    /// The manifest that brings or brought the blob here.
    turn: Turn,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be sent from the source by the manifest of this turn, which has not begun yet.
    Promised,
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
    Mount { from: RepositoryPath, between: Between, duty: Duty<'a> },
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
        Self { mount_needs_manifest, table: Mutex::default() }
    }

    /// Takes a turn for a manifest that wants these blobs, and promises to bring those that nobody
    /// has or brings. Who takes a turn claims each of the blobs, or abandons the turn.
    pub(crate) fn take_turn<'d>(
        &self,
        digests: impl Iterator<Item = &'d Digest>,
        repository: &RepositoryPath,
    ) -> Turn {
        let mut table = self.lock();
        table.turns += 1;
        let turn = Turn(table.turns);
        for digest in digests {
            let row = table.rows.entry(digest.clone()).or_insert_with(Row::new);
            if row.holders.is_empty() {
                row.holders.insert(repository.clone(), Holder { turn, state: State::Promised });
            }
        }
        turn
    }

    /// Asks what to do about a blob that the manifest of this turn wants in its repository. `between`
    /// says whose another repository is, and nothing where no mount from there is worth a try.
    pub(crate) fn claim(
        &self,
        digest: &Digest,
        repository: &RepositoryPath,
        turn: Turn,
        between: &dyn Fn(&RepositoryPath) -> Option<Between>,
    ) -> Claim<'_> {
        let mut table = self.lock();
        let row = table.rows.entry(digest.clone()).or_insert_with(Row::new);
        let own = row.holders.get(repository);
        let is_promised = own.is_some_and(|own| own.state == State::Promised && own.turn == turn);
        match own.map(|own| own.state) {
            Some(State::There | State::Committed) => return Claim::Nothing,
            Some(_) if !is_promised => return Claim::Wait(row.changed.subscribe()),
            _ => {}
        }
        // Strangers may refuse, so even to wait for one of ours is better.
        let mut mount = None;
        for sort in [Between::Ours, Between::Strangers] {
            let mut others = row.holders.iter().filter(|(from, _)| between(from) == Some(sort));
            let from = others.clone().find(|(_, holder)| self.can_mount_from(holder));
            mount = from.map(|(from, _)| (from.clone(), sort));
            if mount.is_some() {
                break;
            }
            if !is_promised && others.any(|(_, holder)| self.is_worth_waiting_for(holder, turn)) {
                return Claim::Wait(row.changed.subscribe());
            }
        }
        let state = if mount.is_some() { State::Mounting } else { State::Uploading };
        row.holders.insert(repository.clone(), Holder { turn, state });
        let duty = Duty {
            board: self,
            digest: digest.clone(),
            repository: repository.clone(),
            fulfilled: false,
        };
        match mount {
            Some((from, between)) => Claim::Mount { from, between, duty },
            None => Claim::Upload(duty),
        }
    }

    /// A manifest that is at the destination refers to these blobs, so they are there.
    pub(crate) fn committed<'d>(
        &self,
        digests: impl Iterator<Item = &'d Digest>,
        repository: &RepositoryPath,
    ) {
        let mut table = self.lock();
        for digest in digests {
            let row = table.rows.entry(digest.clone()).or_insert_with(Row::new);
            // Nobody waits for its manifest any more, so its turn does not matter.
            let holder = Holder { turn: Turn(0), state: State::Committed };
            row.holders.insert(repository.clone(), holder);
            row.changed.send_replace(());
        }
    }

    /// Nobody may rely on a blob being there: the registry said that it is not.
    pub(crate) fn forget(&self, digest: &Digest, repository: &RepositoryPath) {
        let mut table = self.lock();
        if let Some(row) = table.rows.get_mut(digest)
            && row.holders.get(repository).is_some_and(|holder| holder.is_there())
        {
            row.holders.remove(repository);
            row.changed.send_replace(());
        }
    }

    /// A manifest was not pushed: what was brought for it will not be committed by it.
    pub(crate) fn abandoned(&self, turn: Turn) {
        let mut table = self.lock();
        for row in table.rows.values_mut() {
            let before = row.holders.len();
            row.holders.retain(|_, holder| {
                let is_void = holder.state == State::Promised
                    || (holder.state == State::There && self.mount_needs_manifest);
                holder.turn != turn || !is_void
            });
            if row.holders.len() != before {
                row.changed.send_replace(());
            }
        }
    }

    fn can_mount_from(&self, holder: &Holder) -> bool {
        holder.state == State::Committed
            || (holder.state == State::There && !self.mount_needs_manifest)
    }

    fn is_worth_waiting_for(&self, holder: &Holder, turn: Turn) -> bool {
        !self.mount_needs_manifest || holder.turn < turn
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut table = self.board.lock();
        let Some(row) = table.rows.get_mut(&self.digest) else { return };
        match row.holders.get_mut(&self.repository) {
            // A manifest that was found meanwhile knows better.
            Some(holder) if holder.is_there() => {}
            Some(holder) if self.fulfilled => holder.state = State::There,
            _ => drop(row.holders.remove(&self.repository)),
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

    /// Among repositories that are all ours.
    fn claim<'b>(board: &'b Board, blob: &Digest, path: &RepositoryPath, turn: Turn) -> Claim<'b> {
        board.claim(blob, path, turn, &|_| Some(Between::Ours))
    }

    /// The turn of a manifest with one blob.
    fn turn(board: &Board, blob: &Digest, repository: &str) -> Turn {
        board.take_turn([blob].into_iter(), &path(repository))
    }

    #[test]
    fn the_first_repository_uploads_and_the_others_wait_and_mount() {
        let (board, blob) = (Board::new(false), Digest::of(b"layer"));
        let [first, second] = ["a", "b"].map(|repository| turn(&board, &blob, repository));
        assert_eq!(kind(&claim(&board, &blob, &path("b"), second)), "wait");
        let Claim::Upload(duty) = claim(&board, &blob, &path("a"), first) else {
            panic!("a leads")
        };
        assert_eq!(kind(&claim(&board, &blob, &path("a"), second)), "wait");
        let Claim::Wait(changed) = claim(&board, &blob, &path("b"), second) else {
            panic!("b waits")
        };
        assert!(!changed.has_changed().unwrap());
        duty.fulfil();
        assert!(changed.has_changed().unwrap());
        assert_eq!(kind(&claim(&board, &blob, &path("a"), second)), "nothing");
        assert_eq!(kind(&claim(&board, &blob, &path("b"), second)), "mount from a");
    }

    #[test]
    fn a_leader_that_fails_leaves_the_duty_to_the_next() {
        let (board, blob) = (Board::new(false), Digest::of(b"layer"));
        let [first, second] = ["a", "b"].map(|repository| turn(&board, &blob, repository));
        let Claim::Upload(duty) = claim(&board, &blob, &path("a"), first) else {
            panic!("a leads")
        };
        let Claim::Wait(changed) = claim(&board, &blob, &path("b"), second) else {
            panic!("b waits")
        };
        drop(duty);
        assert!(changed.has_changed().unwrap());
        assert_eq!(kind(&claim(&board, &blob, &path("b"), second)), "upload");
    }

    #[test]
    fn a_promise_is_void_when_its_turn_is_abandoned() {
        let (board, blob) = (Board::new(false), Digest::of(b"layer"));
        let [first, second] = ["a", "b"].map(|repository| turn(&board, &blob, repository));
        assert_eq!(kind(&claim(&board, &blob, &path("b"), second)), "wait");
        board.abandoned(first);
        assert_eq!(kind(&claim(&board, &blob, &path("b"), second)), "upload");
    }

    #[test]
    fn where_mounting_needs_the_manifest_followers_wait_for_it_but_never_in_a_circle() {
        let (board, blob) = (Board::new(true), Digest::of(b"layer"));
        let [early, leader, late] = ["a", "b", "c"].map(|repository| {
            let other = Digest::of(b"other");
            turn(&board, if repository == "a" { &other } else { &blob }, repository)
        });
        let Claim::Upload(duty) = claim(&board, &blob, &path("b"), leader) else {
            panic!("b leads")
        };
        duty.fulfil();
        assert_eq!(kind(&claim(&board, &blob, &path("c"), late)), "wait");
        assert_eq!(kind(&claim(&board, &blob, &path("a"), early)), "upload");
        board.committed([&blob].into_iter(), &path("b"));
        assert_eq!(kind(&claim(&board, &blob, &path("c"), late)), "mount from b");
    }

    #[test]
    fn manifests_that_share_several_blobs_have_one_leader_for_all_of_them() {
        let (board, one, two) = (Board::new(true), Digest::of(b"1"), Digest::of(b"2"));
        let first = board.take_turn([&one, &two].into_iter(), &path("a"));
        let second = board.take_turn([&two, &one].into_iter(), &path("b"));
        for blob in [&two, &one] {
            assert_eq!(kind(&claim(&board, blob, &path("b"), second)), "wait");
            assert_eq!(kind(&claim(&board, blob, &path("a"), first)), "upload");
        }
    }

    #[test]
    fn nobody_waits_for_a_manifest_that_has_failed() {
        let (board, blob) = (Board::new(true), Digest::of(b"layer"));
        let [first, second] = ["a", "c"].map(|repository| turn(&board, &blob, repository));
        let Claim::Upload(duty) = claim(&board, &blob, &path("a"), first) else {
            panic!("a leads")
        };
        duty.fulfil();
        let Claim::Wait(changed) = claim(&board, &blob, &path("c"), second) else {
            panic!("c waits")
        };
        board.abandoned(first);
        assert!(changed.has_changed().unwrap());
        assert_eq!(kind(&claim(&board, &blob, &path("c"), second)), "upload");
    }

    #[test]
    fn what_the_registry_denies_having_is_brought_again() {
        let (board, blob) = (Board::new(false), Digest::of(b"layer"));
        board.committed([&blob].into_iter(), &path("a"));
        let turn = turn(&board, &blob, "a");
        assert_eq!(kind(&claim(&board, &blob, &path("a"), turn)), "nothing");
        board.forget(&blob, &path("a"));
        assert_eq!(kind(&claim(&board, &blob, &path("a"), turn)), "upload");
    }

    #[test]
    fn a_duty_that_fails_does_not_undo_what_a_manifest_has_shown_to_be_there() {
        let (board, blob) = (Board::new(false), Digest::of(b"layer"));
        let turn = turn(&board, &blob, "a");
        let Claim::Upload(duty) = claim(&board, &blob, &path("a"), turn) else { panic!("a leads") };
        board.committed([&blob].into_iter(), &path("a"));
        drop(duty);
        assert_eq!(kind(&claim(&board, &blob, &path("a"), turn)), "nothing");
    }

    #[test]
    fn one_of_ours_is_waited_for_before_a_stranger_is_asked_and_who_refuses_is_not_asked_at_all() {
        let (board, blob) = (Board::new(false), Digest::of(b"layer"));
        let [theirs, ours, late] =
            ["a/1", "b/1", "b/2"].map(|repository| turn(&board, &blob, repository));
        let between = |from: &RepositoryPath| match from.as_str().starts_with("b/") {
            true => Some(Between::Ours),
            false => Some(Between::Strangers),
        };
        let ask = |turn, repository: &str| board.claim(&blob, &path(repository), turn, &between);
        let Claim::Upload(duty) = ask(theirs, "a/1") else { panic!("the first leads") };
        assert_eq!(kind(&ask(ours, "b/1")), "wait");
        let refusing = |from: &RepositoryPath| between(from).filter(|sort| *sort == Between::Ours);
        assert_eq!(kind(&board.claim(&blob, &path("b/1"), ours, &refusing)), "upload");
        duty.fulfil();
        let Claim::Mount { between: Between::Strangers, duty, .. } = ask(ours, "b/1") else {
            panic!("nobody else has it")
        };
        assert_eq!(kind(&ask(late, "b/2")), "wait");
        duty.fulfil();
        assert_eq!(kind(&ask(late, "b/2")), "mount from b/1");
    }
}
