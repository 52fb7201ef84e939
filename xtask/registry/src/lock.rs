//! `lock`: the one way to lock a `Mutex` of this crate.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex even if another task panicked while it held it: every value that is locked here is
/// consistent between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
