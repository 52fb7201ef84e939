//! `SharedReads`: several destinations that need a blob read it from its source once.
//!
//! A destination that is ready to receive a blob waits until each other one has settled whether it needs the blob,
//! too: it joins, it has the blob, or it is done with the image. Then all that have joined share one read. A
//! destination that keeps the others waiting for long is behind from then on, and reads alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;

use super::content_keys::ContentKey;
use super::copied::Amount;
use super::gatherings::{PATIENCE, READS_WHEN_BEHIND, Role, Table};
use oci::{Descriptor, Digest, Registry};
use registry::shared_read::{Pace, Tap, share};
use registry::transfer::ReadTurns;
use registry::{Host, RemoteRepository};

/// In bytes. The queue of the source has few places for blobs above it.
const LARGE: u64 = 1 << 20;

/// The reads of a run. With one destination, every blob is read alone.
pub(super) struct SharedReads {
    destinations: usize,
    table: Mutex<Table>,
    reads: Mutex<SourceReads>,
}

/// What was read from the sources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct SourceReads {
    /// The distinct blobs that were read.
    pub read: Amount,
    /// Blobs that were read once more, because a destination was behind or an upload failed.
    pub read_again: Amount,
}

impl std::ops::Add for SourceReads {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (mut read, mut read_again) = (self.read, self.read_again);
        read += other.read;
        read_again += other.read_again;
        Self { read, read_again }
    }
}

impl SharedReads {
    /// For a run with these destinations, each image of which is copied to some of them.
    pub(super) fn new(destinations: impl IntoIterator<Item = Registry>) -> Arc<Self> {
        let table = Table::new(destinations);
        Arc::new(Self {
            destinations: table.len(),
            table: Mutex::new(table),
            reads: Mutex::default(),
        })
    }

    pub(super) fn has_several_destinations(&self) -> bool {
        self.destinations > 1
    }

    /// Content will be copied to a destination.
    pub(super) fn expect(&self, destination: &Registry, keys: &[ContentKey]) {
        if self.has_several_destinations() {
            self.lock().expect(destination, keys);
        }
    }

    /// A destination needs only some of what was expected.
    pub(super) fn narrow(&self, destination: &Registry, from: &[ContentKey], to: &[ContentKey]) {
        if self.has_several_destinations() {
            let table = &mut *self.lock();
            table.expect(destination, to);
            table.ended(destination, from);
        }
    }

    /// The copy of an image to a destination has ended, in whatever way.
    pub(super) fn image_ended(&self, destination: &Registry, keys: &[ContentKey]) {
        if self.has_several_destinations() {
            self.lock().image_ended(destination, keys);
        }
    }

    /// A destination has a blob, or could not get it.
    pub(super) fn settle(&self, destination: &Registry, blob: &Digest) {
        if self.has_several_destinations() {
            self.lock().settle(destination, blob);
        }
    }

    /// Waits for the destinations that need the blob, too, and begins to read it with them. `None`: this destination
    /// reads it alone.
    pub(super) async fn join(
        self: &Arc<Self>,
        source: &RemoteRepository,
        destination: &Arc<Host>,
        blob: &Descriptor,
        needed_by: &[ContentKey],
    ) -> Option<Tap> {
        if !self.has_several_destinations() {
            return None;
        }
        let role = self.lock().join(destination, &blob.digest, needed_by);
        let tap = match role {
            Role::Alone => return None,
            Role::Joins(tap) => tap,
            Role::Leads(changed, tap) => {
                self.gather(&blob.digest, &changed).await;
                self.begin(source, blob).await;
                tap
            }
        };
        tap.await.ok()
    }

    /// A blob was requested from its source.
    fn record(&self, blob: &Descriptor) {
        let is_read_again = self.lock().is_read_again(&blob.digest);
        let SourceReads { read, read_again } = &mut *self.reads();
        if is_read_again { read_again } else { read }.add_blob(blob.size);
    }

    pub(super) fn source_reads(&self) -> SourceReads {
        *self.reads()
    }

    /// Waits until every destination that keeps up has settled whether it needs the blob.
    async fn gather(&self, blob: &Digest, changed: &Notify) {
        let mut deadline = Instant::now() + PATIENCE;
        while self.lock().awaits_any(blob) {
            if tokio::time::timeout_at(deadline, changed.notified()).await.is_err() {
                deadline = self.lock().leave_behind_awaited(blob) + PATIENCE;
            }
        }
    }

    /// Ends the gathering for a blob, and gives each destination its tap. One that is alone gets none.
    async fn begin(self: &Arc<Self>, source: &RemoteRepository, blob: &Descriptor) {
        let Some(gathering) = self.lock().begin(&blob.digest) else { return };
        if gathering.joined.len() < 2 {
            return;
        }
        let (hosts, taps): (Vec<_>, Vec<_>) = gathering.joined.into_iter().unzip();
        let shared = share(source, &hosts, blob, Arc::clone(self) as Arc<dyn Pace>).await;
        self.record(blob);
        if shared.iter().any(Option::is_some) {
            let late = hosts.iter().zip(&shared).filter(|(_, tap)| tap.is_none());
            self.lock().leave_behind(late.map(|(host, _)| host.name.clone()).collect());
        }
        for (waits, tap) in taps.into_iter().zip(shared) {
            if let Some(tap) = tap {
                // If it does not wait any more, the tap is dropped, and the others go on.
                drop(waits.send(tap));
            }
        }
    }

    fn reads(&self) -> MutexGuard<'_, SourceReads> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reads of one blob for one destination.
pub(super) struct LoneReads<'a> {
    pub(super) reads: &'a SharedReads,
    pub(super) destination: &'a Registry,
    pub(super) blob: &'a Descriptor,
}

impl ReadTurns for LoneReads<'_> {
    /// A destination that keeps up does not wait. For one that is behind, a large blob takes all places.
    fn next(&self) -> BoxFuture<'_, Option<OwnedSemaphorePermit>> {
        Box::pin(async {
            let Self { reads, destination, blob } = self;
            if !reads.has_several_destinations() {
                return None;
            }
            let places = reads.lock().places_when_behind(destination);
            let taken = if blob.size > LARGE { READS_WHEN_BEHIND } else { 1 };
            let turn = match places {
                Some(places) => places.acquire_many_owned(taken as u32).await.ok(),
                None => None,
            };
            reads.record(blob);
            turn
        })
    }
}

impl Pace for SharedReads {
    fn keeps_up(&self, destination: &Registry) -> bool {
        !self.lock().is_behind(destination)
    }

    fn held_up(&self, destination: &Registry, waited: Duration, of: Duration) {
        self.lock().held_up(destination, waited, of);
    }
}
