//! `Budget`: how often one rendering of the chart may be repeated.

use std::sync::atomic::{AtomicUsize, Ordering};

/// For one `[[chart.rendering]]`, with the proof of the suggestion.
pub const MOST_RENDERINGS: usize = 60;
/// What probing leaves for the proof.
pub const KEPT_FOR_PROOF: usize = 12;

#[derive(Debug, Default)]
pub(super) struct Budget {
    used: AtomicUsize,
}

/// What renderings are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Probing,
    Proof,
}

impl Budget {
    /// Takes up to this many renderings, and returns how many there are.
    pub(super) fn take(&self, number: usize, purpose: Purpose) -> usize {
        let limit = match purpose {
            Purpose::Probing => MOST_RENDERINGS - KEPT_FOR_PROOF,
            Purpose::Proof => MOST_RENDERINGS,
        };
        let grant = |used: usize| number.min(limit.saturating_sub(used));
        let add = |used| Some(used + grant(used));
        let used = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        grant(used.unwrap_or_else(|used| used))
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probing_leaves_renderings_for_the_proof() {
        let budget = Budget::default();
        assert_eq!(budget.take(40, Purpose::Probing), 40);
        assert_eq!(budget.take(40, Purpose::Probing), 8);
        assert_eq!(budget.take(1, Purpose::Probing), 0);
        assert_eq!(budget.take(20, Purpose::Proof), 12);
        assert_eq!(budget.used(), 60);
    }
}
