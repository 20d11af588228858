//! When to stop.

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::sync::oneshot;

/// When to stop, for everybody who has to know.
pub(crate) type Shutdown = Shared<BoxFuture<'static, ()>>;

/// kube wants a future that may be shared between threads.
pub(crate) fn sync(shutdown: &Shutdown) -> impl Future<Output = ()> + Send + Sync + 'static {
    let (sender, receiver) = oneshot::channel();
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        shutdown.await;
        // The controller may have ended by itself.
        let _ = sender.send(());
    });
    receiver.map(drop)
}
