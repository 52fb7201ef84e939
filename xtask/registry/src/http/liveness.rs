//! `Liveness`: whether a host can be reached, as far as the requests of this run have shown.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Cause;
use crate::lock::lock;

/// A host that never responded is considered down after this many first pauses without a connection: its
/// name is probably wrong.
const PATIENCE_WITH_UNKNOWN: u32 = 6;
/// A host that has responded in this run is probably being restarted.
const PATIENCE: u32 = 120;

#[derive(Default)]
pub(crate) struct Liveness {
    has_responded: AtomicBool,
    unreachable_since: Mutex<Option<Instant>>,
    /// Why the host is considered down for the rest of the run.
    pub(crate) down: OnceLock<Cause>,
}

impl Liveness {
    pub(crate) fn responded(&self) {
        self.has_responded.store(true, Ordering::Relaxed);
        *lock(&self.unreachable_since) = None;
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
