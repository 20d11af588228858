//! Noticing that manifests changed on disk.

use std::path::PathBuf;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Changes that follow each other this closely are one: editors and Git write in bursts.
const QUIET: Duration = Duration::from_millis(150);
/// A burst that never ends is acted on all the same.
const LONGEST: Duration = Duration::from_secs(2);

/// A watch on folders. Dropping this ends it.
#[derive(Debug)]
pub(super) struct Folders {
    _watcher: Option<RecommendedWatcher>,
    changes: mpsc::Receiver<()>,
    /// When to act on what was noticed, and the latest that further changes may put it off to.
    noticed: Option<(Instant, Instant)>,
}

// === impl Folders ===

impl Folders {
    /// Watches `places` and everything below them. When the system cannot, changes go unnoticed
    /// and the error says so.
    pub(super) fn watch(places: &[PathBuf]) -> (Self, Result<(), notify::Error>) {
        let (sender, changes) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let read_only =
                matches!(&event, Ok(event) if matches!(event.kind, EventKind::Access(_)));
            if !read_only {
                // A full channel already holds the news.
                let _ = sender.try_send(());
            }
        });
        let watching = watcher.and_then(|mut watcher| {
            for place in places {
                watcher.watch(place, RecursiveMode::Recursive)?;
            }
            Ok(watcher)
        });
        match watching {
            Ok(watcher) => (Self { _watcher: Some(watcher), changes, noticed: None }, Ok(())),
            Err(error) => (Self { _watcher: None, changes, noticed: None }, Err(error)),
        }
    }

    /// Waits for a change, and for the end of the burst it belongs to. May be cancelled at any
    /// point: a change that was noticed stays noticed.
    pub(super) async fn changed(&mut self) {
        loop {
            let Some((due, latest)) = self.noticed else {
                if self.changes.recv().await.is_none() {
                    return std::future::pending().await;
                }
                let now = Instant::now();
                self.noticed = Some((now + QUIET, now + LONGEST));
                continue;
            };
            tokio::select! {
                () = sleep_until(due) => {
                    self.noticed = None;
                    return;
                }
                Some(()) = self.changes.recv() => {
                    self.noticed = Some((latest.min(Instant::now() + QUIET), latest));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn new_changed_and_removed_files_are_noticed_once_a_burst() {
        let folder = tempfile::tempdir().unwrap();
        let (mut folders, watching) = Folders::watch(&[folder.path().to_owned()]);
        watching.unwrap();
        let within = Duration::from_secs(10);
        for number in 0..20 {
            fs::write(folder.path().join(format!("{number}.yaml")), "a").unwrap();
        }
        timeout(within, folders.changed()).await.expect("new files");
        fs::create_dir(folder.path().join("sub")).unwrap();
        timeout(within, folders.changed()).await.expect("a new folder");
        fs::write(folder.path().join("sub/x.yaml"), "a").unwrap();
        timeout(within, folders.changed()).await.expect("a file in the new folder");
        fs::remove_file(folder.path().join("0.yaml")).unwrap();
        timeout(within, folders.changed()).await.expect("a removed file");
    }

    #[tokio::test]
    async fn a_change_survives_a_wait_that_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let (mut folders, _) = Folders::watch(&[folder.path().to_owned()]);
        fs::write(folder.path().join("a.yaml"), "a").unwrap();
        let mut given_up = 0;
        while timeout(QUIET / 10, folders.changed()).await.is_err() {
            given_up += 1;
            assert!(given_up < 1000, "the change was lost");
        }
        assert!(given_up > 0);
    }

    #[tokio::test]
    async fn a_place_that_cannot_be_watched_is_an_error_and_stays_quiet() {
        let (mut folders, watching) = Folders::watch(&[PathBuf::from("/nowhere/at/all")]);
        assert!(watching.is_err());
        assert!(timeout(Duration::from_millis(20), folders.changed()).await.is_err());
    }
}
