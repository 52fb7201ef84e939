//! `SharedReads`: several destinations that need a blob read it from its source once.
//!
//! A destination that is ready to receive a blob waits until each other one has settled whether it needs the blob,
//! too: it joins, it has the blob, or it is done with the image. Then all that have joined share one read. A
//! destination that keeps the others waiting for long is behind from then on, and reads alone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::content_keys::ContentKey;
use super::copied::Amount;
use oci::{Descriptor, Digest, Registry};
use registry::shared_read::{PATIENCE_FOR_QUEUE, Pace, Tap, share};
use registry::{Host, RemoteRepository};

/// How long the others wait until a destination has settled whether it needs a blob.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a destination may fall behind and catch up again.
const CHANCES: u32 = 3;
/// A destination that has ended almost as many images as the fastest one has caught up.
const CAUGHT_UP: usize = 8;
/// How many blobs a destination that is behind reads at once, so that its requests leave the queue of the source
/// to the others.
const READS_WHEN_BEHIND: usize = 8;
/// In bytes. The queue of the source has few places for blobs above it.
const LARGE: u64 = 1 << 20;

/// The reads of a run. With one destination, every blob is read alone.
pub(super) struct SharedReads {
    destinations: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    destinations: HashMap<Registry, Destination>,
    blobs: HashMap<Digest, Blob>,
    gatherings: HashMap<Digest, Gathering>,
    reads: SourceReads,
}

#[derive(Default)]
struct Blob {
    /// The destinations that have it, or have joined a read.
    settled: HashSet<Registry>,
    was_read: bool,
}

struct Destination {
    /// The copies that have not ended, by what they need.
    open: HashMap<ContentKey, usize>,
    ended: usize,
    is_behind: bool,
    fell_behind: u32,
    /// How long others waited for it during shared reads, and how long those took.
    held_up: Duration,
    shared: Duration,
    alone: Arc<Semaphore>,
}

/// Destinations that will share the read of a blob.
struct Gathering {
    needed_by: Vec<ContentKey>,
    joined: Vec<(Arc<Host>, oneshot::Sender<Tap>)>,
    changed: Arc<Notify>,
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

/// How a destination takes part in a gathering.
enum Role {
    Alone,
    /// Gets its tap from the one that leads.
    Joins(oneshot::Receiver<Tap>),
    Leads(Arc<Notify>, oneshot::Receiver<Tap>),
}

impl SharedReads {
    /// For a run with these destinations, each image of which is copied to some of them.
    pub(super) fn new(destinations: impl IntoIterator<Item = Registry>) -> Arc<Self> {
        let destination = |name| {
            let destination = Destination {
                open: HashMap::new(),
                ended: 0,
                is_behind: false,
                fell_behind: 0,
                held_up: Duration::ZERO,
                shared: Duration::ZERO,
                alone: Arc::new(Semaphore::new(READS_WHEN_BEHIND)),
            };
            (name, destination)
        };
        let table = Table {
            destinations: destinations.into_iter().map(destination).collect(),
            ..Table::default()
        };
        Arc::new(Self { destinations: table.destinations.len(), table: Mutex::new(table) })
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
        if !self.has_several_destinations() {
            return;
        }
        let table = &mut *self.lock();
        let most = table.destinations.values().map(|one| one.ended).max().unwrap_or_default();
        let Some(state) = table.destinations.get_mut(destination) else { return };
        state.ended += 1;
        if state.ended + CAUGHT_UP > most && state.fell_behind < CHANCES {
            state.is_behind = false;
        }
        table.ended(destination, keys);
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

    /// The permit of a destination that is behind to read a blob alone; `None` for one that keeps up. A large blob
    /// takes all of its places.
    pub(super) async fn alone(
        &self,
        destination: &Registry,
        size: u64,
    ) -> Option<OwnedSemaphorePermit> {
        if !self.has_several_destinations() {
            return None;
        }
        let places = {
            let table = self.lock();
            let state = table.destinations.get(destination).filter(|one| one.is_behind)?;
            Arc::clone(&state.alone)
        };
        let taken = if size > LARGE { READS_WHEN_BEHIND } else { 1 };
        places.acquire_many_owned(taken as u32).await.ok()
    }

    /// A blob was requested this often from its source.
    pub(super) fn record(&self, blob: &Descriptor, times: u32) {
        if !self.has_several_destinations() {
            return;
        }
        let table = &mut *self.lock();
        for _ in 0..times {
            let state = table.blobs.entry(blob.digest.clone()).or_default();
            let was_read = std::mem::replace(&mut state.was_read, true);
            let Table { reads: SourceReads { read, read_again }, .. } = table;
            if was_read { read_again } else { read }.add_blob(blob.size);
        }
    }

    pub(super) fn source_reads(&self) -> SourceReads {
        self.lock().reads
    }

    /// Waits until every destination that keeps up has settled whether it needs the blob.
    async fn gather(&self, blob: &Digest, changed: &Notify) {
        let deadline = Instant::now() + PATIENCE;
        while self.lock().awaits_any(blob) {
            if tokio::time::timeout_at(deadline, changed.notified()).await.is_err() {
                self.lock().leave_behind_all_awaited(blob);
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
        self.record(blob, 1);
        let is_any_ready = shared.iter().any(Option::is_some);
        for ((host, waits), tap) in hosts.iter().zip(taps).zip(shared) {
            match tap {
                // If it does not wait any more, the tap is dropped, and the others go on.
                Some(tap) => drop(waits.send(tap)),
                None if is_any_ready => {
                    self.held_up(&host.name, PATIENCE_FOR_QUEUE, PATIENCE_FOR_QUEUE);
                }
                None => {}
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace for SharedReads {
    fn keeps_up(&self, destination: &Registry) -> bool {
        !self.lock().destinations.get(destination).is_some_and(|it| it.is_behind)
    }

    fn held_up(&self, destination: &Registry, waited: Duration, of: Duration) {
        let table = &mut *self.lock();
        let Some(state) = table.destinations.get_mut(destination) else { return };
        state.held_up += waited;
        state.shared += of;
        if state.held_up >= PATIENCE && state.held_up * 4 > state.shared * 3 {
            table.falls_behind(destination);
        }
    }
}

impl Table {
    fn expect(&mut self, destination: &Registry, keys: &[ContentKey]) {
        let Some(state) = self.destinations.get_mut(destination) else { return };
        for key in keys {
            *state.open.entry(Arc::clone(key)).or_default() += 1;
        }
    }

    fn ended(&mut self, destination: &Registry, keys: &[ContentKey]) {
        let Some(state) = self.destinations.get_mut(destination) else { return };
        for key in keys {
            if let Some(count) = state.open.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    state.open.remove(key);
                }
            }
        }
        let is_concerned =
            |gathering: &&Gathering| keys.iter().any(|key| gathering.needed_by.contains(key));
        let concerned = self.gatherings.values().filter(is_concerned);
        concerned.for_each(|gathering| gathering.changed.notify_one());
    }

    fn settle(&mut self, destination: &Registry, blob: &Digest) {
        let settled = &mut self.blobs.entry(blob.clone()).or_default().settled;
        if settled.insert(destination.clone())
            && let Some(gathering) = self.gatherings.get(blob)
        {
            gathering.changed.notify_one();
        }
    }

    fn join(&mut self, destination: &Arc<Host>, blob: &Digest, needed_by: &[ContentKey]) -> Role {
        let is_behind = self.destinations.get(&destination.name).is_none_or(|it| it.is_behind);
        self.settle(&destination.name, blob);
        if is_behind {
            return Role::Alone;
        }
        let (sender, tap) = oneshot::channel();
        let joining = (Arc::clone(destination), sender);
        if let Some(gathering) = self.gatherings.get_mut(blob) {
            gathering.needed_by.extend_from_slice(needed_by);
            gathering.joined.push(joining);
            return Role::Joins(tap);
        }
        let changed = Arc::new(Notify::new());
        let gathering = Gathering {
            needed_by: needed_by.to_vec(),
            joined: vec![joining],
            changed: Arc::clone(&changed),
        };
        self.gatherings.insert(blob.clone(), gathering);
        Role::Leads(changed, tap)
    }

    /// Ends a gathering. Those that have fallen behind since they joined read alone.
    fn begin(&mut self, blob: &Digest) -> Option<Gathering> {
        let mut gathering = self.gatherings.remove(blob)?;
        let keeps_up =
            |host: &Host| !self.destinations.get(&host.name).is_some_and(|it| it.is_behind);
        gathering.joined.retain(|(host, _)| keeps_up(host));
        Some(gathering)
    }

    /// The destinations that may still need a blob for one of those that its gathering is for.
    fn awaited(&self, blob: &Digest) -> impl Iterator<Item = &Registry> {
        let settled = self.blobs.get(blob).map(|blob| &blob.settled);
        let gathering = self.gatherings.get(blob);
        let is_awaited = move |(name, state): &(&Registry, &Destination)| {
            let mut keys = gathering.iter().flat_map(|gathering| &gathering.needed_by);
            !state.is_behind
                && settled.is_none_or(|settled| !settled.contains(*name))
                && keys.any(|key| state.open.contains_key(key))
        };
        self.destinations.iter().filter(is_awaited).map(|(name, _)| name)
    }

    fn awaits_any(&self, blob: &Digest) -> bool {
        self.awaited(blob).next().is_some()
    }

    fn leave_behind_all_awaited(&mut self, blob: &Digest) {
        let late: Vec<Registry> = self.awaited(blob).cloned().collect();
        late.iter().for_each(|name| self.falls_behind(name));
    }

    /// The others do not wait for a destination any more. All gatherings look again.
    fn falls_behind(&mut self, destination: &Registry) {
        let Some(state) = self.destinations.get_mut(destination) else { return };
        if !state.is_behind {
            tracing::warn!(
                "{destination} does not keep up; the other destinations go on without it"
            );
            state.is_behind = true;
            state.fell_behind += 1;
            (state.held_up, state.shared) = (Duration::ZERO, Duration::ZERO);
        }
        self.gatherings.values().for_each(|gathering| gathering.changed.notify_one());
    }
}
