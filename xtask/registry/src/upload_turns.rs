//! `UploadTurns`: while a registry fails on the uploads to a repository, one of them is repeated at a time, the smallest
//! that waits. The first that succeeds, or fails in another way, lets all others go on, and the first that ends its
//! retries fails them: their image cannot be complete without it. So a registry that fails on everything does not cost a read of the source for each
//! retry of each blob.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::error::Error;
use crate::lock::lock;
use oci::RepositoryPath;

/// The repositories that uploads have failed in, and not succeeded since.
#[derive(Default)]
pub(crate) struct UploadTurns(Mutex<HashMap<RepositoryPath, Arc<Failing>>>);

/// One of them.
#[derive(Default)]
struct Failing {
    turns: Mutex<Turns>,
    changed: Notify,
}

#[derive(Default)]
struct Turns {
    /// The uploads that wait: the size of the blob in bytes, and a number.
    waiting: BTreeSet<(u64, u64)>,
    next_number: u64,
    is_taken: bool,
    end: Option<End>,
}

/// How it ended.
enum End {
    Recovered,
    GivenUp(Error),
}

/// The upload that has this is repeated; the others wait until it is dropped or the repository has recovered.
pub(crate) struct UploadTurn(Arc<Failing>);

/// Stops waiting when it is dropped.
struct Waiting<'a> {
    failing: &'a Failing,
    upload: (u64, u64),
}

impl UploadTurns {
    /// Waits to repeat the upload of a blob of `size` bytes, which the registry failed on. An upload that `held` the turn
    /// leaves it to a smaller one, which shows the same for less. `None`: all may go on.
    ///
    /// # Errors
    /// With the error of an upload to the same repository that has ended its retries.
    pub(crate) async fn take(
        &self,
        repository: &RepositoryPath,
        size: u64,
        held: Option<UploadTurn>,
    ) -> Result<Option<UploadTurn>, Error> {
        let failing = Arc::clone(lock(&self.0).entry(repository.clone()).or_default());
        let waiting = Waiting::new(&failing, size, held.as_ref());
        drop(held);
        loop {
            let changed = failing.changed.notified();
            {
                let turns = &mut *lock(&failing.turns);
                match &turns.end {
                    Some(End::Recovered) => return Ok(None),
                    Some(End::GivenUp(error)) => return Err(error.clone()),
                    None if !turns.is_taken && turns.waiting.first() == Some(&waiting.upload) => {
                        turns.is_taken = true;
                        break;
                    }
                    None => {}
                }
            }
            changed.await;
        }
        drop(waiting);
        Ok(Some(UploadTurn(failing)))
    }

    /// The registry does not fail on uploads to a repository any more: all that wait go on.
    pub(crate) fn release(&self, repository: &RepositoryPath) {
        if let Some(failing) = lock(&self.0).remove(repository) {
            failing.end(End::Recovered);
        }
    }

    /// The upload whose turn it was has ended its retries.
    pub(crate) fn give_up(&self, repository: &RepositoryPath, error: &Error) {
        if let Some(failing) = lock(&self.0).get(repository) {
            failing.end(End::GivenUp(error.clone()));
        }
    }
}

impl Failing {
    fn end(&self, end: End) {
        lock(&self.turns).end.get_or_insert(end);
        self.changed.notify_waiters();
    }
}

impl<'a> Waiting<'a> {
    /// An upload that held the turn is before others of the same size.
    fn new(failing: &'a Failing, size: u64, held: Option<&UploadTurn>) -> Self {
        let turns = &mut *lock(&failing.turns);
        turns.next_number += 1;
        let number = held.map_or(turns.next_number, |_| 0);
        let upload = (size, number);
        turns.waiting.insert(upload);
        Self { failing, upload }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.failing.turns).waiting.remove(&self.upload);
        self.failing.changed.notify_waiters();
    }
}

impl Drop for UploadTurn {
    fn drop(&mut self) {
        lock(&self.0.turns).is_taken = false;
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Cause, Side};

    fn path(name: &str) -> RepositoryPath {
        name.parse().unwrap()
    }

    fn error() -> Error {
        Error::new(Side::Destination, "push blob", Cause::Internal("it fails".to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn one_upload_is_repeated_at_a_time_and_its_success_lets_all_go_on() {
        let turns = UploadTurns::default();
        let (a, b) = (path("a"), path("b"));
        let first = turns.take(&a, 1, None).await.unwrap();
        assert!(first.is_some() && turns.take(&b, 1, None).await.unwrap().is_some());
        let succeeds = async {
            tokio::task::yield_now().await;
            turns.release(&a);
        };
        let (second, third, ()) =
            tokio::join!(turns.take(&a, 1, None), turns.take(&a, 1, None), succeeds);
        assert!(second.unwrap().is_none() && third.unwrap().is_none());
        // It may fail again.
        assert!(turns.take(&a, 1, None).await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_its_retries_fails_those_that_wait_until_one_succeeds() {
        let turns = UploadTurns::default();
        let (a, b) = (path("a"), path("b"));
        let first = turns.take(&a, 1, None).await.unwrap();
        let ends = async {
            tokio::task::yield_now().await;
            turns.give_up(&a, &error());
            drop(first);
        };
        let (second, ()) = tokio::join!(turns.take(&a, 1, None), ends);
        assert!(second.is_err() && turns.take(&a, 1, None).await.is_err());
        assert!(turns.take(&b, 1, None).await.unwrap().is_some());
        turns.release(&a);
        assert!(turns.take(&a, 1, None).await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_ends_otherwise_is_followed_by_the_smallest_that_still_waits() {
        let turns = UploadTurns::default();
        let a = path("a");
        let first = turns.take(&a, 1, None).await.unwrap();
        let order = Mutex::new(Vec::new());
        let upload = async |size| {
            let turn = turns.take(&a, size, None).await.unwrap();
            lock(&order).push(size);
            assert!(turn.is_some());
        };
        let gives_up_waiting = async {
            let mut waits = std::pin::pin!(turns.take(&a, 2, None));
            assert!(futures_util::poll!(waits.as_mut()).is_pending());
        };
        let ends = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        tokio::join!(upload(7), gives_up_waiting, upload(5), upload(6), ends);
        assert_eq!(*lock(&order), [5, 6, 7]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_leaves_its_turn_to_a_smaller_one_and_keeps_it_otherwise() {
        let turns = UploadTurns::default();
        let a = path("a");
        let held = turns.take(&a, 5, None).await.unwrap();
        let held = turns.take(&a, 5, held).await.unwrap();
        assert!(held.is_some());
        let (mut smaller, mut same) =
            (Box::pin(turns.take(&a, 4, None)), Box::pin(turns.take(&a, 5, None)));
        assert!(futures_util::poll!(&mut smaller).is_pending());
        assert!(futures_util::poll!(&mut same).is_pending());
        let mut again = Box::pin(turns.take(&a, 5, held));
        assert!(futures_util::poll!(&mut again).is_pending());
        drop(smaller.await.unwrap());
        assert!(futures_util::poll!(&mut same).is_pending());
        assert!(again.await.unwrap().is_some());
        assert!(same.await.unwrap().is_some());
    }
}
