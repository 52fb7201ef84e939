//! `HeadSupport`: whether a host answers HEAD requests as it answers GET, as far as this run has shown.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum HeadSupport {
    Unknown = 0,
    /// A HEAD has found something.
    Works,
    /// A GET has found what a HEAD did not, and no HEAD ever found anything.
    Refused,
}

#[derive(Default)]
pub(crate) struct LearnedHeadSupport {
    /// A `HeadSupport`; 0 is `Unknown`.
    learned: AtomicU8,
    /// HEAD requests without a response so far.
    pending: AtomicUsize,
    changed: Notify,
}

/// A HEAD that may show what the host does.
pub(crate) struct PendingHead<'a>(&'a LearnedHeadSupport);

impl LearnedHeadSupport {
    pub(crate) fn get(&self) -> HeadSupport {
        match self.learned.load(Ordering::Relaxed) {
            known if known == HeadSupport::Works as u8 => HeadSupport::Works,
            known if known == HeadSupport::Refused as u8 => HeadSupport::Refused,
            _ => HeadSupport::Unknown,
        }
    }

    pub(crate) fn pending(&self) -> PendingHead<'_> {
        self.pending.fetch_add(1, Ordering::Relaxed);
        PendingHead(self)
    }

    /// What is known when it is known, or when no HEAD is left that could show it.
    pub(crate) async fn settled(&self) -> HeadSupport {
        loop {
            let changed = self.changed.notified();
            let learned = self.get();
            if learned != HeadSupport::Unknown || self.pending.load(Ordering::Relaxed) == 0 {
                return learned;
            }
            changed.await;
        }
    }

    pub(crate) fn head_found_something(&self) {
        self.learned.store(HeadSupport::Works as u8, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// A host where a HEAD has worked does not refuse the method: this was an accident.
    pub(crate) fn only_get_found_something(&self) {
        let (from, to) = (HeadSupport::Unknown as u8, HeadSupport::Refused as u8);
        let _ = self.learned.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }
}

impl Drop for PendingHead<'_> {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_refuses_is_learned_only_while_no_head_has_worked() {
        let (refusing, healthy) = (LearnedHeadSupport::default(), LearnedHeadSupport::default());
        assert_eq!(refusing.get(), HeadSupport::Unknown);
        refusing.only_get_found_something();
        assert_eq!(refusing.get(), HeadSupport::Refused);
        healthy.head_found_something();
        healthy.only_get_found_something();
        assert_eq!(healthy.get(), HeadSupport::Works);
    }

    #[tokio::test]
    async fn a_head_that_is_under_way_is_waited_for() {
        use futures_util::FutureExt as _;
        let learned = LearnedHeadSupport::default();
        assert_eq!(learned.settled().now_or_never(), Some(HeadSupport::Unknown));
        let (first, second) = (learned.pending(), learned.pending());
        let mut settled = Box::pin(learned.settled());
        drop(first);
        assert_eq!(settled.as_mut().now_or_never(), None);
        learned.head_found_something();
        assert_eq!(settled.as_mut().now_or_never(), Some(HeadSupport::Works));
        drop(second);
    }
}
