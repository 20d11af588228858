//! Locking, in a process that a panic ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`. A panic ends the whole process, so a poisoned lock means nothing here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
