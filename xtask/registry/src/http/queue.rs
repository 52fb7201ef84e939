//! `Queue`: how many requests to one host may be in flight, and which one goes next.
//!
//! The limit adapts like that of TCP. If the host is far away, it grows by one for every response until the host
//! throttles for the first time; otherwise by one for every window of responses. It halves when the host throttles, once
//! for each burst. Small requests go before blobs, because other tasks wait for their results.
//! Among blobs the largest goes first, so that the run does not end with one that started late. Only a few
//! large blobs are in flight at once: they fill any connection, and each one needs buffers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::lock::lock;

/// The first limit unless the ceiling is lower: enough to fill a round trip of 50 ms, and few enough not to
/// look like an attack.
const FIRST_LIMIT: usize = 32;
/// A host that never responded faster is far away. One that is near does not work faster with more requests at a time.
const FAR: Duration = Duration::from_millis(10);
/// A blob above this many bytes is large: bandwidth limits it, not the round trip.
const LARGE: u64 = 1 << 20;
/// One in this many places may carry a large blob. As measured, more are not faster once the bandwidth is
/// used, and each one takes about a megabyte of buffers.
const PLACES_PER_LARGE: usize = 16;
/// Responses within this time of a cut belong to the same burst.
const BURST: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Priority {
    /// The bytes of a blob, with its size.
    Blob(u64),
    /// Everything with a short response: manifests, existence, sessions, tokens.
    Small,
}

pub(crate) struct Queue {
    state: Mutex<State>,
}

struct State {
    limit: f64,
    ceiling: usize,
    in_flight: Places,
    /// The tasks that wait with small requests, in order of arrival.
    small: VecDeque<Waiter>,
    /// The tasks that wait with blobs.
    blobs: BTreeMap<Rank, Waiter>,
    arrivals: u64,
    paused_until: Option<Instant>,
    last_cut: Option<Instant>,
    fastest_response: Duration,
}

/// The right to have one request in flight; returned on drop.
pub(crate) struct Permit {
    /// `None` once the place has been returned by hand.
    queue: Option<Arc<Queue>>,
    priority: Priority,
}

/// Places taken: in total, by blobs, and by large blobs.
#[derive(Default)]
struct Places {
    all: usize,
    blobs: usize,
    large: usize,
}

/// Size and number of arrival: the largest blob goes first, then the one that arrived first.
type Rank = (Reverse<u64>, u64);

struct Waiter {
    priority: Priority,
    grant: oneshot::Sender<Permit>,
}

impl Queue {
    pub(crate) fn new(ceiling: usize) -> Arc<Self> {
        let ceiling = ceiling.max(1);
        let state = State {
            limit: FIRST_LIMIT.min(ceiling) as f64,
            ceiling,
            in_flight: Places::default(),
            small: VecDeque::new(),
            blobs: BTreeMap::new(),
            arrivals: 0,
            paused_until: None,
            last_cut: None,
            fastest_response: Duration::MAX,
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// How many requests may be in flight now.
    pub(crate) fn limit(&self) -> usize {
        lock(&self.state).limit as usize
    }

    /// How many requests are in flight.
    pub(crate) fn in_flight(&self) -> usize {
        lock(&self.state).in_flight.all
    }

    pub(crate) async fn acquire(self: &Arc<Self>, priority: Priority) -> Permit {
        let (grant, granted) = oneshot::channel();
        {
            let mut state = lock(&self.state);
            let waiter = Waiter { priority, grant };
            match priority {
                Priority::Small => state.small.push_back(waiter),
                Priority::Blob(size) => {
                    state.arrivals += 1;
                    let rank = (Reverse(size), state.arrivals);
                    state.blobs.insert(rank, waiter);
                }
            }
        }
        self.dispatch();
        match granted.await {
            Ok(permit) => permit,
            // The sender stays in the queue until it is used, and the queue lives as long as `self`.
            Err(_) => unreachable!("a waiter left the queue without a permit"),
        }
    }

    /// Records a response that does not throttle, and took so long: the limit grows.
    pub(crate) fn grow(self: &Arc<Self>, took: Duration) {
        {
            let mut state = lock(&self.state);
            state.fastest_response = state.fastest_response.min(took);
            let is_fast_start = state.last_cut.is_none() && state.fastest_response >= FAR;
            let step = if is_fast_start { 1.0 } else { 1.0 / state.limit };
            state.limit = (state.limit + step).min(state.ceiling as f64);
        }
        self.dispatch();
    }

    /// Records that the host throttles. `pause` holds back every request for that time.
    pub(crate) fn shrink(self: &Arc<Self>, pause: Duration) {
        let now = Instant::now();
        let until = now + pause;
        {
            let mut state = lock(&self.state);
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

    /// Grants permits to the next waiters, outside of the lock: the permit of a waiter that is gone is dropped
    /// at once, which locks again.
    fn dispatch(self: &Arc<Self>) {
        loop {
            let Some(waiter) = lock(&self.state).next() else { return };
            let permit = Permit { queue: Some(Arc::clone(self)), priority: waiter.priority };
            // The waiter is gone. Its place is returned here: dropping the permit would call this function
            // recursively, once for each waiter that is gone.
            if let Err(mut unused) = waiter.grant.send(permit) {
                unused.queue = None;
                lock(&self.state).in_flight.give_back(unused.priority);
            }
        }
    }
}

impl State {
    /// Removes the next waiter that may go now.
    fn next(&mut self) -> Option<Waiter> {
        if self.paused_until.is_some_and(|until| until > Instant::now()) {
            return None;
        }
        let limit = self.limit as usize;
        if self.in_flight.all >= limit {
            return None;
        }
        // Blobs never take the last places, so that no manifest waits for gigabytes.
        let room_for_blobs = self.in_flight.blobs < limit - limit / 8;
        let large_at_once = (self.ceiling / PLACES_PER_LARGE).max(1);
        let waiter = match self.small.pop_front() {
            Some(waiter) => waiter,
            None if !room_for_blobs => return None,
            None => {
                // Smaller blobs overtake the large ones while too many of those are in flight.
                let may_be_large = self.in_flight.large < large_at_once;
                let largest = if may_be_large { u64::MAX } else { LARGE };
                let rank = *self.blobs.range((Reverse(largest), 0)..).next()?.0;
                self.blobs.remove(&rank)?
            }
        };
        self.in_flight.change(waiter.priority, |places| places + 1);
        Some(waiter)
    }
}

impl Places {
    fn change(&mut self, priority: Priority, change: impl Fn(usize) -> usize) {
        self.all = change(self.all);
        if let Priority::Blob(size) = priority {
            self.blobs = change(self.blobs);
            if size > LARGE {
                self.large = change(self.large);
            }
        }
    }

    fn give_back(&mut self, priority: Priority) {
        self.change(priority, |places| places - 1);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            lock(&queue.state).in_flight.give_back(self.priority);
            queue.dispatch();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    /// A permit, if one is available at once.
    fn try_acquire(queue: &Arc<Queue>, priority: Priority) -> Option<Permit> {
        queue.acquire(priority).now_or_never()
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
        assert!(
            try_acquire(&queue, Priority::Blob(99)).is_none(),
            "the last two places are kept free"
        );
        assert!(try_acquire(&queue, Priority::Small).is_some());
    }

    #[tokio::test]
    async fn only_a_few_large_blobs_are_in_flight_and_smaller_ones_overtake_them() {
        let queue = Queue::new(48);
        let mut large = Vec::new();
        for _ in 0..3 {
            large.push(queue.acquire(Priority::Blob(LARGE + 1)).await);
        }
        assert!(try_acquire(&queue, Priority::Blob(LARGE + 1)).is_none());
        assert!(try_acquire(&queue, Priority::Blob(LARGE)).is_some());
        large.pop();
        assert!(try_acquire(&queue, Priority::Blob(LARGE + 1)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_throttling_halves_the_limit_once_and_successes_raise_it_again() {
        let queue = Queue::new(64);
        for _ in 0..8 {
            queue.shrink(Duration::ZERO);
        }
        assert_eq!(queue.limit(), FIRST_LIMIT / 2);
        tokio::time::advance(Duration::from_secs(1)).await;
        queue.shrink(Duration::ZERO);
        assert_eq!(queue.limit(), FIRST_LIMIT / 4);
        for _ in 0..10 {
            queue.grow(FAR);
        }
        assert_eq!(queue.limit(), FIRST_LIMIT / 4 + 1);
    }

    #[tokio::test]
    async fn every_response_of_a_host_that_is_far_away_raises_the_limit() {
        let (far, near) = (Queue::new(FIRST_LIMIT + 8), Queue::new(FIRST_LIMIT + 8));
        near.grow(Duration::from_millis(1));
        for responses in 1..=8 {
            far.grow(FAR);
            near.grow(FAR);
            assert_eq!((far.limit(), near.limit()), (FIRST_LIMIT + responses, FIRST_LIMIT));
        }
        far.grow(FAR);
        assert_eq!(far.limit(), FIRST_LIMIT + 8, "the ceiling");
    }

    #[tokio::test(start_paused = true)]
    async fn no_request_is_sent_during_a_pause() {
        let queue = Queue::new(4);
        queue.shrink(Duration::from_secs(7));
        queue.shrink(Duration::from_secs(3));
        let began = Instant::now();
        drop(queue.acquire(Priority::Small).await);
        assert_eq!(began.elapsed().as_secs(), 7);
    }

    #[tokio::test]
    async fn a_waiter_that_is_gone_does_not_keep_its_place() {
        let queue = Queue::new(1);
        let busy = queue.acquire(Priority::Small).await;
        assert!(try_acquire(&queue, Priority::Small).is_none());
        drop(busy);
        assert!(try_acquire(&queue, Priority::Small).is_some());
    }

    #[tokio::test]
    async fn many_waiters_that_are_gone_are_skipped_without_recursion() {
        let queue = Queue::new(1);
        let busy = queue.acquire(Priority::Small).await;
        let mut crowd: Vec<_> =
            (0..200_000).map(|_| Box::pin(queue.acquire(Priority::Small))).collect();
        for waiter in &mut crowd {
            assert!(waiter.as_mut().now_or_never().is_none());
        }
        drop(crowd);
        drop(busy);
        drop(queue.acquire(Priority::Small).await);
    }
}
