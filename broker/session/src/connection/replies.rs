//! Direct reply-to: answers that go straight to the channel that waits for them, without a queue.
//!
//! A channel consumes from [`REPLY_TO`], which is no queue, and is given an address. What it
//! publishes with that name as its `reply-to` property says the address instead, so whoever gets the
//! request can answer through the default exchange, and nobody else can guess where to.

use broker_core::id::ConsumerId;
use broker_core::message::Message;
use broker_core::name::Name;
use broker_protocol::content::ContentHeader;
use broker_protocol::encode::Deliver;
use broker_protocol::method::basic;
use broker_protocol::reply::ReplyCode;

use crate::channel::replies::Replies;
use crate::connection::Connection;
use crate::connection::answers::Reply;
use crate::fault::Fault;
use crate::request::{REPLY_TO, Request, Requester};

/// The property flag of `reply-to`.
const REPLY_TO_FLAG: u16 = 1 << 9;

// === impl Connection ===

impl Connection {
    /// Begins to consume replies, if the channel may.
    pub(super) fn consume_replies(
        &mut self,
        number: u16,
        consume: &basic::Consume<'_>,
        (consumer, tag): (ConsumerId, Box<str>),
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        let refused = |detail| Err(Fault::channel(ReplyCode::PreconditionFailed, detail));
        if !consume.no_ack {
            return refused("reply consumer cannot acknowledge");
        }
        if self.channel(number).is_some_and(|channel| channel.replies.is_some()) {
            return refused("reply consumer already set");
        }
        let reply = Reply::ConsumeReplies { consumer, tag, no_wait: consume.no_wait };
        let request = Request::AwaitReplies(Requester { channel: number, consumer });
        self.ask(number, (60, 20), reply, request, requests);
        Ok(())
    }

    /// The channel has got an address for its replies.
    pub(super) fn awaiting_replies(
        &mut self,
        number: u16,
        (consumer, tag): (ConsumerId, Box<str>),
        address: Name,
        no_wait: bool,
    ) {
        if !no_wait {
            self.send(number, basic::ConsumeOk { consumer_tag: &tag });
        }
        if let Some(channel) = self.channel(number) {
            channel.consumers.insert(tag.clone(), consumer);
            channel.replies = Some(Replies { consumer, tag, address });
        }
    }

    /// Ends the channel's consumer of replies, if it has one and `which` says so.
    pub(super) fn forgo_replies(
        &mut self,
        number: u16,
        which: impl FnOnce(ConsumerId) -> bool,
        requests: &mut Vec<Request>,
    ) {
        let Some(channel) = self.channel(number) else { return };
        if let Some(replies) = channel.replies.take_if(|replies| which(replies.consumer)) {
            requests.push(Request::ForgoReplies { address: replies.address });
        }
    }

    /// Sends a reply to the channel that waits for it. Nothing happens if it no longer does.
    ///
    /// No prefetch or window holds it back: the caller bounds what is under way.
    pub fn deliver_reply(&mut self, to: Requester, message: &Message) {
        let Some(channel) = self.channels.get_mut(&to.channel) else { return };
        let Some(replies) = channel.replies.as_ref().filter(|r| r.consumer == to.consumer) else {
            return;
        };
        let frames = Deliver {
            channel: to.channel,
            consumer_tag: &replies.tag,
            delivery_tag: channel.unacked.tag(),
            redelivered: false,
            names: message.names(),
            header: message.header(),
        };
        frames.write(self.output.scratch());
        self.write_body(to.channel, message);
    }

    /// The message as it is to be published on the channel: a `reply-to` that names the
    /// pseudo-queue says the channel's address instead.
    #[inline]
    pub(super) fn addressed(&self, number: u16, message: Message) -> Result<Message, Fault> {
        if message.property_flags() & REPLY_TO_FLAG == 0 {
            return Ok(message);
        }
        self.with_address(number, message)
    }

    fn with_address(&self, number: u16, message: Message) -> Result<Message, Fault> {
        let content = ContentHeader::trusted(message.header())?;
        if content.properties.reply_to() != Some(REPLY_TO) {
            return Ok(message);
        }
        let channel = self.channels.get(&number);
        let Some(replies) = channel.and_then(|channel| channel.replies.as_ref()) else {
            let detail = "fast reply consumer does not exist";
            return Err(Fault::channel(ReplyCode::PreconditionFailed, detail));
        };
        let mut properties = content.properties.to_properties()?;
        properties.reply_to = Some(&replies.address);
        let (exchange, key) = (message.exchange(), message.routing_key());
        Message::build(exchange, key, &properties, message.body())
            .ok_or_else(|| Fault::internal("a message that was taken cannot be written"))
    }
}
