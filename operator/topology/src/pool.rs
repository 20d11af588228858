//! One connection for each cluster and vhost, made when first needed and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::endpoint::Endpoint;
use crate::slot::Slot;

/// The operator's connections to all brokers it programs.
///
/// Cheap to share behind an `Arc`. A connection that breaks is made again on next use; after a failure to connect, callers
/// get that failure for a second rather than each their own attempt.
#[derive(Debug, Default)]
pub struct Pool {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

/// A cluster's identity and a vhost.
type Key = (String, String);

// === impl Pool ===

impl Pool {
    /// A pool without connections.
    pub fn new() -> Self {
        Self::default()
    }

    /// Closes and forgets the connections to `cluster`, because it is gone.
    pub fn forget(&self, cluster: &str) {
        self.lock().retain(|(owner, _), _| owner != cluster);
    }

    /// The place of the connection to `vhost`, which exists from the first question on.
    pub(crate) fn slot(&self, endpoint: &Endpoint, vhost: &str) -> Arc<Slot> {
        let key = (endpoint.cluster.clone(), vhost.to_owned());
        Arc::clone(self.lock().entry(key).or_insert_with(|| Arc::new(Slot::new(vhost))))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        // The map is whole after every statement that changes it, so a panic elsewhere leaves it usable.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::arguments::Arguments;
    use crate::command::Removal;
    use crate::endpoint::Password;
    use crate::error::Error;
    use crate::object::{Binding, Destination, Object};
    use crate::programming::Presence;

    /// An address where nobody listens.
    fn nobody() -> Endpoint {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Endpoint {
            cluster: "shop/orders".into(),
            host: "127.0.0.1".into(),
            port,
            username: "warren".into(),
            password: Password::new("s3cret"),
        }
    }

    fn binding(routing_key: &str) -> Object {
        Object::Binding(Binding {
            source: "orders".into(),
            destination: Destination::Queue("billing".into()),
            routing_key: routing_key.into(),
            arguments: Arguments::default(),
        })
    }

    #[tokio::test]
    async fn nobody_there_is_told_with_the_address() {
        let (pool, endpoint) = (Pool::new(), nobody());
        for _ in 0..2 {
            let error = pool.ensure(&endpoint, "/", &binding("#"), Presence::Unknown).await;
            let Err(Error::Unreachable { address, .. }) = error else { panic!("{error:?}") };
            assert_eq!(address, endpoint.address());
        }
        let error = pool.remove(&endpoint, "/", &binding("#"), Removal::default()).await;
        assert!(matches!(error, Err(Error::Unreachable { .. })), "{error:?}");
        pool.forget("shop/orders");
        assert!(pool.lock().is_empty());
    }

    #[tokio::test]
    async fn what_does_not_fit_on_the_wire_is_not_sent() {
        let key = "k".repeat(256);
        let error = Pool::new().ensure(&nobody(), "/", &binding(&key), Presence::Unknown).await;
        let Err(Error::Invalid(text)) = error else { panic!("{error:?}") };
        assert_eq!(text, "the routing key has 256 bytes; AMQP allows 255");
    }
}
