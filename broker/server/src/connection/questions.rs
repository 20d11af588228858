//! Questions to a queue's shard, whose answer the session waits for.

use broker_core::access::Right;
use broker_core::id::{ConsumerId, QueueId};
use broker_core::name::Name;
use broker_core::queue::{Command, Settings};
use broker_core::refusal::Refusal;
use broker_protocol::reply::ReplyCode;
use broker_protocol::table::FieldTable;
use broker_session::Answer;
use broker_storage::position::Position;

use crate::connection::Task;
use crate::link::Reply;
use crate::shard::work::{Question as Asked, Work};

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// A queue that existed was declared: how is it?
    Declare,
    Delete,
    Purge,
    Get,
    Consume,
    Cancel,
}

/// A question under way.
#[derive(Debug)]
pub(super) struct Open {
    question: Question,
    name: Name,
    queue: QueueId,
}

// === impl Question ===

impl Question {
    /// What a user must be permitted to ask it. Who consumes may always stop.
    fn right(self) -> Right {
        match self {
            Self::Declare | Self::Delete => Right::Configure,
            Self::Purge | Self::Get | Self::Consume | Self::Cancel => Right::Read,
        }
    }
}

// === impl Task ===

impl Task {
    /// Asks the queue `name`, if this connection may use it.
    pub(super) fn ask(&mut self, name: &Name, question: Question, command: Command) {
        let permitted = self.check_queue(question.right(), name);
        match permitted.and_then(|()| self.usable_queue(name, |_| Ok(()))) {
            Ok(queue) => self.send_question(name.clone(), queue, question, Asked::Command(command)),
            Err(refusal) if question == Question::Delete && refusal.code == ReplyCode::NotFound => {
                self.answer(Answer::Removed { messages: 0 });
            }
            Err(refusal) => self.answer(Answer::Refused(refusal)),
        }
    }

    /// Asks a queue to take a consumer, if it is of a type that knows what is asked of it.
    pub(super) fn ask_to_consume(&mut self, name: &Name, arguments: &FieldTable, command: Command) {
        let question = Question::Consume;
        let permitted = self.check_queue(question.right(), name);
        let knows = |settings: &Settings| settings.check_consumer(arguments);
        match permitted.and_then(|()| self.usable_queue(name, knows)) {
            Ok(queue) => self.send_question(name.clone(), queue, question, Asked::Command(command)),
            Err(refusal) => self.answer(Answer::Refused(refusal)),
        }
    }

    /// Asks how a queue is that was declared before, which is recorded at `recorded` or before.
    pub(super) fn ask_counts(&mut self, name: Name, queue: QueueId, recorded: Position) {
        self.send_question(name, queue, Question::Declare, Asked::Declared { recorded });
    }

    /// Asks a queue, which may be gone, to let a consumer go.
    pub(super) fn ask_to_cancel(&mut self, queue: QueueId, consumer: ConsumerId) {
        let command = Asked::Command(Command::Unsubscribe { consumer });
        self.send_question(Name::new(""), queue, Question::Cancel, command);
    }

    fn usable_queue(
        &self,
        name: &Name,
        check: impl FnOnce(&Settings) -> Result<(), Refusal>,
    ) -> Result<QueueId, Refusal> {
        let routes = self.node.directory.routes();
        let vhost = routes.vhost(&self.vhost).ok_or_else(|| {
            let detail = format_args!("vhost {} not found", self.vhost);
            Refusal::new(ReplyCode::NotAllowed, detail)
        })?;
        let queue = vhost.usable_queue(name, self.session.id())?;
        check(&queue.settings)?;
        Ok(queue.id)
    }

    fn send_question(&mut self, name: Name, queue: QueueId, question: Question, asked: Asked) {
        // What the client sent before the question comes before it.
        self.outgoing.send(&self.node, &self.link, &mut self.budget);
        self.question = Some(Open { question, name, queue });
        let link = self.link.clone();
        self.node.to_owner(queue, Work::Ask { link, queue, question: asked });
    }

    /// The answer has come.
    pub(super) fn replied(&mut self, reply: Reply) {
        let Some(Open { question, name, queue }) = self.question.take() else { return };
        let answer = match reply {
            Reply::Counts(counts) => {
                Answer::Queue { name, messages: counts.ready, consumers: counts.consumers.into() }
            }
            Reply::Unsubscribed => Answer::Done,
            Reply::Subscribed { timeout } => Answer::Consuming { queue, timeout },
            Reply::Got { id, redelivered, message, remaining, timeout } => {
                Answer::Got { queue, id, redelivered, message, remaining, timeout }
            }
            Reply::GotNothing => Answer::Empty,
            Reply::Purged(messages) | Reply::Deleted(messages) => Answer::Removed { messages },
            Reply::Refused(refusal) => Answer::Refused(refusal),
            // It went between the look at the topology and the question.
            Reply::NoQueue if question == Question::Delete => Answer::Removed { messages: 0 },
            Reply::NoQueue if question == Question::Cancel => Answer::Done,
            Reply::NoQueue => {
                let vhost = &self.vhost;
                let detail = format_args!("no queue '{name}' in vhost '{vhost}'");
                Answer::Refused(Refusal::new(ReplyCode::NotFound, detail))
            }
        };
        self.answer(answer);
    }
}
