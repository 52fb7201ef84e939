//! `Snapshot`: the manifests that were read from a host, so that several readers of the same images send the
//! requests of one, and see the same content.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use reqwest::{StatusCode, Url};
use tokio::sync::OnceCell;

use super::request::BufferedResponse;
use crate::error::Error;
use crate::lock::lock;

/// The bytes of manifests that are kept for readers who need them at about the same time.
const RECENT: usize = 8 << 20;

/// Whether the manifests of the sources are kept in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SourceManifests {
    #[default]
    ReadEachTime,
    /// For the rest of the run.
    ReadOnce,
    /// The most recent ones, for several destinations that are filled at the same time.
    Shared,
}

/// Responses to requests for manifests, by their addresses: those with a manifest, and those about one that is
/// not there.
pub(crate) struct Snapshot {
    /// Most bytes.
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    responses: HashMap<Url, Slot>,
    /// The complete ones, the oldest first, with their sizes.
    order: VecDeque<(Url, usize)>,
    bytes: usize,
}

/// Empty until the response has arrived. Those who wait for it get its error, too.
type Slot = Arc<OnceCell<Result<BufferedResponse, Error>>>;

impl Snapshot {
    pub(crate) fn of(manifests: SourceManifests) -> Option<Self> {
        let limit = match manifests {
            SourceManifests::ReadEachTime => return None,
            SourceManifests::ReadOnce => usize::MAX,
            SourceManifests::Shared => RECENT,
        };
        Some(Self { limit, kept: Mutex::default() })
    }

    /// The response that was kept, or that is on its way; otherwise the one of this request.
    pub(crate) async fn read(
        &self,
        url: &Url,
        request: impl Future<Output = Result<BufferedResponse, Error>>,
    ) -> Result<BufferedResponse, Error> {
        let slot = Arc::clone(lock(&self.kept).responses.entry(url.clone()).or_default());
        let mut is_new = false;
        let request = async {
            is_new = true;
            request.await
        };
        let response = slot.get_or_init(|| request).await.clone();
        if is_new {
            lock(&self.kept).settle(url, &response, self.limit);
        }
        response
    }

    /// Replaces what was kept.
    pub(crate) fn replace(&self, url: &Url, response: &BufferedResponse) {
        let kept = &mut *lock(&self.kept);
        let response = Ok(response.clone());
        let slot = Slot::new(OnceCell::new_with(Some(response.clone())));
        kept.responses.insert(url.clone(), slot);
        kept.settle(url, &response, self.limit);
    }

    /// Whether a response is there.
    pub(crate) fn has(&self, url: &Url) -> bool {
        lock(&self.kept).responses.get(url).is_some_and(|slot| slot.initialized())
    }
}

impl Kept {
    /// Counts a response that has arrived. One that the next reader should request again is removed, and so are
    /// the oldest ones if there are too many.
    fn settle(&mut self, url: &Url, response: &Result<BufferedResponse, Error>, limit: usize) {
        let is_kept = |response: &&BufferedResponse| {
            response.status.is_success() || response.status == StatusCode::NOT_FOUND
        };
        let Some(response) = response.as_ref().ok().filter(is_kept) else {
            self.responses.remove(url);
            return;
        };
        self.bytes += response.body.len();
        self.order.push_back((url.clone(), response.body.len()));
        while self.bytes > limit
            && let Some((oldest, size)) = self.order.pop_front()
        {
            self.bytes -= size;
            self.responses.remove(&oldest);
        }
    }
}
