//! Class `tx`: publishes and acknowledgements that are gathered, and carried out together.
//!
//! A delivery that was acknowledged in a transaction is neither unacknowledged nor dealt with: to
//! acknowledge it again is an error, and a rollback makes it unacknowledged again, as in RabbitMQ.

use broker_core::message::Message;
use broker_protocol::method::{Method, tx};
use broker_protocol::reply::ReplyCode;

use crate::channel::transaction::Transaction;
use crate::connection::Connection;
use crate::connection::answers::Reply;
use crate::connection::closing::gather;
use crate::connection::topology::unimplemented_method;
use crate::fault::Fault;
use crate::request::{Commit, Publish, PublishId, Request};

// === impl Connection ===

impl Connection {
    pub(super) fn tx_method(
        &mut self,
        number: u16,
        method: &Method<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        match method {
            Method::TxSelect(_) => self.tx_select(number),
            Method::TxCommit(_) => self.tx_commit(number, requests),
            Method::TxRollback(_) => self.tx_rollback(number),
            method => Err(unimplemented_method(method)),
        }
    }

    fn tx_select(&mut self, number: u16) -> Result<(), Fault> {
        let Some(channel) = self.channel(number) else { return Ok(()) };
        if channel.confirms.is_some() {
            let detail = "cannot switch from confirm to tx mode";
            return Err(Fault::channel(ReplyCode::PreconditionFailed, detail));
        }
        channel.transaction.get_or_insert_default();
        self.send(number, tx::SelectOk {});
        Ok(())
    }

    fn tx_commit(&mut self, number: u16, requests: &mut Vec<Request>) -> Result<(), Fault> {
        let (id, transaction) = self.end_transaction(number)?;
        let mut settlements = Vec::new();
        for (_, held, outcome) in &transaction.settlements {
            gather(&mut settlements, held.queue, *outcome, held.id);
        }
        if let Some(channel) = self.channel(number) {
            channel.got -= transaction.settlements.iter().filter(|(_, held, _)| held.got).count();
        }
        let publishes = transaction.publishes;
        let commit = Request::Commit(Box::new(Commit { id, publishes, settlements }));
        let reply = Reply::Done(Some(tx::CommitOk {}.into()));
        self.ask(number, (90, 20), reply, commit, requests);
        self.release_held(number, requests);
        Ok(())
    }

    fn tx_rollback(&mut self, number: u16) -> Result<(), Fault> {
        let (_, transaction) = self.end_transaction(number)?;
        if let Some(channel) = self.channel(number) {
            let settlements = transaction.settlements.into_iter();
            channel.unacked.put_back(settlements.map(|(tag, held, _)| (tag, held)));
            if channel.timeouts.is_some() {
                // Some of it may have been out for too long.
                self.overdue_from = Some(self.times.now());
            }
        }
        self.send(number, tx::RollbackOk {});
        Ok(())
    }

    /// Takes what was gathered, and begins to gather anew.
    fn end_transaction(&mut self, number: u16) -> Result<(PublishId, Transaction), Fault> {
        let ended = self.channels.get_mut(&number).and_then(|channel| {
            let id = PublishId { seq: 0, opened: channel.opened, channel: number };
            channel.transaction.as_mut().map(|transaction| (id, std::mem::take(&mut **transaction)))
        });
        let Some((id, transaction)) = ended else {
            let detail = "channel is not transactional";
            return Err(Fault::channel(ReplyCode::PreconditionFailed, detail));
        };
        self.uncommitted.give_back(&transaction);
        Ok((id, transaction))
    }

    /// Keeps a publish for the commit, and has it checked now.
    pub(super) fn publish_on_commit(
        &mut self,
        number: u16,
        mandatory: bool,
        mut message: Message,
        requests: &mut Vec<Request>,
    ) {
        // It may stay for long, and must not keep alive what was read together with it.
        message.compact();
        let Some(channel) = self.channels.get_mut(&number) else { return };
        let Some(transaction) = &mut channel.transaction else { return };
        if !self.uncommitted.take(message.size(), &self.settings) {
            let fault = Fault::channel(ReplyCode::PreconditionFailed, "transaction is too large");
            return self.fail_on(number, fault, (60, 40), requests);
        }
        let id = PublishId { seq: 0, opened: channel.opened, channel: number };
        let message_again = message.clone();
        transaction.publish(Publish { id, mandatory, confirm: false, message });
        requests.push(Request::Check(Publish {
            id,
            mandatory,
            confirm: false,
            message: message_again,
        }));
    }
}
