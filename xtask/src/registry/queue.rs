//! The queue in front of one host: how many requests may be under way, and which goes next.
//!
//! The limit adapts as TCP's does: it grows by one for every window of answers and halves when the
//! host says that it is too much (once for a burst, however many answers say so). A host that names
//! a time gets that pause. Small requests go before blobs, because others wait for what they bring;
//! among blobs the largest goes first, so that the run does not end waiting for one that began late.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// Where the limit starts unless the ceiling is lower: enough to fill a round trip of 50 ms, few
/// enough not to be taken for an attack.
const FIRST_LIMIT: usize = 16;
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
    under_way: usize,
    blobs_under_way: usize,
    waiting: BinaryHeap<Waiter>,
    arrivals: u64,
    paused_until: Option<Instant>,
    last_cut: Option<Instant>,
}

/// The right to have one request under way; given back on drop.
pub(crate) struct Permit {
    queue: Arc<Queue>,
    priority: Priority,
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
                under_way: 0,
                blobs_under_way: 0,
                waiting: BinaryHeap::new(),
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
            let permit = Permit { queue: Arc::clone(self), priority: waiter.priority };
            drop(waiter.grant.send(permit));
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
        if self.under_way >= limit {
            return None;
        }
        // Long transfers never take the last places: a manifest would wait for gigabytes.
        let reserved = limit / 8;
        let next = self.waiting.peek()?;
        if next.priority != Priority::Small {
            if self.blobs_under_way >= limit - reserved {
                return None;
            }
            self.blobs_under_way += 1;
        }
        self.under_way += 1;
        self.waiting.pop()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        {
            let mut state = self.queue.lock();
            state.under_way -= 1;
            if self.priority != Priority::Small {
                state.blobs_under_way -= 1;
            }
        }
        self.queue.dispatch();
    }
}

impl Waiter {
    /// Small before blobs, large blobs before small ones, then the order of arrival.
    fn rank(&self) -> (bool, u64, std::cmp::Reverse<u64>) {
        let (small, size) = match self.priority {
            Priority::Small => (true, 0),
            Priority::Blob(size) => (false, size),
        };
        (small, size, std::cmp::Reverse(self.arrival))
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

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_complaints_halves_the_limit_once_and_success_grows_it_again() {
        let queue = Queue::new(64);
        for _ in 0..8 {
            queue.shrink(Duration::ZERO);
        }
        assert_eq!(limit(&queue), 8);
        tokio::time::advance(Duration::from_secs(1)).await;
        queue.shrink(Duration::ZERO);
        assert_eq!(limit(&queue), 4);
        for _ in 0..10 {
            queue.grow();
        }
        assert_eq!(limit(&queue), 6);
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
}
