//! A document is tried out on a copy of the topology before any of it is carried out: what cannot be
//! carried out as a whole is refused as a whole.
//!
//! What others change while it is carried out can still stand in its way, as can a crash; importing it
//! again then completes it.

use std::sync::Arc;

use broker_api::{Definitions, LimitValues, Parameter, PermissionChange, Policy, User};
use broker_core::access;
use broker_core::id::QueueId;
use broker_core::name::Name;
use broker_core::policy::Rank;
use broker_core::topology::{Command, Routes, Topology};

use crate::durable::topology_record::NOBODY;
use crate::management::declaring::{exchange_to_declare, queue_to_declare};
use crate::management::definitions::reading::{is_ours, operator_policy, to_bind};
use crate::management::failed::Failed;
use crate::management::parameters::{OPERATOR_POLICY, VHOST_LIMITS};
use crate::management::{limits, permissions, policies, users, vhosts};

/// A copy of the topology.
struct Rehearsal {
    topology: Topology,
}

/// Refuses a document that could not be carried out as things are.
pub(super) fn rehearse(routes: &Routes, definitions: &Definitions) -> Result<(), Failed> {
    let mut copy = Rehearsal { topology: Topology::from(routes.clone()) };
    definitions.users.iter().try_for_each(|user| copy.user(user))?;
    for vhost in &definitions.vhosts {
        let properties = vhost.metadata.as_ref().unwrap_or(&vhost.properties).clone();
        vhosts::properties(&copy.topology.snapshot(), &vhost.name, properties)?;
        limits_make_sense(&vhost.limits, limits::OF_VHOSTS)?;
        copy.apply(Command::CreateVhost { vhost: vhosts::named(&vhost.name)? })?;
    }
    for found in &definitions.permissions {
        let change = PermissionChange {
            configure: found.configure.clone(),
            write: found.write.clone(),
            read: found.read.clone(),
        };
        permissions::read(&change)?;
        permissions::exist(&copy.topology.snapshot(), &found.vhost, &found.user)?;
    }
    for found in &definitions.topic_permissions {
        let patterns = (&*found.write, &*found.read);
        permissions::read_topic(patterns, &found.user, &found.vhost)?;
        permissions::exist(&copy.topology.snapshot(), &found.vhost, &found.user)?;
    }
    definitions.parameters.iter().try_for_each(|parameter| copy.parameter(parameter))?;
    definitions.policies.iter().try_for_each(|policy| copy.policy(Rank::User, policy))?;
    copy.objects(definitions)
}

fn limits_make_sense(values: &LimitValues, known: [&str; 2]) -> Result<(), Failed> {
    for (name, value) in values {
        limits::limit(*value)?;
        if !known.contains(&name.as_str()) {
            return Err(limits::unknown(name, known));
        }
    }
    Ok(())
}

// === impl Rehearsal ===

impl Rehearsal {
    fn apply(&mut self, command: Command) -> Result<(), Failed> {
        self.topology.apply(command).map(drop).map_err(Failed::from)
    }

    fn user(&mut self, user: &User) -> Result<(), Failed> {
        let name = users::named(&user.name)?;
        let method = Some(&*user.hashing_algorithm).filter(|method| !method.is_empty());
        let password = users::imported(&user.password_hash, method)?;
        limits_make_sense(&user.limits, limits::OF_USERS)?;
        let tags = user.tags.iter().map(|tag| Name::new(tag)).collect();
        self.apply(Command::Access(access::Command::SetUser { name, password, tags }))
    }

    fn parameter(&mut self, parameter: &Parameter) -> Result<(), Failed> {
        match parameter.component.as_str() {
            VHOST_LIMITS => {
                let values = serde_json::from_value(parameter.value.clone());
                let values: LimitValues = values.map_err(Failed::bad_request)?;
                limits_make_sense(&values, limits::OF_VHOSTS)?;
                self.topology
                    .snapshot()
                    .vhost(&parameter.vhost)
                    .map(drop)
                    .ok_or_else(Failed::not_found)
            }
            OPERATOR_POLICY => {
                let policy = operator_policy(parameter.clone())?;
                self.policy(Rank::Operator, &policy)
            }
            _ => Ok(()),
        }
    }

    fn policy(&mut self, rank: Rank, policy: &Policy) -> Result<(), Failed> {
        let read = policies::read(rank, &Name::new(&policy.name), policy)?;
        let vhost = Name::new(&policy.vhost);
        self.apply(Command::SetPolicy { vhost, rank, policy: Arc::new(read) })
    }

    fn objects(&mut self, definitions: &Definitions) -> Result<(), Failed> {
        for exchange in definitions.exchanges.iter().filter(|exchange| is_ours(&exchange.name)) {
            let place = (&*exchange.vhost, &*exchange.name);
            let wanted = exchange_to_declare(place, exchange.declaration.clone())?;
            self.apply(Command::DeclareExchange(wanted))?;
        }
        for (number, queue) in definitions.queues.iter().enumerate() {
            let place = (&*queue.vhost, &*queue.name);
            // A number that no queue has; this one is never made.
            let id = QueueId(u64::MAX - number as u64);
            let mut wanted = queue_to_declare(place, queue.declaration.clone(), id)?;
            if let Some(vhost) = self.topology.snapshot().vhost(&queue.vhost) {
                wanted.complete(vhost);
            }
            self.apply(Command::DeclareQueue(wanted))?;
        }
        for binding in definitions.bindings.iter().filter(|binding| !binding.source.is_empty()) {
            self.apply(Command::Bind(to_bind(binding.clone())?, NOBODY))?;
        }
        Ok(())
    }
}
