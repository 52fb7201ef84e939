//! `Liveness`: whether a host can be reached and answers, as far as the requests of this run have shown.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::SetOnce;
use tokio::time::Instant;

use crate::error::Cause;
use crate::lock::lock;

/// A host that never responded is considered down after this many first pauses without a connection: its
/// name is probably wrong.
const PATIENCE_WITH_UNKNOWN: u32 = 6;
/// A host that has responded in this run is probably being restarted.
const PATIENCE: u32 = 120;
/// A host that has responded, and then no more, is considered down after the time of this many requests. The
/// same applies to uploads, if as many of them got no response.
const SILENT_REQUESTS: u32 = 3;

#[derive(Default)]
pub(crate) struct Liveness {
    has_responded: AtomicBool,
    unreachable_since: Mutex<Option<Instant>>,
    /// The first request that was sent, until the host has responded to one.
    first_sent: Mutex<Option<Instant>>,
    /// The beginning of the first request without a response since the last one with a response.
    silent_since: Mutex<Option<Instant>>,
    uploads: Mutex<Uploads>,
    /// Why the host is considered down for the rest of the run. Ends the requests that wait for its response.
    pub(crate) down: SetOnce<Cause>,
}

/// Bodies that were sent to the host. A host can answer all requests but these, for example because its storage
/// hangs.
#[derive(Default)]
struct Uploads {
    last_response: Option<Instant>,
    /// How many got no response since the last response, and the beginning of their silence.
    silent: Option<(u32, Instant)>,
}

impl Liveness {
    pub(crate) fn responded(&self) {
        self.has_responded.store(true, Ordering::Relaxed);
        *lock(&self.unreachable_since) = None;
        *lock(&self.silent_since) = None;
    }

    /// How long a request that is sent now may wait. All requests to a host that never responded share the
    /// time of one.
    pub(crate) fn time_left(&self, limit: Duration) -> Duration {
        if self.has_responded.load(Ordering::Relaxed) {
            return limit;
        }
        let first = *lock(&self.first_sent).get_or_insert_with(Instant::now);
        limit.saturating_sub(first.elapsed())
    }

    /// Records a request that got no response in this time.
    pub(crate) fn was_silent(&self, cause: &Cause, waited: Duration, limit: Duration) {
        let began = Instant::now().checked_sub(waited);
        let since = *lock(&self.silent_since).get_or_insert(began.unwrap_or_else(Instant::now));
        let has_responded = self.has_responded.load(Ordering::Relaxed);
        if !has_responded && self.time_left(limit).is_zero()
            || since.elapsed() >= limit.saturating_mul(SILENT_REQUESTS)
        {
            drop(self.down.set(cause.clone()));
        }
    }

    /// Records that an upload got a response, whatever it was, or moves for so long that the host must read it.
    pub(crate) fn upload_responded(&self) {
        *lock(&self.uploads) = Uploads { last_response: Some(Instant::now()), silent: None };
    }

    /// Records an upload that got no response in this time. One that stalls says nothing about the others, so several
    /// are needed.
    pub(crate) fn upload_was_silent(&self, cause: &Cause, waited: Duration, limit: Duration) {
        let now = Instant::now();
        let began = now.checked_sub(waited).unwrap_or(now);
        let mut uploads = lock(&self.uploads);
        let began = uploads.last_response.map_or(began, |response| response.max(began));
        let (count, since) = uploads.silent.unwrap_or((0, began));
        uploads.silent = Some((count + 1, since));
        if count + 1 >= SILENT_REQUESTS && since.elapsed() >= limit * SILENT_REQUESTS {
            drop(self.down.set(cause.clone()));
        }
    }

    /// Records a failed connection. After too many for too long, all requests fail at once.
    pub(crate) fn failed_to_connect(&self, cause: &Cause, first_pause: Duration) {
        let has_responded = self.has_responded.load(Ordering::Relaxed);
        let patience = if has_responded { PATIENCE } else { PATIENCE_WITH_UNKNOWN };
        let since = *lock(&self.unreachable_since).get_or_insert_with(Instant::now);
        if since.elapsed() >= first_pause * patience {
            drop(self.down.set(cause.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_requests_to_a_host_that_never_responded_share_the_time_of_one() {
        let (limit, cause) = (Duration::from_secs(60), Cause::Internal("silent".to_owned()));
        let host = Liveness::default();
        assert_eq!(host.time_left(limit), limit);
        tokio::time::advance(Duration::from_secs(45)).await;
        assert_eq!(host.time_left(limit).as_secs(), 15);
        host.was_silent(&cause, Duration::from_secs(20), limit);
        assert!(host.down.get().is_none());
        tokio::time::advance(Duration::from_secs(15)).await;
        host.was_silent(&cause, Duration::from_secs(15), limit);
        assert!(host.down.get().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_falls_silent_is_down_after_three_requests() {
        let (limit, cause) = (Duration::from_secs(60), Cause::Internal("silent".to_owned()));
        let host = Liveness::default();
        host.responded();
        for request in 1..=3 {
            assert_eq!(host.time_left(limit), limit);
            assert!(host.down.get().is_none(), "{request}");
            tokio::time::advance(limit).await;
            host.was_silent(&cause, limit, limit);
        }
        assert!(host.down.get().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_responds_to_no_upload_is_down_even_if_it_responds_to_other_requests() {
        let (limit, cause) = (Duration::from_secs(60), Cause::Internal("silent".to_owned()));
        for (waited, responds_after, is_down_after) in [
            // Uploads at the same time, each as long as a registry may take to store one.
            (&[300, 0, 0][..], None, Some(3)),
            (&[300, 0][..], None, None),
            // Their silence is too short.
            (&[60, 0, 0, 0, 60][..], None, None),
            (&[60, 0, 0, 0, 60, 60][..], None, Some(6)),
            // A response in between.
            (&[300, 0, 0, 0][..], Some(2), None),
            (&[300, 0, 180, 0, 0][..], Some(2), Some(5)),
        ] {
            let host = Liveness::default();
            let mut went_down = None;
            for (upload, seconds) in waited.iter().enumerate().map(|(at, it)| (at + 1, *it)) {
                tokio::time::advance(Duration::from_secs(seconds)).await;
                host.responded();
                host.upload_was_silent(&cause, Duration::from_secs(seconds.max(60)), limit);
                if host.down.get().is_some() {
                    went_down.get_or_insert(upload);
                }
                if responds_after == Some(upload) {
                    host.upload_responded();
                }
            }
            assert_eq!(went_down, is_down_after, "{waited:?} {responds_after:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_down_sooner_if_it_never_responded() {
        let pause = Duration::from_secs(1);
        let cause = Cause::Internal("refused".to_owned());
        let (unknown, known) = (Liveness::default(), Liveness::default());
        known.failed_to_connect(&cause, pause);
        known.responded();
        for (seconds, unknown_is_down, known_is_down) in [
            (0, false, false),
            (5, false, false),
            (1, true, false),
            (113, true, false),
            (1, true, true),
        ] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            unknown.failed_to_connect(&cause, pause);
            known.failed_to_connect(&cause, pause);
            assert_eq!(unknown.down.get().is_some(), unknown_is_down, "{seconds}");
            assert_eq!(known.down.get().is_some(), known_is_down, "{seconds}");
        }
    }
}
