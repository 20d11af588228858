//! What a shard waits for beside its work: the log, and the clock.

use std::time::Duration;

use broker_core::time::Timestamp;
use tokio::sync::watch;

use crate::clock;
use crate::durable::Progress;

/// Waits until the log is durable further than it was.
pub(super) async fn news(progress: &mut Option<watch::Receiver<Progress>>) {
    match progress {
        None => std::future::pending().await,
        Some(receiver) => {
            if receiver.changed().await.is_err() {
                *progress = None;
            }
        }
    }
}

/// Waits until then; for ever without a deadline. May be dropped and called again.
pub(super) async fn wait_until(deadline: Option<Timestamp>) {
    match deadline {
        None => std::future::pending().await,
        Some(deadline) => {
            // Never less than a millisecond, so that a deadline that does not move cannot spin.
            let wait = deadline.since(clock::now()).max(1);
            tokio::time::sleep(Duration::from_millis(wait)).await;
        }
    }
}
