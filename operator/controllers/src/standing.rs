//! How far the exchanges and queues are that bindings need.
//!
//! After a restart of a broker everything is programmed at once, and a binding may come before its
//! ends. It waits for those that a resource is about to declare, instead of calling them missing.
//!
//! ```text
//!  resource seen ──▶ Pending ──▶ Confirmed(epoch) ──▶ (broker away, or of another epoch: as Pending)
//!                       └──────▶ Failed: a binding may try, and will tell what the broker says
//! ```

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::object::ObjectKey;

/// One object that a resource stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// Nobody looked at the resource yet, or the broker is away.
    Pending,
    /// The broker of this epoch confirmed it.
    Confirmed(String),
    /// The last attempt did not end well.
    Failed,
}

/// All exchanges and queues that resources stand for.
#[derive(Debug, Default)]
pub(crate) struct Standings(Mutex<HashMap<ObjectKey, Standing>>);

// === impl Standings ===

impl Standings {
    /// A resource stands for `object`.
    pub(crate) fn seen(&self, object: &ObjectKey) {
        self.lock().entry(object.clone()).or_insert(Standing::Pending);
    }

    /// The broker confirmed `object`; returns whether bindings may have waited for that.
    pub(crate) fn confirmed(&self, object: &ObjectKey, epoch: &str) -> bool {
        self.put(object, Standing::Confirmed(epoch.to_owned()))
    }

    /// `object` could not be declared; returns whether bindings may have waited for it.
    pub(crate) fn failed(&self, object: &ObjectKey) -> bool {
        self.put(object, Standing::Failed)
    }

    /// Nothing can be said about `object` as long as its broker is away.
    pub(crate) fn suspended(&self, object: &ObjectKey) {
        self.put(object, Standing::Pending);
    }

    /// No resource stands for `object` any more.
    pub(crate) fn gone(&self, object: &ObjectKey) {
        self.lock().remove(object);
    }

    /// Whether a resource is about to declare `object` in the broker of this epoch.
    pub(crate) fn is_coming(&self, object: &ObjectKey, epoch: &str) -> bool {
        match self.lock().get(object) {
            Some(Standing::Pending) => true,
            Some(Standing::Confirmed(confirmed)) => confirmed != epoch,
            Some(Standing::Failed) | None => false,
        }
    }

    fn put(&self, object: &ObjectKey, standing: Standing) -> bool {
        let mut standings = self.lock();
        let Some(known) = standings.get_mut(object) else { return false };
        let news = *known != standing;
        *known = standing;
        news
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::named::Named;
    use crate::object::What;

    #[test]
    fn only_what_is_on_its_way_is_waited_for() {
        let standings = Standings::default();
        let object = ObjectKey {
            cluster: Named::new("shop", "orders"),
            vhost: "/".into(),
            what: What::Queue("billing".into()),
        };
        let coming = |epoch| standings.is_coming(&object, epoch);

        assert!(!coming("a"), "nobody declares it");
        assert!(!standings.confirmed(&object, "a"), "nobody stands for it");
        standings.seen(&object);
        assert!(coming("a"));
        assert!(standings.confirmed(&object, "a"), "news");
        assert!(!standings.confirmed(&object, "a"), "no news");
        assert!(!coming("a") && coming("b"), "a new broker has to get it anew");
        assert!(standings.failed(&object));
        standings.seen(&object);
        assert!(!coming("b"), "waiting would be for ever");
        standings.suspended(&object);
        assert!(coming("b"));
        standings.gone(&object);
        assert!(!standings.failed(&object) && !coming("a"));
    }
}
