//! A queue of messages from any thread to one task, made for batches.
//!
//! The receiver takes everything that is there by swapping in its own empty vector, so the lock is held
//! for a few instructions, and only the sender that finds the receiver asleep wakes it: one wake-up a
//! batch, however many senders.
//!
//! # Invariants
//!
//! - Messages of one sender arrive in the order they were sent.
//! - Sending never blocks and never fails; what is sent after the receiver is gone is dropped. A mailbox
//!   has no bound of its own: each kind of message is bounded by the credit of who sends it.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::lock::lock;

/// The sending end.
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Mutex<State<T>>>);

/// The receiving end, of which there is one.
#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
struct State<T> {
    waiting: Vec<T>,
    /// Set while the receiver sleeps.
    waker: Option<Waker>,
    closed: bool,
}

/// A mailbox and its two ends.
pub(crate) fn mailbox<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { waiting: Vec::new(), waker: None, closed: false };
    let shared = Arc::new(Mutex::new(state));
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

// === impl Sender ===

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Sender<T> {
    /// Sends one message.
    pub(crate) fn send(&self, message: T) {
        let mut state = lock(&self.0);
        if state.closed {
            return;
        }
        state.waiting.push(message);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

// === impl Receiver ===

impl<T> Receiver<T> {
    /// Appends what is there to `batch`; pending, and registered to be woken, when there is nothing.
    pub(crate) fn poll_receive(&mut self, cx: &mut Context<'_>, batch: &mut Vec<T>) -> Poll<()> {
        let mut state = lock(&self.0);
        if state.waiting.is_empty() {
            match &mut state.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
            return Poll::Pending;
        }
        take(&mut state.waiting, batch);
        Poll::Ready(())
    }

    /// Waits until there is something, and appends it to `batch`.
    pub(crate) async fn receive(&mut self, batch: &mut Vec<T>) {
        std::future::poll_fn(|cx| self.poll_receive(cx, batch)).await;
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = lock(&self.0);
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        // Dropped outside the lock: a message may hold a sender of this very mailbox.
        drop(waiting);
    }
}

fn take<T>(waiting: &mut Vec<T>, batch: &mut Vec<T>) {
    if batch.is_empty() {
        std::mem::swap(waiting, batch);
    } else {
        batch.append(waiting);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_batch_costs_one_wake_up() {
        let counter = Arc::new(Counter::default());
        let waker = Waker::from(Arc::clone(&counter));
        let mut cx = Context::from_waker(&waker);
        let (sender, mut receiver) = mailbox();
        let mut batch = Vec::new();
        assert!(receiver.poll_receive(&mut cx, &mut batch).is_pending());
        for number in 0..100 {
            sender.send(number);
        }
        assert_eq!(counter.0.load(Ordering::SeqCst), 1);
        assert!(receiver.poll_receive(&mut cx, &mut batch).is_ready());
        assert_eq!(batch, (0..100).collect::<Vec<_>>());
        sender.send(1);
        assert_eq!(counter.0.load(Ordering::SeqCst), 1, "nobody slept, so nobody is woken");
    }

    #[test]
    fn what_is_sent_to_nobody_is_dropped() {
        let (sender, receiver) = mailbox();
        let witness = Arc::new(());
        sender.send(Arc::clone(&witness));
        drop(receiver);
        sender.send(Arc::clone(&witness));
        assert_eq!(Arc::strong_count(&witness), 1);
    }

    #[test]
    fn threads_lose_and_reorder_nothing() {
        let (sender, mut receiver) = mailbox();
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let sender = sender.clone();
                std::thread::spawn(move || (0..10_000).for_each(|n| sender.send((thread, n))))
            })
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut next = [0; 4];
        runtime.block_on(async {
            let mut batch = Vec::new();
            while next.iter().sum::<i32>() < 40_000 {
                receiver.receive(&mut batch).await;
                for (thread, n) in batch.drain(..) {
                    assert_eq!(next[thread], n);
                    next[thread] += 1;
                }
            }
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}
