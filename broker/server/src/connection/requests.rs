//! Carrying out what the session asks for.

use std::sync::Arc;

use broker_core::id::MessageId;
use broker_core::queue::Command as QueueCommand;
use broker_core::topology::{Command, DeclareQueue, Outcome};
use broker_session::{Answer, Outcome as Settlement, QueueDeclaration, Request};
use broker_storage::position::Position;

use crate::connection::Task;
use crate::connection::questions::Question;
use crate::connection::socket::Socket;
use crate::directory::Changed;
use crate::link::Event;
use crate::random;
use crate::replies::Replies;
use crate::shard::work::Work;

/// Changes of the topology that a connection may be ahead of the log, which bounds what waits for the log
/// and how long nothing is written to the client.
const MOST_AHEAD: usize = 64;

// === impl Task ===

impl Task {
    /// Carries out the requests there are, and those that come of them.
    ///
    /// A loop and not a recursion: a client can send any number of methods in one go.
    pub(super) fn perform(&mut self) {
        loop {
            let mut batch = std::mem::take(&mut self.requests);
            let mut requests = batch.drain(..);
            let mut next = requests.next();
            while let Some(request) = next {
                next = match request {
                    Request::Publish(first) => self.publish(first, &mut requests),
                    request => {
                        self.carry_out(request);
                        requests.next()
                    }
                };
            }
            drop(requests);
            self.refused.clear();
            if !self.requests.is_empty() {
                continue;
            }
            self.requests = batch;
            // A client that asks for more than it reads has to wait until it has read.
            let goes_on = self.answered || self.session.is_paused();
            if !goes_on || self.session.output().len() >= Socket::BACKLOG {
                return;
            }
            self.answered = false;
            self.session.receive(self.socket.input(), self.now, &mut self.requests);
        }
    }

    fn carry_out(&mut self, request: Request) {
        match request {
            Request::Authenticate(login) => self.authenticate(login),
            Request::OpenVhost(vhost) => self.open_vhost(vhost),
            Request::OpenChannel => {
                let answer = self.check_channel().map_or_else(Answer::Refused, |()| Answer::Done);
                self.answer(answer);
            }
            Request::Unsubscribe { queue, consumer } => {
                self.outgoing.command(queue, QueueCommand::Unsubscribe { consumer });
            }
            Request::Grant { queue, consumer, deliveries } => {
                self.outgoing.command(queue, QueueCommand::Grant { consumer, deliveries });
            }
            Request::SetPrefetch { queue, consumer, prefetch } => {
                self.outgoing.command(queue, QueueCommand::SetPrefetch { consumer, prefetch });
            }
            Request::Settle { queue, outcome, ids } => {
                self.outgoing.command(queue, settlement(outcome, ids));
            }
            Request::ForgoReplies { address } => self.node.replies.close(&address),
            Request::Check(publish) => self.check(&publish),
            Request::Commit(commit) => self.commit(*commit),
            Request::Closed => self.closed(),
            request => self.change_or_ask(request),
        }
    }

    /// The requests that are answered: by the topology at once, or by a queue's shard.
    fn change_or_ask(&mut self, request: Request) {
        if !self.session.is_asking() {
            return self.answer(Answer::Done);
        }
        let connection = self.session.id();
        let vhost = self.vhost.clone();
        match request {
            Request::DeclareExchange(wanted) => self.change(Command::DeclareExchange(*wanted)),
            Request::DeleteExchange { name, if_unused } => {
                self.change(Command::DeleteExchange { vhost, name, if_unused });
            }
            Request::Bind(binding) => self.change(Command::Bind(*binding, connection)),
            Request::Unbind(binding) => self.change(Command::Unbind(*binding, connection)),
            Request::DeclareQueue(wanted) => self.declare_queue(*wanted),
            Request::DeleteQueue { name, if_unused, if_empty } => {
                let command = QueueCommand::Delete { if_unused, if_empty };
                self.ask(&name, Question::Delete, command);
            }
            Request::PurgeQueue { name } => self.ask(&name, Question::Purge, QueueCommand::Purge),
            Request::Get { queue, no_ack } => {
                self.ask(&queue, Question::Get, QueueCommand::Get { no_ack });
            }
            Request::Consume { queue, subscription, arguments } => {
                let command = QueueCommand::Subscribe(*subscription);
                self.ask_to_consume(&queue, &arguments, command);
            }
            Request::Cancel { queue, consumer } => self.ask_to_cancel(queue, consumer),
            Request::AwaitReplies(requester) => self.await_replies(requester),
            _ => {}
        }
    }

    fn change(&mut self, command: Command) {
        let permitted = self.check_change(&command);
        match permitted.and_then(|()| self.node.directory.change(command, |_| {})) {
            Ok(changed) => self.answer_once(changed.recorded, Answer::Done),
            Err(refusal) => self.answer(Answer::Refused(refusal)),
        }
    }

    /// Answers, and holds the answer back until what is recorded at `position` survives a crash. The session
    /// goes on meanwhile, so that a client which declares many things one behind another waits for few syncs.
    fn answer_once(&mut self, position: Position, answer: Answer) {
        let store = &self.node.store;
        if store.is_durable(position) {
            return self.answer(answer);
        }
        if self.held.is_none() {
            self.await_recorded(position);
        }
        // On a full disk it may take long: what else there is for the client goes on meanwhile.
        if self.ahead >= MOST_AHEAD || (self.held.is_none() && store.space_low()) {
            self.recording = Some((position, answer));
            return;
        }
        self.ahead += 1;
        self.held = self.held.max(Some(position));
        self.answer(answer);
    }

    fn await_recorded(&self, position: Position) {
        let (store, link) = (Arc::clone(&self.node.store), self.link.clone());
        tokio::spawn(async move {
            store.wait(position).await;
            link.send(Event::Recorded);
        });
    }

    /// What was waited for is on disk; more may have come in between.
    pub(super) fn recorded(&mut self) {
        if let Some(position) = self.held
            && !self.node.store.is_durable(position)
        {
            return self.await_recorded(position);
        }
        self.held = None;
        self.ahead = 0;
        // Before more is held: who declares without end would never hear anything.
        self.write();
        if let Some((position, answer)) = self.recording.take() {
            self.answer_once(position, answer);
        }
    }

    fn declare_queue(&mut self, wanted: QueueDeclaration) {
        if Replies::is_address(&wanted.name) {
            return self.declare_address(wanted.name);
        }
        let generated_name = if wanted.name.is_empty() && !wanted.passive {
            format!("amq.gen-{}", random::name()).into()
        } else {
            "".into()
        };
        let wanted = DeclareQueue {
            vhost: self.vhost.clone(),
            name: wanted.name,
            generated_name,
            id: self.node.directory.next_queue(),
            connection: self.session.id(),
            passive: wanted.passive,
            durable: wanted.durable,
            exclusive: wanted.exclusive,
            auto_delete: wanted.auto_delete,
            arguments: wanted.arguments,
        };
        match self.node.declare_queue(self.permissions.actor(), wanted) {
            Ok(Changed { outcome: Outcome::Queue { name, created: true, .. }, recorded }) => {
                self.answer_once(recorded, Answer::Queue { name, messages: 0, consumers: 0 });
            }
            Ok(Changed { outcome: Outcome::Queue { name, id, .. }, recorded }) => {
                self.ask_counts(name, id, recorded);
            }
            Ok(_) => self.answer(Answer::Done),
            Err(refusal) => self.answer(Answer::Refused(refusal)),
        }
    }

    /// The session is over: its exclusive queues go.
    fn closed(&mut self) {
        let connection = self.session.id();
        let ended = Command::ConnectionClosed { connection };
        if let Ok(changed) = self.node.directory.change(ended, |_| {}) {
            self.node.remove_queues(changed.outcome);
        }
        self.cut = Some(self.now.after(super::LAST_WORDS_MS));
    }

    /// Asks every shard for what is still on its way here, so that messages delivered to nobody go
    /// back. To be called once, when the session is over, all it had to say was sent and no question
    /// is under way: the answer may be a subscription, which goes on delivering until it is ended.
    pub(super) fn say_farewell(&mut self) {
        for shard in &self.node.shards {
            shard.send(Work::Farewell(self.link.clone()));
        }
        self.farewells = Some(self.node.shards.len());
    }
}

/// What a queue is told of messages that were dealt with, or not.
pub(super) fn settlement(outcome: Settlement, ids: Vec<MessageId>) -> QueueCommand {
    match outcome {
        Settlement::Ack => QueueCommand::Ack { ids },
        Settlement::Requeue => QueueCommand::Requeue { ids },
        Settlement::Reject => QueueCommand::Reject { ids },
    }
}
