//! What the user of one connection may do, concluded once and again when something changes.

use std::sync::atomic::Ordering;

use broker_core::access::{Access, Actor, Resource, Right, Tag};
use broker_core::message::Message;
use broker_core::name::Name;
use broker_core::refusal::Refusal;
use broker_core::topology::{Command, ExchangeKind, Routes, Vhost, permits};
use broker_protocol::reply::ReplyCode;

use crate::connection::Task;

/// Exchanges that are remembered as permitted to be written to.
const REMEMBERED: usize = 32;

/// Who acts on a connection, and what is known of its permissions.
#[derive(Debug)]
pub(super) struct Permissions {
    actor: Actor,
    /// Of the metadata that the rest was concluded from; none before it was.
    version: Option<u64>,
    writes: Writes,
}

/// What need not be asked again for each message.
#[derive(Debug)]
enum Writes {
    /// Nothing has to be checked.
    All,
    /// These exchanges may be written to, with any routing key unless they are of the topic type.
    Some(Vec<Name>),
}

// === impl Permissions ===

impl Default for Permissions {
    fn default() -> Self {
        Self { actor: Actor::new(""), version: None, writes: Writes::Some(Vec::new()) }
    }
}

impl Permissions {
    /// Whoever has logged in; empty before.
    pub(super) fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(super) fn set_actor(&mut self, actor: Actor) {
        *self = Self { actor, ..Self::default() };
    }

    /// What was concluded has to be concluded again, as for another vhost.
    pub(super) fn forget(&mut self) {
        self.version = None;
    }

    /// Concludes anew if something has changed; false if nothing has.
    fn refresh(&mut self, access: &Access, vhost: &str) -> bool {
        if self.version == Some(access.version()) {
            return false;
        }
        self.version = Some(access.version());
        let all = access.may_write_all(&self.actor, vhost);
        self.writes = if all { Writes::All } else { Writes::Some(Vec::new()) };
        true
    }

    /// Refuses a message that may not be published.
    #[inline]
    pub(super) fn check_publish(
        &mut self,
        routes: &Routes,
        vhost: &Vhost,
        message: &Message,
    ) -> Result<(), Refusal> {
        match &mut self.writes {
            Writes::All => Ok(()),
            Writes::Some(known) => check_write(&self.actor, known, (routes, vhost), message),
        }
    }
}

fn check_write(
    actor: &Actor,
    known: &mut Vec<Name>,
    (routes, vhost): (&Routes, &Vhost),
    message: &Message,
) -> Result<(), Refusal> {
    let (access, exchange) = (routes.access(), message.exchange());
    if !known.iter().any(|known| *known == *exchange) {
        access.check(actor, vhost.name(), Right::Write, Resource::Exchange(exchange))?;
        if known.len() == REMEMBERED {
            known.clear();
        }
        known.push(exchange.into());
    }
    match vhost.exchange(exchange) {
        Some(found) if found.kind == ExchangeKind::Topic => {
            let topic = (exchange, message.routing_key());
            access.check_topic(actor, vhost.name(), topic, Right::Write)
        }
        _ => Ok(()),
    }
}

// === impl Task ===

impl Task {
    /// Takes note of what has changed about users and permissions.
    pub(super) fn refresh_permissions(&mut self) {
        let routes = self.node.directory.routes();
        let access = routes.access();
        if !self.permissions.refresh(access, &self.vhost) {
            return;
        }
        let actor = self.permissions.actor();
        let user = access.user(&actor.name).filter(|_| !actor.unlimited);
        let limited = user.is_some_and(|user| user.limits.max_channels.is_some());
        self.session.set_impersonator(access.bears(actor, Tag::Impersonator));
        self.session.ask_for_channels(limited);
    }

    /// Refuses one channel more than the user may have open, and counts it otherwise.
    pub(super) fn check_channel(&mut self) -> Result<(), Refusal> {
        let routes = self.node.directory.routes();
        let user = routes.access().user(&self.permissions.actor().name);
        let Some(limit) = user.and_then(|user| user.limits.max_channels) else { return Ok(()) };
        self.profile.channels.store(self.session.channels() as u64, Ordering::Relaxed);
        if self.node.registry.open_channel(&self.profile, limit.into()) {
            return Ok(());
        }
        let user = &self.permissions.actor().name;
        let detail = format_args!(
            "number of channels opened for user '{user}' has reached the maximum allowed user limit of \
             ({limit})"
        );
        Err(Refusal::new(ReplyCode::NotAllowed, detail))
    }

    /// Refuses a change of the topology that the user may not make.
    pub(super) fn check_change(&self, command: &Command) -> Result<(), Refusal> {
        permits(&self.node.directory.routes(), self.permissions.actor(), command)
    }

    /// Refuses what may not be done to a queue.
    pub(super) fn check_queue(&self, right: Right, queue: &str) -> Result<(), Refusal> {
        let routes = self.node.directory.routes();
        let actor = self.permissions.actor();
        routes.access().check(actor, &self.vhost, right, Resource::Queue(queue))
    }
}
