//! Queues as the topology knows them, and the rules of declaring them.

use std::sync::Arc;

use broker_protocol::reply::ReplyCode;
use broker_protocol::table::{FieldTable, Value};

use crate::arguments;
use crate::dedup;
use crate::id::{ConnectionId, QueueId};
use crate::name::Name;
use crate::policy::{Governed, Policies};
use crate::queue::{COMPARED, KIND, Kind, Settings, check_belonging};
use crate::refusal::Refusal;
use crate::topology::command::{DeclareQueue, Outcome};
use crate::topology::{Topology, Vhost};

/// A queue's entry in the topology. The queue itself lives with its shard.
#[derive(Debug, Clone)]
pub struct QueueRecord {
    /// This incarnation's id.
    pub id: QueueId,
    /// The connection it is exclusive to, if it is.
    pub owner: Option<ConnectionId>,
    /// The arguments as declared.
    pub arguments: FieldTable,
    /// The policies that apply to it.
    pub governed: Governed,
    /// Its name, attributes and rules: what comes of arguments and policies.
    pub settings: Arc<Settings>,
}

// === impl QueueRecord ===

impl QueueRecord {
    /// The same queue under other policies, if they make a difference to it.
    pub(super) fn under(&self, policies: &Policies) -> Option<Self> {
        let Settings { vhost, name, durable, auto_delete, kind, .. } = &*self.settings;
        let governed = policies.of_queue(name, *kind);
        if governed == self.governed {
            return None;
        }
        let plain = Settings {
            durable: *durable,
            auto_delete: *auto_delete,
            ..Settings::new(vhost.clone(), name.clone())
        };
        // What was accepted once is accepted again.
        let declared = plain.with_arguments(&self.arguments).ok()?;
        let settings = governed.settings(declared, &self.arguments);
        let settings = if settings == *self.settings {
            Arc::clone(&self.settings)
        } else {
            Arc::new(settings)
        };
        let (id, owner, arguments) = (self.id, self.owner, self.arguments.clone());
        Some(Self { id, owner, arguments, governed, settings })
    }

    /// The refusal to anyone who is not the owner, or claims to be one of a queue that has none.
    pub(super) fn locked(&self) -> Refusal {
        let Settings { vhost, name, .. } = &*self.settings;
        let detail = format_args!(
            "cannot obtain exclusive access to locked queue '{name}' in vhost '{vhost}'. It could \
             be originally declared on another connection or the exclusive property value does \
             not match that of the original declaration."
        );
        Refusal::new(ReplyCode::ResourceLocked, detail)
    }
}

// === impl DeclareQueue ===

impl DeclareQueue {
    /// Gives a declaration that names no type the one of the queue that is there, or the vhost's default
    /// where a queue like this can be of it.
    pub fn complete(&mut self, vhost: &Vhost) {
        if self.passive || self.arguments.get(KIND).is_some() {
            return;
        }
        let kind = match vhost.queue(&self.name) {
            Some(queue) => queue.arguments.get(KIND).and_then(Value::as_str),
            None if !self.durable || self.exclusive || self.auto_delete => None,
            None => Some(vhost.properties().default_queue_type.as_str()),
        };
        if let Some(kind) = kind.filter(|kind| !kind.is_empty()) {
            self.arguments.insert(KIND, kind);
        }
    }
}

// === impl Topology ===

impl Topology {
    /// Declares a queue: a `new` one has to keep rules that one which was declared in the past need not.
    pub(super) fn declare_queue(
        &mut self,
        wanted: DeclareQueue,
        new: bool,
    ) -> Result<Outcome, Refusal> {
        let vhost = self.vhost_mut(&wanted.vhost)?;
        if wanted.passive {
            return vhost.usable_queue(&wanted.name, wanted.connection).map(|queue| found(queue));
        }
        arguments::check_not_reserved("queue", &wanted.name)?;
        let owner = wanted.exclusive.then_some(wanted.connection);
        let generated = wanted.name.is_empty();
        let name = if generated { wanted.generated_name.clone() } else { wanted.name.clone() };
        if let Some(current) = vhost.queue(&name) {
            assert_equivalent(current, &wanted, owner)?;
            return Ok(found(current));
        }
        if new {
            check_limit(vhost, &name)?;
            let entity = format!("queue '{name}' in vhost '{}'", wanted.vhost);
            check_belonging(&wanted.arguments, &entity)?;
        }
        let declared = settings(&wanted, &name)?;
        let governed = vhost.policies().of_queue(&name, declared.kind);
        let settings = Arc::new(governed.settings(declared, &wanted.arguments));
        let record = QueueRecord {
            id: wanted.id,
            owner,
            arguments: wanted.arguments,
            governed,
            settings: settings.clone(),
        };
        vhost.insert_queue(Arc::new(record));
        if let Some(owner) = owner {
            let owned = self.owned.entry(owner).or_default();
            owned.insert((settings.vhost.clone(), name.clone()));
        }
        Ok(Outcome::Queue { name, id: wanted.id, created: true, settings })
    }

    pub(super) fn queue_gone(&mut self, vhost: &Name, name: &Name, id: QueueId) -> Outcome {
        let removed = self.routes.vhost_mut(vhost).and_then(|vhost| vhost.remove_queue(name, id));
        if let Some(owner) = removed.as_ref().and_then(|queue| queue.owner)
            && let Some(owned) = self.owned.get_mut(&owner)
        {
            owned.remove(&(vhost.clone(), name.clone()));
            if owned.is_empty() {
                self.owned.remove(&owner);
            }
        }
        Outcome::Done { changed: removed.is_some() }
    }

    pub(super) fn connection_closed(&mut self, connection: ConnectionId) -> Outcome {
        let mut queues = Vec::new();
        for (vhost, name) in self.owned.remove(&connection).unwrap_or_default() {
            let Some(vhost) = self.routes.vhost_mut(&vhost) else { continue };
            let Some(id) = vhost.queue(&name).map(|queue| queue.id) else { continue };
            vhost.remove_queue(&name, id);
            queues.push((name, id));
        }
        Outcome::Removed { queues }
    }
}

/// Refuses one queue more than the vhost may hold.
fn check_limit(vhost: &Vhost, name: &Name) -> Result<(), Refusal> {
    match vhost.limits().max_queues {
        Some(limit) if vhost.queue_count() as u64 >= u64::from(limit) => {
            let vhost = vhost.name();
            Err(Refusal::precondition(format_args!(
                "cannot declare queue '{name}': queue limit in vhost '{vhost}' ({limit}) is reached"
            )))
        }
        _ => Ok(()),
    }
}

/// What a new queue of this name is to be.
fn settings(wanted: &DeclareQueue, name: &Name) -> Result<Settings, Refusal> {
    let plain = Settings {
        durable: wanted.durable && !wanted.exclusive,
        auto_delete: wanted.auto_delete,
        ..Settings::new(wanted.vhost.clone(), name.clone())
    };
    let settings = plain.with_arguments(&wanted.arguments)?;
    if settings.kind == Kind::Quorum {
        // One that is not durable, or goes with its connection, need not be kept in copies.
        let forbidden = match settings {
            _ if wanted.exclusive => Some("exclusive-owner"),
            Settings { durable: false, .. } => Some("non-durable"),
            Settings { auto_delete: true, .. } => Some("auto-delete"),
            _ => None,
        };
        if let Some(property) = forbidden {
            let vhost = &wanted.vhost;
            let detail =
                format_args!("invalid property '{property}' for queue '{name}' in vhost '{vhost}'");
            return Err(Refusal::precondition(detail));
        }
    }
    Ok(settings)
}

/// Refuses a declaration that differs from the queue there is.
fn assert_equivalent(
    current: &QueueRecord,
    wanted: &DeclareQueue,
    owner: Option<ConnectionId>,
) -> Result<(), Refusal> {
    if current.owner != owner && (current.owner.is_some() || owner.is_some()) {
        return Err(current.locked());
    }
    let Settings { vhost, name, durable, auto_delete, .. } = &*current.settings;
    let entity = format!("queue '{name}' in vhost '{vhost}'");
    let durable_wanted = wanted.durable && !wanted.exclusive;
    arguments::assert_same("durable", &entity, durable_wanted, *durable)?;
    arguments::assert_same("auto_delete", &entity, wanted.auto_delete, *auto_delete)?;
    let (wanted, current) = (&wanted.arguments, &current.arguments);
    arguments::assert_equivalent(&COMPARED, &entity, wanted, current)?;
    arguments::assert_equivalent(&dedup::rule::COMPARED, &entity, wanted, current)?;
    let classic =
        |table: &FieldTable| table.get(KIND).is_none_or(|kind| kind.as_str() == Some("classic"));
    if classic(wanted) && classic(current) {
        return Ok(());
    }
    arguments::assert_equivalent(&[KIND], &entity, wanted, current)
}

fn found(queue: &QueueRecord) -> Outcome {
    Outcome::Queue {
        name: queue.settings.name.clone(),
        id: queue.id,
        created: false,
        settings: queue.settings.clone(),
    }
}
