//! `Table`: which destinations a shared read waits for, and which are behind. The waiting itself is in `shared_reads`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::Instant;

use super::content_keys::ContentKey;
use oci::{Digest, Registry};
use registry::Host;
use registry::shared_read::Tap;

/// How long the others wait until a destination has settled whether it needs a blob.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How often a destination may fall behind and catch up again.
const CHANCES: u32 = 3;
/// A destination that has ended almost as many images as the fastest one has caught up.
const CAUGHT_UP: usize = 8;
/// How many blobs a destination that is behind reads at once, so that its requests leave the queue of the source
/// to the others.
pub(super) const READS_WHEN_BEHIND: usize = 8;

#[derive(Default)]
pub(super) struct Table {
    destinations: HashMap<Registry, Destination>,
    blobs: HashMap<Digest, Blob>,
    gatherings: HashMap<Digest, Gathering>,
    /// When the others last stopped to wait for one of them.
    left_one_behind: Option<Instant>,
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
    /// The blobs that it has, could not get, or has joined a read of.
    settled: usize,
    is_behind: bool,
    fell_behind: u32,
    /// How long others waited for it during shared reads, and how long those took.
    held_up: Duration,
    shared: Duration,
    alone: Arc<Semaphore>,
}

/// Destinations that will share the read of a blob.
pub(super) struct Gathering {
    needed_by: Vec<ContentKey>,
    pub(super) joined: Vec<(Arc<Host>, oneshot::Sender<Tap>)>,
    changed: Arc<Notify>,
}

/// How a destination takes part in a gathering.
pub(super) enum Role {
    Alone,
    /// Gets its tap from the one that leads.
    Joins(oneshot::Receiver<Tap>),
    Leads(Arc<Notify>, oneshot::Receiver<Tap>),
}

impl Table {
    pub(super) fn new(destinations: impl IntoIterator<Item = Registry>) -> Self {
        let destination = |name| {
            let destination = Destination {
                open: HashMap::new(),
                ended: 0,
                settled: 0,
                is_behind: false,
                fell_behind: 0,
                held_up: Duration::ZERO,
                shared: Duration::ZERO,
                alone: Arc::new(Semaphore::new(READS_WHEN_BEHIND)),
            };
            (name, destination)
        };
        Self {
            destinations: destinations.into_iter().map(destination).collect(),
            ..Self::default()
        }
    }

    /// How many destinations there are.
    pub(super) fn len(&self) -> usize {
        self.destinations.len()
    }

    pub(super) fn is_behind(&self, destination: &Registry) -> bool {
        self.destinations.get(destination).is_some_and(|it| it.is_behind)
    }

    /// The places for the reads of a destination that is behind; `None` for one that keeps up.
    pub(super) fn places_when_behind(&self, destination: &Registry) -> Option<Arc<Semaphore>> {
        let state = self.destinations.get(destination).filter(|one| one.is_behind)?;
        Some(Arc::clone(&state.alone))
    }

    /// Records a read of a blob. Returns whether there was one before.
    pub(super) fn is_read_again(&mut self, blob: &Digest) -> bool {
        let state = self.blobs.entry(blob.clone()).or_default();
        std::mem::replace(&mut state.was_read, true)
    }

    /// The copy of an image has ended. A destination that was behind may have caught up.
    pub(super) fn image_ended(&mut self, destination: &Registry, keys: &[ContentKey]) {
        let most = self.destinations.values().map(|one| one.ended).max().unwrap_or_default();
        let Some(state) = self.destinations.get_mut(destination) else { return };
        state.ended += 1;
        if state.ended + CAUGHT_UP > most && state.fell_behind < CHANCES {
            state.is_behind = false;
        }
        self.ended(destination, keys);
    }

    /// The others waited for a destination in a shared read that took this long.
    pub(super) fn held_up(&mut self, destination: &Registry, waited: Duration, of: Duration) {
        let Some(state) = self.destinations.get_mut(destination) else { return };
        state.held_up += waited;
        state.shared += of;
        if state.held_up >= PATIENCE && state.held_up * 4 > state.shared * 3 {
            self.falls_behind(destination);
        }
    }

    pub(super) fn expect(&mut self, destination: &Registry, keys: &[ContentKey]) {
        let Some(state) = self.destinations.get_mut(destination) else { return };
        for key in keys {
            *state.open.entry(Arc::clone(key)).or_default() += 1;
        }
    }

    pub(super) fn ended(&mut self, destination: &Registry, keys: &[ContentKey]) {
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

    pub(super) fn settle(&mut self, destination: &Registry, blob: &Digest) {
        let settled = &mut self.blobs.entry(blob.clone()).or_default().settled;
        if !settled.insert(destination.clone()) {
            return;
        }
        if let Some(state) = self.destinations.get_mut(destination) {
            state.settled += 1;
        }
        if let Some(gathering) = self.gatherings.get(blob) {
            gathering.changed.notify_one();
        }
    }

    pub(super) fn join(
        &mut self,
        destination: &Arc<Host>,
        blob: &Digest,
        needed_by: &[ContentKey],
    ) -> Role {
        self.settle(&destination.name, blob);
        if self.is_behind(&destination.name) {
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
    pub(super) fn begin(&mut self, blob: &Digest) -> Option<Gathering> {
        let mut gathering = self.gatherings.remove(blob)?;
        gathering.joined.retain(|(host, _)| !self.is_behind(&host.name));
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

    pub(super) fn awaits_any(&self, blob: &Digest) -> bool {
        self.awaited(blob).next().is_some()
    }

    /// As [`Table::leave_behind`], for those that a gathering waits for. Returns when that happened last.
    pub(super) fn leave_behind_awaited(&mut self, blob: &Digest) -> Instant {
        self.leave_behind(self.awaited(blob).cloned().collect());
        self.left_one_behind.unwrap_or_else(Instant::now)
    }

    /// Stops to wait for the destination that has got least so far. The others of these may only be late because they
    /// wait for it, too: they get as much time again.
    pub(super) fn leave_behind(&mut self, late: Vec<Registry>) {
        if self.left_one_behind.is_some_and(|at| at.elapsed() < PATIENCE) {
            return;
        }
        let settled = |name: &Registry| self.destinations.get(name).map(|one| one.settled);
        let least = late.iter().filter_map(settled).min();
        let last: Vec<Registry> =
            late.iter().filter(|name| settled(name) == least).cloned().collect();
        last.iter().for_each(|name| self.falls_behind(name));
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
            self.left_one_behind = Some(Instant::now());
        }
        self.gatherings.values().for_each(|gathering| gathering.changed.notify_one());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Registry {
        text.parse().unwrap()
    }

    /// Destinations that need one image, and a gathering for a blob of it that none of them has settled.
    fn waiting_for(names: &[&str], blob: &Digest) -> Table {
        let mut table = Table::new(names.iter().map(|it| name(it)));
        let key: ContentKey = "image".into();
        for destination in names {
            table.expect(&name(destination), &[Arc::clone(&key)]);
        }
        let (joined, changed) = (Vec::new(), Arc::default());
        table.gatherings.insert(blob.clone(), Gathering { needed_by: vec![key], joined, changed });
        table
    }

    fn behind(table: &Table) -> Vec<String> {
        let mut behind: Vec<String> = table
            .destinations
            .iter()
            .filter(|(_, it)| it.is_behind)
            .map(|(name, _)| name.to_string())
            .collect();
        behind.sort();
        behind
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_destination_that_has_got_least_is_left_behind_at_first() {
        let blob = Digest::of(b"blob");
        let mut table =
            waiting_for(&["a.example.com", "b.example.com", "stalled.example.com"], &blob);
        for other in ["a.example.com", "b.example.com"] {
            table.settle(&name(other), &Digest::of(b"another"));
        }
        let left = table.leave_behind_awaited(&blob);
        assert_eq!(behind(&table), ["stalled.example.com"]);
        // Another gathering ends its patience at the same time.
        assert_eq!(table.leave_behind_awaited(&blob), left);
        table.leave_behind(vec![name("a.example.com")]);
        assert_eq!(behind(&table), ["stalled.example.com"]);
        assert!(table.awaits_any(&blob));
        tokio::time::advance(PATIENCE).await;
        table.settle(&name("a.example.com"), &blob);
        table.leave_behind_awaited(&blob);
        assert_eq!(behind(&table), ["b.example.com", "stalled.example.com"]);
        assert!(!table.awaits_any(&blob));
    }

    #[tokio::test(start_paused = true)]
    async fn destinations_that_have_got_equally_little_are_left_behind_together() {
        let blob = Digest::of(b"blob");
        let mut table = waiting_for(&["a.example.com", "b.example.com"], &blob);
        table.leave_behind_awaited(&blob);
        assert_eq!(behind(&table), ["a.example.com", "b.example.com"]);
    }
}
