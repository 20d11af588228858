//! What became of publishes: routed, stored, returned or refused.

use broker_core::message::Message;
use broker_core::refusal::Refusal;
use broker_protocol::encode;
use broker_protocol::method::{basic, connection};
use broker_protocol::reply::ReplyCode;

use crate::channel::Channel;
use crate::connection::{Connection, Phase};
use crate::request::{PublishId, Request};

// === impl Connection ===

impl Connection {
    /// A publish with `confirm` went to so many queues; 0 confirms it.
    #[inline]
    pub fn routed(&mut self, id: PublishId, queues: u32) {
        if let Some(confirms) = self.published(id).and_then(|channel| channel.confirms.as_mut()) {
            confirms.routed(id.seq, queues);
            self.mark_confirming(id.channel);
        }
    }

    /// One of the queues has taken responsibility for a publish (`ok`), or has refused it.
    #[inline]
    pub fn settled(&mut self, id: PublishId, ok: bool) {
        if let Some(confirms) = self.published(id).and_then(|channel| channel.confirms.as_mut()) {
            confirms.settled(id.seq, ok);
            self.mark_confirming(id.channel);
        }
    }

    /// Gives a mandatory publish back that no queue takes. Call it before [`Connection::routed`].
    pub fn returned(&mut self, id: PublishId, message: &Message) {
        if self.published(id).is_none() {
            return;
        }
        // What was confirmed before is told before, and a return stands next to its own confirm.
        self.write_confirms();
        self.send(
            id.channel,
            basic::Return {
                reply_code: ReplyCode::NoRoute.number(),
                reply_text: ReplyCode::NoRoute.name(),
                exchange: message.exchange(),
                routing_key: message.routing_key(),
            },
        );
        self.write_content(id.channel, message);
    }

    /// Closes what a publish that is not permitted or leads nowhere closes.
    pub fn refuse(&mut self, id: PublishId, refusal: Refusal, requests: &mut Vec<Request>) {
        if self.published(id).is_some() {
            self.fail_on(id.channel, refusal.into(), (60, 40), requests);
        }
    }

    /// Whether the channel of a publish is still open. A publish on one that has closed since, by
    /// an earlier publish being refused, is not to be carried out.
    #[inline]
    pub fn is_open(&self, id: PublishId) -> bool {
        self.channels
            .get(&id.channel)
            .is_some_and(|channel| channel.opened == id.opened && !channel.closing)
    }

    /// Tells the client that publishes are not taken for now, or are again, if it wants to know.
    pub fn blocked(&mut self, reason: Option<&str>) {
        if self.phase != Phase::Running || !self.capabilities.blocked {
            return;
        }
        match reason {
            Some(reason) => self.send(0, connection::Blocked { reason }),
            None => self.send(0, connection::Unblocked {}),
        }
    }

    /// The channel of a publish, unless it has closed.
    #[inline]
    fn published(&mut self, id: PublishId) -> Option<&mut Channel> {
        self.channel(id.channel).filter(|channel| channel.opened == id.opened && !channel.closing)
    }

    #[inline]
    fn mark_confirming(&mut self, number: u16) {
        if self.confirming.last() != Some(&number) {
            self.confirming.push(number);
        }
    }

    /// Appends the confirms that are due, at best one ack for each channel.
    pub(super) fn write_confirms(&mut self) {
        for number in std::mem::take(&mut self.confirming) {
            let Some(channel) = self.channels.get_mut(&number) else { continue };
            let Some(confirms) = channel.confirms.as_mut().filter(|c| c.has_answers()) else {
                continue;
            };
            let answers = confirms.take_answers();
            let out = self.output.scratch();
            for delivery_tag in answers.nacks {
                let nack = basic::Nack { delivery_tag, multiple: false, requeue: false };
                encode::method(out, number, nack);
            }
            if let Some(delivery_tag) = answers.ack_up_to {
                encode::method(out, number, basic::Ack { delivery_tag, multiple: true });
            }
            for delivery_tag in answers.alone.into_iter().chain(answers.acks) {
                encode::method(out, number, basic::Ack { delivery_tag, multiple: false });
            }
        }
    }
}
