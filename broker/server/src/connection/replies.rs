//! Direct reply-to on one connection: its own addresses, and the replies that come.

use std::sync::Arc;

use broker_core::message::Message;
use broker_core::name::Name;
use broker_core::refusal::Refusal;
use broker_protocol::reply::ReplyCode;
use broker_session::{Answer, Requester};

use crate::connection::Task;
use crate::replies::{Backlog, Way};

/// Replies that came to this connection.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    backlog: Arc<Backlog>,
    /// Of the backlog, what the session has written out and the socket perhaps not.
    messages: usize,
    bytes: usize,
}

// === impl Task ===

impl Task {
    /// Gives a channel an address for replies.
    pub(super) fn await_replies(&mut self, requester: Requester) {
        let address = self.node.replies.open(Way {
            vhost: self.vhost.clone(),
            link: self.link.clone(),
            requester,
            backlog: Arc::clone(&self.inbox.backlog),
        });
        self.answer(Answer::AwaitingReplies { address });
    }

    /// A reply has come for one of the channels.
    pub(super) fn answered(&mut self, to: Requester, message: &Message) {
        self.inbox.messages += 1;
        self.inbox.bytes += message.size();
        self.node.metrics.delivered.inc();
        self.session.deliver_reply(to, message);
    }

    /// The socket has taken nearly all there was: there is room for more replies.
    pub(super) fn clear_inbox(&mut self) {
        let Inbox { backlog, messages, bytes } = &mut self.inbox;
        if *messages > 0 {
            backlog.give_back(std::mem::take(messages), std::mem::take(bytes));
        }
    }

    /// Declares the pseudo-queue or an address: each is there or not, and never made.
    pub(super) fn declare_address(&mut self, name: Name) {
        let vhost = &self.vhost;
        let answer = if self.node.replies.is_open(vhost, &name) {
            Answer::Queue { name, messages: 0, consumers: 1 }
        } else {
            let detail = format_args!("no queue '{name}' in vhost '{vhost}'");
            Answer::Refused(Refusal::new(ReplyCode::NotFound, detail))
        };
        self.answer(answer);
    }
}
