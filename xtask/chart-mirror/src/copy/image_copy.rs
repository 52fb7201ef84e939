//! `ImageCopy`: the copy of one image, with both repositories and its counters.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::content::{ContentRecord, ImageContent};
use super::content_keys::{ContentKey, ContentKeys};
use super::copied::Counters;
use super::options::{Effects, ExistingContent};
use super::run::Run;
use crate::plan::Transfer;
use oci::{Descriptor, Digest, Manifest, RepositoryPath, TooLarge, limits};
use registry::{Error, ManifestName, Pushed, ReadBack, RemoteRepository};

pub(super) struct ImageCopy {
    pub(super) run: Arc<Run>,
    /// The position of the image in the run.
    pub(super) number: usize,
    pub(super) transfer: Transfer,
    pub(super) keys: ContentKeys,
    pub(super) source: RemoteRepository,
    pub(super) destination: RemoteRepository,
    /// What other destinations may wait for.
    expected: Mutex<Vec<ContentKey>>,
    counters: Mutex<Counters>,
    /// `None` if it is not recorded.
    content: Mutex<Option<ImageContent>>,
    /// The manifests below the image's own. The cell of each ensures that it is copied once.
    children: Mutex<HashMap<ExistingContent, HashMap<Digest, Once>>>,
}

/// Filled when the manifest is at the destination.
pub(super) type Once = Arc<OnceCell<()>>;

impl ImageCopy {
    pub(super) fn new(
        run: Arc<Run>,
        number: usize,
        transfer: Transfer,
        source: RemoteRepository,
        destination: RemoteRepository,
    ) -> Self {
        let content = match run.options.content {
            ContentRecord::Kept => Some(ImageContent::new()),
            ContentRecord::Dropped => None,
        };
        let (counters, children) = (Mutex::default(), Mutex::default());
        let content = Mutex::new(content);
        let keys = ContentKeys::new(&transfer, &run.options);
        let expected = Mutex::new(keys.at_first());
        Self {
            run,
            number,
            transfer,
            keys,
            source,
            destination,
            expected,
            counters,
            content,
            children,
        }
    }

    /// The content that this copy still needs, as far as it is known.
    pub(super) fn expected(&self) -> Vec<ContentKey> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets other destinations know that only these entries of the image's index are copied.
    pub(super) fn needs_only(&self, selected: &[Descriptor]) {
        let to = self.keys.selected(selected.iter().map(|child| &child.digest));
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        self.run.reads.narrow(&self.destination.host.name, &expected, &to);
        *expected = to;
    }

    /// The repository at the destination.
    pub(super) fn target(&self) -> &RepositoryPath {
        &self.destination.path
    }

    /// Whether nothing is written.
    pub(super) fn is_only_planned(&self) -> bool {
        self.run.options.effects == Effects::Planned
    }

    /// Pushes a manifest, or counts it.
    pub(super) async fn push_manifest(
        &self,
        name: &ManifestName,
        manifest: &Manifest,
        read_back: ReadBack,
    ) -> Result<Pushed, Error> {
        let pushed = match self.is_only_planned() {
            // Whatever lists referrers would be part of the push.
            true => Pushed { subject_is_tracked: true },
            false => self.destination.push_manifest(name, manifest, read_back).await?,
        };
        self.count(|counters| counters.manifests += 1);
        Ok(pushed)
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

    /// Records what the image consists of, if the report needs that.
    pub(super) fn record(&self, update: impl FnOnce(&mut ImageContent)) {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = content.as_mut() {
            update(content);
        }
    }

    /// Ends the record.
    pub(super) fn take_content(&self) -> Option<ImageContent> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The distinct children of a manifest, each with its cell. None is reserved if there are too many.
    pub(super) fn children(
        &self,
        manifest: &Manifest,
        existing: ExistingContent,
    ) -> Result<Vec<(Digest, Once)>, TooLarge> {
        let mut all = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(existing).or_default();
        let mut seen = HashSet::new();
        let digests = manifest.manifests.iter().map(|child| &child.digest);
        let distinct: Vec<&Digest> = digests.filter(|digest| seen.insert(*digest)).collect();
        let new = distinct.iter().filter(|digest| !known.contains_key(**digest)).count();
        limits::check_count(known.len() + new)?;
        let cell = |digest: &Digest| Arc::clone(known.entry(digest.clone()).or_default());
        let cells: Vec<Once> = distinct.iter().copied().map(cell).collect();
        Ok(distinct.into_iter().cloned().zip(cells).collect())
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
