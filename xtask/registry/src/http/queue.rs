//! The queue in front of one host: how many requests may be under way, and which goes next.
//!
//! The limit adapts as TCP's does: it grows by one for every window of answers and halves when the
//! host says that it is too much (once for a burst, however many answers say so). A host that names
//! a time gets that pause. Small requests go before blobs, because others wait for what they bring;
//! among blobs the largest goes first, so that the run does not end waiting for one that began late.
//! Only a few large blobs travel at once: they fill any line, and each holds buffers in memory.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// Where the limit starts unless the ceiling is lower: enough to fill a round trip of 50 ms, few
/// enough not to be taken for an attack.
const FIRST_LIMIT: usize = 32;
/// A blob above this many bytes is large: the line limits it, not the round trip.
const LARGE: u64 = 1 << 20;
/// Of so many places one may be taken by a large blob. Measured: more are no faster on a line that is
/// full, and each takes about a megabyte of buffers.
const PLACES_PER_LARGE: usize = 16;
/// Answers within this time of a cut belong to the same burst.
const BURST: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// The bytes of a blob, with its size.
    Blob(u64),
    /// Everything that is answered at once: manifests, existence, sessions, tokens.
    Small,
}

pub(crate) struct Queue {
    state: Mutex<State>,
}

struct State {
    limit: f64,
    ceiling: usize,
    under_way: Places,
    waiting: Waiting,
    arrivals: u64,
    paused_until: Option<Instant>,
    last_cut: Option<Instant>,
}

/// The right to have one request under way; given back on drop.
pub(crate) struct Permit {
    /// Taken out by who gives the place back himself.
    queue: Option<Arc<Queue>>,
    priority: Priority,
}

/// Places taken: all of them, those by blobs, those by large blobs.
#[derive(Default)]
struct Places {
    all: usize,
    blobs: usize,
    large: usize,
}

/// Who waits. Large blobs wait apart, because they may have to while others need not.
#[derive(Default)]
struct Waiting {
    small: VecDeque<Waiter>,
    large: BinaryHeap<Waiter>,
    blobs: BinaryHeap<Waiter>,
}

struct Waiter {
    priority: Priority,
    arrival: u64,
    grant: oneshot::Sender<Permit>,
}

impl Queue {
    pub(crate) fn new(ceiling: usize) -> Arc<Self> {
        let ceiling = ceiling.max(1);
        Arc::new(Self {
            state: Mutex::new(State {
                limit: FIRST_LIMIT.min(ceiling) as f64,
                ceiling,
                under_way: Places::default(),
                waiting: Waiting::default(),
                arrivals: 0,
                paused_until: None,
                last_cut: None,
            }),
        })
    }

    pub(crate) async fn acquire(self: &Arc<Self>, priority: Priority) -> Permit {
        let (grant, granted) = oneshot::channel();
        {
            let mut state = self.lock();
            state.arrivals += 1;
            let arrival = state.arrivals;
            state.waiting.push(Waiter { priority, arrival, grant });
        }
        self.dispatch();
        match granted.await {
            Ok(permit) => permit,
            // The sender lives in the heap until it is used, and the heap as long as `self`.
            Err(_) => unreachable!("a waiter left the queue without a permit"),
        }
    }

    /// An answer came that was no complaint: a little more may be tried.
    pub(crate) fn grow(self: &Arc<Self>) {
        {
            let mut state = self.lock();
            state.limit = (state.limit + 1.0 / state.limit).min(state.ceiling as f64);
        }
        self.dispatch();
    }

    /// The host said that it is too much. `pause` keeps every request back for that time.
    pub(crate) fn shrink(self: &Arc<Self>, pause: Duration) {
        let now = Instant::now();
        let until = now + pause;
        {
            let mut state = self.lock();
            if state.last_cut.is_none_or(|cut| now.duration_since(cut) > BURST) {
                state.limit = (state.limit / 2.0).max(1.0);
                state.last_cut = Some(now);
            }
            if state.paused_until.is_some_and(|paused| paused >= until) {
                return;
            }
            state.paused_until = Some(until);
        }
        let queue = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep_until(until).await;
            queue.dispatch();
        });
    }

    /// Hands permits to whoever is next, outside of the lock: a waiter that is gone gives its permit
    /// back at once, which locks again.
    fn dispatch(self: &Arc<Self>) {
        loop {
            let Some(waiter) = self.lock().next() else { return };
            let permit = Permit { queue: Some(Arc::clone(self)), priority: waiter.priority };
            // Who has stopped waiting gets nothing. Its place goes back here: dropping the permit would
            // call this function from within, once for each of those who are gone.
            if let Err(mut refused) = waiter.grant.send(permit) {
                refused.queue = None;
                self.lock().under_way.give_back(refused.priority);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the next waiter that may go now.
    fn next(&mut self) -> Option<Waiter> {
        if self.paused_until.is_some_and(|until| until > Instant::now()) {
            return None;
        }
        let limit = self.limit as usize;
        if self.under_way.all >= limit {
            return None;
        }
        // Blobs never take the last places: a manifest would wait for gigabytes.
        let room_for_blobs = self.under_way.blobs < limit - limit / 8;
        let waiter = match self.waiting.small.pop_front() {
            Some(waiter) => waiter,
            None if !room_for_blobs => return None,
            None if self.under_way.large < self.large_at_once()
                && !self.waiting.large.is_empty() =>
            {
                self.waiting.large.pop()?
            }
            None => self.waiting.blobs.pop()?,
        };
        self.under_way.take(waiter.priority);
        Some(waiter)
    }
}

impl State {
    fn large_at_once(&self) -> usize {
        (self.ceiling / PLACES_PER_LARGE).max(1)
    }
}

impl Waiting {
    fn push(&mut self, waiter: Waiter) {
        match waiter.priority {
            Priority::Small => self.small.push_back(waiter),
            Priority::Blob(size) if size > LARGE => self.large.push(waiter),
            Priority::Blob(_) => self.blobs.push(waiter),
        }
    }
}

impl Places {
    fn take(&mut self, priority: Priority) {
        self.all += 1;
        self.blobs += usize::from(priority != Priority::Small);
        self.large += usize::from(priority.is_large());
    }

    fn give_back(&mut self, priority: Priority) {
        self.all -= 1;
        self.blobs -= usize::from(priority != Priority::Small);
        self.large -= usize::from(priority.is_large());
    }
}

impl Priority {
    fn is_large(self) -> bool {
        matches!(self, Self::Blob(size) if size > LARGE)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.lock().under_way.give_back(self.priority);
            queue.dispatch();
        }
    }
}

impl Waiter {
    /// Large blobs before small ones, then the order of arrival.
    fn rank(&self) -> (u64, Reverse<u64>) {
        let size = match self.priority {
            Priority::Small => 0,
            Priority::Blob(size) => size,
        };
        (size, Reverse(self.arrival))
    }
}

impl Ord for Waiter {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiter {}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(queue: &Queue) -> usize {
        queue.lock().limit as usize
    }

    /// The order in which waiters are served by a queue with one place.
    async fn order_of(priorities: &[Priority]) -> Vec<Priority> {
        let queue = Queue::new(1);
        let busy = queue.acquire(Priority::Small).await;
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for &priority in priorities {
            let (queue, served) = (Arc::clone(&queue), Arc::clone(&served));
            tasks.push(tokio::spawn(async move {
                let _permit = queue.acquire(priority).await;
                served.lock().unwrap().push(priority);
            }));
            tokio::task::yield_now().await;
        }
        drop(busy);
        for task in tasks {
            task.await.unwrap();
        }
        Arc::try_unwrap(served).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn small_requests_go_first_then_the_largest_blob() {
        use Priority::{Blob, Small};
        let served = order_of(&[Blob(1), Blob(900), Small, Blob(30)]).await;
        assert_eq!(served, [Small, Blob(900), Blob(30), Blob(1)]);
    }

    #[tokio::test]
    async fn blobs_leave_places_for_small_requests() {
        let queue = Queue::new(16);
        let mut blobs = Vec::new();
        for size in 0..14 {
            blobs.push(queue.acquire(Priority::Blob(size)).await);
        }
        let late =
            tokio::time::timeout(Duration::from_millis(20), queue.acquire(Priority::Blob(99)));
        assert!(late.await.is_err(), "the last two places are kept free");
        let small = tokio::time::timeout(Duration::from_millis(20), queue.acquire(Priority::Small));
        assert!(small.await.is_ok());
    }

    #[tokio::test]
    async fn large_blobs_are_few_at_a_time_and_do_not_hold_up_the_others() {
        let queue = Queue::new(48);
        let mut large = Vec::new();
        for _ in 0..3 {
            large.push(queue.acquire(Priority::Blob(LARGE + 1)).await);
        }
        let soon = Duration::from_millis(20);
        let late = tokio::time::timeout(soon, queue.acquire(Priority::Blob(LARGE + 1)));
        assert!(late.await.is_err());
        let other = tokio::time::timeout(soon, queue.acquire(Priority::Blob(LARGE)));
        assert!(other.await.is_ok());
        large.pop();
        let next = tokio::time::timeout(soon, queue.acquire(Priority::Blob(LARGE + 1)));
        assert!(next.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_complaints_halves_the_limit_once_and_success_grows_it_again() {
        let queue = Queue::new(64);
        for _ in 0..8 {
            queue.shrink(Duration::ZERO);
        }
        assert_eq!(limit(&queue), FIRST_LIMIT / 2);
        tokio::time::advance(Duration::from_secs(1)).await;
        queue.shrink(Duration::ZERO);
        assert_eq!(limit(&queue), FIRST_LIMIT / 4);
        for _ in 0..10 {
            queue.grow();
        }
        assert_eq!(limit(&queue), FIRST_LIMIT / 4 + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_goes_out_before_the_pause_is_over() {
        let queue = Queue::new(4);
        queue.shrink(Duration::from_secs(7));
        queue.shrink(Duration::from_secs(3));
        let asked = Instant::now();
        drop(queue.acquire(Priority::Small).await);
        assert_eq!(asked.elapsed().as_secs(), 7);
    }

    #[tokio::test]
    async fn a_waiter_that_gave_up_does_not_keep_its_place() {
        let queue = Queue::new(1);
        let busy = queue.acquire(Priority::Small).await;
        let gone = tokio::time::timeout(Duration::from_millis(5), queue.acquire(Priority::Small));
        assert!(gone.await.is_err());
        drop(busy);
        let next = tokio::time::timeout(Duration::from_millis(500), queue.acquire(Priority::Small));
        assert!(next.await.is_ok());
    }

    #[tokio::test]
    async fn a_crowd_that_gave_up_is_passed_over_without_a_tower_of_calls() {
        let queue = Queue::new(1);
        let busy = queue.acquire(Priority::Small).await;
        let mut crowd: Vec<_> =
            (0..200_000).map(|_| Box::pin(queue.acquire(Priority::Small))).collect();
        for waiter in &mut crowd {
            assert!(futures_util::FutureExt::now_or_never(waiter.as_mut()).is_none());
        }
        drop(crowd);
        drop(busy);
        drop(queue.acquire(Priority::Small).await);
    }
}
