//! `UploadTurns`: while a registry fails on the uploads to a repository, one of them is repeated at a time. The first
//! that succeeds lets all others go on, and the first that ends its retries fails them: their image cannot be complete
//! without it. So a registry that fails on everything does not cost a read of the source for each retry of each blob.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Error;
use crate::lock::lock;
use oci::RepositoryPath;

/// The repositories that uploads have failed in, and not succeeded since.
#[derive(Default)]
pub(crate) struct UploadTurns(Mutex<HashMap<RepositoryPath, Arc<Failing>>>);

/// One of them.
struct Failing {
    /// Closed when it is known how it ends.
    turn: Arc<Semaphore>,
    given_up: OnceLock<Error>,
}

/// The upload that has this is repeated; the others wait until it is dropped or the repository has recovered.
pub(crate) struct UploadTurn(
    #[expect(dead_code, reason = "held until dropped")] OwnedSemaphorePermit,
);

impl UploadTurns {
    /// Waits to repeat an upload that the registry failed on. `None`: another one has succeeded in the meantime.
    ///
    /// # Errors
    /// With the error of an upload to the same repository that has ended its retries.
    pub(crate) async fn take(
        &self,
        repository: &RepositoryPath,
    ) -> Result<Option<UploadTurn>, Error> {
        let failing = {
            let mut all = lock(&self.0);
            Arc::clone(all.entry(repository.clone()).or_insert_with(|| {
                let (turn, given_up) = (Arc::new(Semaphore::new(1)), OnceLock::new());
                Arc::new(Failing { turn, given_up })
            }))
        };
        let turn = Arc::clone(&failing.turn).acquire_owned().await;
        match (turn, failing.given_up.get()) {
            (_, Some(error)) => Err(error.clone()),
            (Ok(turn), None) => Ok(Some(UploadTurn(turn))),
            (Err(_), None) => Ok(None),
        }
    }

    /// An upload to a repository has succeeded.
    pub(crate) fn succeeded(&self, repository: &RepositoryPath) {
        if let Some(failing) = lock(&self.0).remove(repository) {
            failing.turn.close();
        }
    }

    /// The upload whose turn it was has ended its retries.
    pub(crate) fn give_up(&self, repository: &RepositoryPath, error: &Error) {
        if let Some(failing) = lock(&self.0).get(repository) {
            drop(failing.given_up.set(error.clone()));
            failing.turn.close();
        }
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
        let first = turns.take(&a).await.unwrap();
        assert!(first.is_some() && turns.take(&b).await.unwrap().is_some());
        let succeeds = async {
            tokio::task::yield_now().await;
            turns.succeeded(&a);
        };
        let (second, third, ()) = tokio::join!(turns.take(&a), turns.take(&a), succeeds);
        assert!(second.unwrap().is_none() && third.unwrap().is_none());
        // It may fail again.
        assert!(turns.take(&a).await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_its_retries_fails_those_that_wait_until_one_succeeds() {
        let turns = UploadTurns::default();
        let (a, b) = (path("a"), path("b"));
        let first = turns.take(&a).await.unwrap();
        let ends = async {
            tokio::task::yield_now().await;
            turns.give_up(&a, &error());
            drop(first);
        };
        let (second, ()) = tokio::join!(turns.take(&a), ends);
        assert!(second.is_err() && turns.take(&a).await.is_err());
        assert!(turns.take(&b).await.unwrap().is_some());
        turns.succeeded(&a);
        assert!(turns.take(&a).await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_ends_otherwise_is_followed_by_the_next() {
        let turns = UploadTurns::default();
        let a = path("a");
        let first = turns.take(&a).await.unwrap();
        let ends = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        let (second, ()) = tokio::join!(turns.take(&a), ends);
        assert!(second.unwrap().is_some());
    }
}
