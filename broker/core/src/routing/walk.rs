//! The walk from exchange to exchange that ends in queues.
//!
//! An exchange that de-duplicates is left for later: what can be reached without passing it comes
//! first, and is not judged by its window. Then the walk goes on behind each of them, and the queues
//! that are found there are to judge the message by all the keys on their way.

use std::iter::once;

use broker_protocol::reply::ReplyCode;

use crate::message::Message;
use crate::refusal::Refusal;
use crate::routing::copies;
use crate::routing::targets::Targets;
use crate::topology::{Exchange, Routes, Vhost};

// === impl Routes ===

impl Routes {
    /// Finds the queues for `message`, published to its exchange in `vhost`, replacing what was in
    /// `targets`.
    ///
    /// A message that an exchange has no binding for goes to that exchange's alternate, if it has
    /// one and it exists. Each exchange is visited once, so cycles end. Allocates nothing once
    /// `targets` has grown, save on headers exchanges and those that de-duplicate.
    ///
    /// # Errors
    ///
    /// 404 if there is no such exchange, 403 if it is internal and the message does not come from
    /// the broker itself, 406 if the message's expiration is not a number or its `CC` and `BCC` are
    /// no lists, 530 if there is no such vhost.
    pub fn route(
        &self,
        vhost: &str,
        message: &Message,
        targets: &mut Targets,
    ) -> Result<(), Refusal> {
        let found = self.vhost(vhost).ok_or_else(|| Refusal::no_vhost(vhost))?;
        found.route(message, targets)
    }
}

// === impl Vhost ===

impl Vhost {
    /// Like [`Routes::route`], for a vhost already at hand.
    ///
    /// # Errors
    ///
    /// As [`Routes::route`].
    pub fn route(&self, message: &Message, targets: &mut Targets) -> Result<(), Refusal> {
        targets.clear();
        let name = message.exchange();
        if name.is_empty() {
            message.ttl()?;
            let copies = copies::keys(message)?;
            for key in once(message.routing_key()).chain(copies.iter().map(String::as_str)) {
                if let Some(queue) = self.queue(key) {
                    targets.add_queue(queue.id);
                }
            }
            targets.finish();
            return Ok(());
        }
        let exchange =
            self.exchange(name).ok_or_else(|| Refusal::no_exchange(self.name(), name))?;
        if exchange.internal && !message.is_dead_letter() {
            let vhost = self.name();
            let detail = format!("cannot publish to internal exchange '{name}' in vhost '{vhost}'");
            return Err(Refusal::new(ReplyCode::AccessRefused, detail));
        }
        message.ttl()?;
        let copies = copies::keys(message)?;
        self.route_all(exchange, message, &copies, targets);
        Ok(())
    }

    /// Finds the queues for `message` from `exchange` on, whatever it was published to. To no queue
    /// if there is no such exchange, or its `CC` and `BCC` are no lists.
    pub fn route_from(&self, exchange: &str, message: &Message, targets: &mut Targets) {
        targets.clear();
        if let (Some(exchange), Ok(copies)) = (self.exchange(exchange), copies::keys(message)) {
            self.route_all(exchange, message, &copies, targets);
        }
    }

    fn route_all(
        &self,
        exchange: &Exchange,
        message: &Message,
        copies: &[String],
        targets: &mut Targets,
    ) {
        visit(exchange, message, copies, targets);
        self.walk(message, copies, targets);
        targets.finish();
        while let Some(next) = targets.next_judging() {
            if let Some(exchange) = self.exchange(&next) {
                pass(exchange, message, copies, targets);
                self.walk(message, copies, targets);
            }
            targets.finish();
        }
    }

    /// Visits what was noted on the way.
    fn walk(&self, message: &Message, copies: &[String], targets: &mut Targets) {
        while let Some(next) = targets.next_exchange() {
            if let Some(exchange) = self.exchange(&next) {
                visit(exchange, message, copies, targets);
            }
        }
    }
}

/// Adds what the exchange leads to, or notes it for later if it judges the message.
fn visit(exchange: &Exchange, message: &Message, copies: &[String], targets: &mut Targets) {
    if let Some(judge) = &exchange.dedup
        && let Some(key) = judge.key(message)
        && targets.add_judging(&exchange.name, key)
    {
        return;
    }
    pass(exchange, message, copies, targets);
}

/// Adds what the exchange leads to, under each of the message's keys; or its own queue, if it holds
/// the message back.
fn pass(exchange: &Exchange, message: &Message, copies: &[String], targets: &mut Targets) {
    if let Some(queue) = exchange.delays
        && message.delay().is_some()
    {
        return targets.add_delaying(queue);
    }
    let mut matched = exchange.router.find(message.routing_key(), message, targets);
    for key in copies {
        matched |= exchange.router.find(key, message, targets);
    }
    if !matched && let Some(alternate) = &exchange.alternate {
        targets.add_exchange(alternate);
    }
}
