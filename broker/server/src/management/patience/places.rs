//! Who holds a place on a listener, and who has to leave when there is none for a newcomer.
//!
//! ```text
//!            bytes come               an answer is written
//!   idle ─────────────────▶ asking ─────────────────────────▶ idle
//! ```
//!
//! Whoever is idle goes first, the one that was answered longest ago before others; so idle clients
//! cannot keep out a probe, however many there are and however often they come back.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hashbrown::HashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::lock::lock;

/// The places of one listener.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    guests: Mutex<HashMap<u64, Guest>>,
    /// Counts what happens, so that it is known what happened longest ago.
    steps: AtomicU64,
}

/// A place that is held, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    standing: Arc<Standing>,
    places: Arc<Places>,
    /// Ready when the place has to be given up.
    leave: oneshot::Receiver<()>,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Guest {
    standing: Arc<Standing>,
    leave: oneshot::Sender<()>,
}

/// How a guest stands with the listener.
#[derive(Debug)]
struct Standing {
    idle: AtomicBool,
    /// The step of the last answer, or of the arrival.
    since: AtomicU64,
}

// === impl Places ===

impl Places {
    pub(super) fn new(count: usize) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(count));
        Arc::new(Self { free, guests: Mutex::default(), steps: AtomicU64::new(0) })
    }

    /// A place for one that has come. If there is none, somebody has to leave.
    pub(super) async fn take(self: &Arc<Self>) -> Option<Place> {
        let free = Arc::clone(&self.free);
        let permit = match Arc::clone(&free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.send_one_away();
                free.acquire_owned().await.ok()?
            }
        };
        let number = self.steps.fetch_add(1, Ordering::Relaxed);
        let (leave, told) = oneshot::channel();
        let (idle, since) = (AtomicBool::new(true), AtomicU64::new(number));
        let standing = Arc::new(Standing { idle, since });
        let guest = Guest { standing: Arc::clone(&standing), leave };
        lock(&self.guests).insert(number, guest);
        Some(Place { number, standing, places: Arc::clone(self), leave: told, _permit: permit })
    }

    fn send_one_away(&self) {
        let mut guests = lock(&self.guests);
        let rank = |guest: &Guest| {
            let Standing { idle, since } = &*guest.standing;
            (!idle.load(Ordering::Relaxed), since.load(Ordering::Relaxed))
        };
        let first = guests.iter().min_by_key(|(_, guest)| rank(guest)).map(|(number, _)| *number);
        if let Some(guest) = first.and_then(|number| guests.remove(&number)) {
            // It may have left by itself.
            let _ = guest.leave.send(());
        }
    }
}

// === impl Place ===

impl Place {
    /// Bytes have come: somebody asks for something.
    pub(super) fn asks(&self) {
        self.standing.idle.store(false, Ordering::Relaxed);
    }

    /// Bytes of an answer were taken.
    pub(super) fn answered(&self) {
        let step = self.places.steps.fetch_add(1, Ordering::Relaxed);
        self.standing.since.store(step, Ordering::Relaxed);
        self.standing.idle.store(true, Ordering::Relaxed);
    }

    /// Ready when another needs the place.
    pub(super) fn poll_leave(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // It may not be asked again once it has answered.
        if self.leave.is_terminated() {
            return Poll::Ready(());
        }
        Pin::new(&mut self.leave).poll(cx).map(|_| ())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.places.guests).remove(&self.number);
    }
}
