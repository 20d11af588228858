//! Making one object so, and unmaking it.

use crate::command::{Command, Removal};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::object::Object;
use crate::pool::Pool;

/// What the caller knows about an object before it is ensured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Nothing: an identical one that exists is taken over.
    Unknown,
    /// It was there before. Whether it still was is told by [`Ensured`].
    Expected,
}

/// How an object came to be what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It is there; whether it was there before is not known.
    Declared,
    /// It was there before.
    Found,
    /// It was not there before.
    Created,
}

// === impl Pool ===

impl Pool {
    /// Makes `object` exist exactly as described. Idempotent.
    ///
    /// AMQP cannot ask whether a binding exists, so for bindings `presence` makes no difference and the answer is [`Ensured::Declared`].
    ///
    /// # Errors
    ///
    /// [`Error`] says what the broker answered. An object of the same name that differs is never touched.
    pub async fn ensure(
        &self,
        endpoint: &Endpoint,
        vhost: &str,
        object: &Object,
        presence: Presence,
    ) -> Result<Ensured, Error> {
        check_names(object)?;
        let ensured = if presence == Presence::Unknown || matches!(object, Object::Binding(_)) {
            Ensured::Declared
        } else if self.exists(endpoint, vhost, object).await? {
            Ensured::Found
        } else {
            Ensured::Created
        };
        self.slot(endpoint, vhost).run(endpoint, Command::Declare(object)).await?;
        Ok(ensured)
    }

    /// Whether there is an exchange or queue of this name, whatever its settings. AMQP cannot ask for a binding, which may
    /// always be there.
    ///
    /// # Errors
    ///
    /// What the broker answered.
    pub async fn exists(
        &self,
        endpoint: &Endpoint,
        vhost: &str,
        object: &Object,
    ) -> Result<bool, Error> {
        check_names(object)?;
        if matches!(object, Object::Binding(_)) {
            return Ok(true);
        }
        match self.slot(endpoint, vhost).run(endpoint, Command::Check(object)).await {
            Ok(()) => Ok(true),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes `object` not exist. Idempotent: what is gone already is fine.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] when `removal` forbids it; otherwise what the broker answered.
    pub async fn remove(
        &self,
        endpoint: &Endpoint,
        vhost: &str,
        object: &Object,
        removal: Removal,
    ) -> Result<(), Error> {
        check_names(object)?;
        match self.slot(endpoint, vhost).run(endpoint, Command::Remove(object, removal)).await {
            Err(Error::NotFound(_)) => Ok(()),
            done => done,
        }
    }
}

/// Everything that AMQP keeps in a short string must fit in one.
fn check_names(object: &Object) -> Result<(), Error> {
    let names: [(&str, &str); 3] = match object {
        Object::Exchange(e) => [("name", &e.name), ("type", &e.kind), ("name", "")],
        Object::Queue(q) => [("name", &q.name), ("name", ""), ("name", "")],
        Object::Binding(b) => [
            ("source", &b.source),
            ("destination", b.destination.name()),
            ("routing key", &b.routing_key),
        ],
    };
    match names.into_iter().find(|(_, name)| name.len() > 255) {
        Some((what, name)) => {
            Err(Error::Invalid(format!("the {what} has {} bytes; AMQP allows 255", name.len())))
        }
        None => Ok(()),
    }
}
