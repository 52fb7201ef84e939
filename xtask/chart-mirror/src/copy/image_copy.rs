//! `ImageCopy`: the copy of one image, with both repositories and its counters.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::copied::Counters;
use super::options::ExistingContent;
use super::run::Run;
use crate::plan::Transfer;
use oci::{Digest, RepositoryPath, TooLarge, limits};
use registry::{Error, RemoteRepository};

pub(super) struct ImageCopy {
    pub(super) run: Arc<Run>,
    /// The position of the image in the run.
    pub(super) number: usize,
    pub(super) transfer: Transfer,
    pub(super) source: RemoteRepository,
    pub(super) destination: RemoteRepository,
    counters: Mutex<Counters>,
    /// The manifests below the image's own. The cell of each ensures that it is copied once.
    children: Mutex<HashMap<(Digest, ExistingContent), Once>>,
}

/// Filled when the manifest is at the destination.
type Once = Arc<OnceCell<()>>;

impl ImageCopy {
    pub(super) fn new(
        run: Arc<Run>,
        number: usize,
        transfer: Transfer,
        source: RemoteRepository,
        destination: RemoteRepository,
    ) -> Self {
        let (counters, children) = (Mutex::default(), Mutex::default());
        Self { run, number, transfer, source, destination, counters, children }
    }

    /// The repository at the destination.
    pub(super) fn target(&self) -> &RepositoryPath {
        &self.destination.path
    }

    /// Waits until the repository at the destination exists, if this run creates repositories.
    pub(super) async fn repository_ready(&self) -> Result<(), Error> {
        match &self.run.repositories {
            Some(repositories) => repositories.ready(self.target()).await,
            None => Ok(()),
        }
    }

    /// Adds what is known about the repository to the error of a push.
    pub(super) fn explain(&self, error: Error) -> Error {
        match &self.run.repositories {
            Some(repositories) => repositories.explain(self.target(), error),
            None => error,
        }
    }

    /// Whether the policy requires a signature of the image.
    pub(super) fn needs_signature(&self) -> bool {
        self.run.signatures.keys_for(&self.transfer.source_reference()).is_some()
    }

    pub(super) fn count(&self, update: impl FnOnce(&mut Counters)) {
        update(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The cell of a child manifest.
    pub(super) fn child(
        &self,
        digest: &Digest,
        existing: ExistingContent,
    ) -> Result<Once, TooLarge> {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (digest.clone(), existing);
        if !children.contains_key(&key) {
            limits::check_count(children.len() + 1)?;
        }
        Ok(Arc::clone(children.entry(key).or_default()))
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
