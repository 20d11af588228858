//! A panic ends the process.
//!
//! No input should cause one. If a defect does, the shard it happens in is gone with its queues and
//! connections; carrying on without it would be a silent half-death, so the whole process aborts
//! after saying where, and its supervisor starts it again.

use std::panic;
use std::process;

/// Installs the hook. To be called once, first thing.
pub fn abort_on_panic() {
    panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(thread, "panic, the broker aborts: {info}\n{backtrace}");
        process::abort();
    }));
}
