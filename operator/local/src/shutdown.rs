//! One wish to stop, seen by every task of the control plane.
//!
//! [`Trigger::request`] may be called at any moment, any number of times, before or after the
//! tasks began to wait; a [`Shutdown`] that is asked afterwards answers at once. Dropping the
//! trigger counts as a request, so that a control plane whose owner panicked still stops.

use std::future::Future;

use tokio::sync::watch;

/// The side that asks for the stop.
#[derive(Debug)]
pub(crate) struct Trigger(watch::Sender<bool>);

/// The side that waits for it. Cheap to clone, one for each task.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown(watch::Receiver<bool>);

/// Makes a connected pair.
pub(crate) fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

// === impl Trigger ===

impl Trigger {
    /// Asks every holder of the other half to stop.
    pub(crate) fn request(&self) {
        self.0.send_replace(true);
    }
}

// === impl Shutdown ===

impl Shutdown {
    /// Completes once the stop has been requested.
    pub(crate) async fn requested(mut self) {
        // An error means that the trigger is gone, which is a request too.
        let _ = self.0.wait_for(|requested| *requested).await;
    }

    /// Runs `work` until it completes or the stop is requested, whichever comes first.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.clone().requested() => None,
            done = work => Some(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_seen_by_those_who_ask_later() {
        let (trigger, shutdown) = channel();
        trigger.request();
        shutdown.clone().requested().await;
        assert_eq!(shutdown.or(std::future::pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn a_dropped_trigger_is_a_request() {
        let (trigger, shutdown) = channel();
        drop(trigger);
        shutdown.requested().await;
    }

    #[tokio::test]
    async fn work_that_ends_first_gives_its_result() {
        let (_trigger, shutdown) = channel();
        assert_eq!(shutdown.or(async { 7 }).await, Some(7));
    }
}
