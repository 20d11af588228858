//! What tells the broker to stop: SIGTERM, SIGINT, or the end of standard input.

use std::io::{self, Read};
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Watches for reasons to stop, from the moment it is made.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    input_ended: Option<oneshot::Receiver<()>>,
}

// === impl Signals ===

impl Signals {
    /// `watch_input`: the end of standard input is a reason too.
    pub(crate) fn new(watch_input: bool) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            input_ended: if watch_input { Some(watch_stdin()?) } else { None },
        })
    }

    /// Waits for the first reason and says which.
    pub(crate) async fn wait(mut self) -> &'static str {
        let input_ended = async {
            match self.input_ended {
                // A watcher that is gone has seen the end.
                Some(ended) => drop(ended.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            () = input_ended => "standard input closed",
        }
    }
}

/// Reads standard input on a thread of its own, since not every kind of it can be polled.
fn watch_stdin() -> io::Result<oneshot::Receiver<()>> {
    let (sender, ended) = oneshot::channel();
    thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut scrap = [0; 256];
        loop {
            match stdin.read(&mut scrap) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // Nobody listens once the broker stops for another reason.
        let _ = sender.send(());
    })?;
    Ok(ended)
}
