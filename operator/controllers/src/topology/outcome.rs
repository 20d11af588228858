//! What a broker's answer means for a resource: which verdict, told how.

use operator_api::condition::{self, PROGRAMMED};
use operator_api::group::FORCE_DELETE_ANNOTATION;
use operator_api::topology::TopologyStatus;
use operator_topology::{Ensured, Error, Object};

use crate::registry::Broker;
use crate::topology::decision::still_there;
use crate::verdict::{Feat, Reason, Verdict};

/// What a success adds to what was known; `None` when it only confirms it.
pub(crate) fn feat(
    ensured: Ensured,
    before: &TopologyStatus,
    generation: Option<i64>,
    broker: &Broker,
) -> Option<Feat> {
    let Some(epoch) = &before.epoch else { return Some(Feat::Declared) };
    let restarted = *epoch != broker.epoch;
    let programmed = condition::find(&before.conditions, PROGRAMMED);
    let held = programmed.is_some_and(|condition| condition.status == "True");
    match ensured {
        Ensured::Created if restarted => Some(Feat::Reprogrammed),
        Ensured::Created => Some(Feat::DriftCorrected),
        // Only bindings are declared without a look first, once they were there.
        Ensured::Declared if restarted => Some(Feat::Reprogrammed),
        _ if held && before.observed_generation == generation => None,
        _ => Some(Feat::Declared),
    }
}

/// The message of a true `Programmed`.
pub(crate) fn story(feat: Feat, object: &Object, broker: &Broker) -> String {
    let (member, epoch) = (&broker.member, &broker.epoch);
    match feat {
        Feat::Declared => format!("{object} is declared in broker {member}"),
        Feat::Reprogrammed => {
            format!("{object} was declared again: broker {member} had started anew (epoch {epoch})")
        }
        Feat::DriftCorrected => {
            format!("{object} was declared again: somebody had deleted it from broker {member}")
        }
    }
}

/// The verdict on a resource that should exist and that the broker did not take.
pub(crate) fn refusal(error: &Error, object: &Object, broker: &Broker) -> Verdict {
    let user = &broker.endpoint.username;
    let (reason, message) = match error {
        Error::Unreachable { .. } => {
            (Reason::BrokerUnreachable, format!("{error}; it is tried again"))
        }
        Error::AccessRefused(text) => (
            Reason::AccessRefused,
            format!(
                "the broker refuses user '{user}': {text}: grant the permission, or correct the cluster's Secret"
            ),
        ),
        Error::NoVhost(vhost) => (
            Reason::WaitingForVhost,
            format!(
                "vhost '{vhost}' does not exist in the broker: create it, or correct spec.vhost"
            ),
        ),
        Error::NotFound(text) => (
            Reason::ReferenceNotFound,
            format!(
                "{text}: apply the Exchange or Queue that declares it, or correct spec.source and spec.destination; \
                 the binding is made as soon as both exist"
            ),
        ),
        Error::Mismatch(text) => (
            Reason::ImmutableMismatch,
            format!(
                "{object} exists in the broker with other settings, which AMQP cannot change: {text}: make the \
                 manifest agree, choose another name, or delete the object in the broker (a queue loses its messages)"
            ),
        ),
        Error::Locked(text) => (
            Reason::ResourceLocked,
            format!("{text}: it is tried again until the connection that holds {object} closes"),
        ),
        Error::Invalid(text) | Error::InUse(text) => (
            Reason::BrokerRefused,
            format!("the broker does not accept {object}: {text}: correct the manifest"),
        ),
        Error::Refused { .. } => {
            (Reason::BrokerRefused, format!("the broker does not accept {object}: {error}"))
        }
    };
    Verdict::new(reason, message)
}

/// The verdict on a resource that adopts nothing and whose object exists.
pub(crate) fn taken(object: &Object) -> Verdict {
    Verdict::new(
        Reason::AlreadyExists,
        format!(
            "{object} exists in the broker and spec.adoption is Never: choose another name, delete the object in the \
             broker, or set spec.adoption: IfIdentical"
        ),
    )
}

/// The verdict on a resource that should go and whose object the broker did not remove; `None` when
/// the object cannot be there.
pub(crate) fn obstacle(error: &Error, object: &Object, broker: &Broker) -> Option<Verdict> {
    Some(match error {
        Error::NoVhost(_) => return None,
        Error::Unreachable { .. } => still_there(&error.to_string()),
        Error::InUse(text) => Verdict::new(
            Reason::DeletionBlocked,
            format!(
                "{object} stays until it may be removed: {text}: empty it or end its use, set spec.onlyIfEmpty and \
                 spec.onlyIfUnused to false, or annotate the resource with {FORCE_DELETE_ANNOTATION}=true to leave \
                 the object in the broker"
            ),
        ),
        _ => {
            let Verdict { reason, message } = refusal(error, object, broker);
            let escape = format!(
                "annotate the resource with {FORCE_DELETE_ANNOTATION}=true to leave the object in the broker"
            );
            Verdict::new(
                reason,
                format!("cannot be removed from the broker: {message}; or {escape}"),
            )
        }
    })
}

#[cfg(test)]
mod tests;
