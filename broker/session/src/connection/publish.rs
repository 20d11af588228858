//! Publishing: a method frame, a header frame and the frames of a body become one message.

use std::ops::Range;

use broker_core::message::Message;
use broker_protocol::content::ContentHeader;
use broker_protocol::frame::{Frame, FrameKind, HEAD};
use broker_protocol::method::basic;
use broker_protocol::properties::{PERSISTENT, RawProperties, TRANSIENT};
use broker_protocol::reply::ReplyCode;
use bytes::Bytes;

use crate::channel::content::{Unfinished, checked};
use crate::connection::Connection;
use crate::fault::Fault;
use crate::request::{Publish, PublishId, Request};

/// How a method frame of `basic.publish` begins.
const PUBLISH: [u8; 4] = [0, 60, 0, 40];

/// How many bodies of the largest size may be unfinished at once, over all channels of a connection.
const UNFINISHED_BODIES: u64 = 4;

/// A publish that lies in one piece: its parts, as offsets from the exchange's name.
struct Contiguous<'a> {
    mandatory: bool,
    header: Range<usize>,
    properties: RawProperties<'a>,
    body: Range<usize>,
}

// === impl Connection ===

impl Connection {
    /// Takes a whole publish at offset `at` of `chunk`, if that is what lies there in one piece and
    /// nothing is amiss, and returns how many bytes it occupies. The message shares `chunk`.
    ///
    /// All else is left to the frames' own way, which also knows what to say about what is amiss.
    #[inline]
    pub(super) fn publish_at_once(
        &mut self,
        chunk: &Bytes,
        at: usize,
        frame: &Frame<'_>,
        requests: &mut Vec<Request>,
    ) -> Option<usize> {
        if frame.kind != FrameKind::Method || !frame.payload.starts_with(&PUBLISH) {
            return None;
        }
        let names_at = at + HEAD + PUBLISH.len() + 2;
        let found = Contiguous::find(chunk.get(names_at..)?, frame)?;
        let channel = self.channels.get(&frame.channel)?;
        if channel.closing || channel.content.is_some() {
            return None;
        }
        if found.body.len() as u64 > self.settings.max_body {
            return None;
        }
        if found.properties.user_id().is_some_and(|claimed| !self.may_claim(claimed)) {
            return None;
        }
        if odd_mode(found.properties).is_some() {
            return None;
        }
        // The end octet of the last frame is the byte after the body, or after the header without one.
        let end = names_at + found.body.end + 1;
        let whole = chunk.slice(names_at..names_at + found.body.end);
        let message = Message::from_wire(whole, found.header, found.body.start)?;
        let message = self.addressed(frame.channel, message).ok()?;
        self.publish(frame.channel, found.mandatory, message, requests);
        Some(end - at)
    }

    /// A publish whose content may come later.
    pub(super) fn basic_publish(
        &mut self,
        number: u16,
        publish: &basic::Publish<'_>,
    ) -> Result<(), Fault> {
        if publish.immediate {
            return Err(Fault::connection(ReplyCode::NotImplemented, "immediate=true"));
        }
        let content = Unfinished::new(publish);
        self.unfinished += content.len() as u64;
        if let Some(channel) = self.channel(number) {
            channel.content = Some(content);
        }
        self.check_unfinished()
    }

    /// A header or a piece of a body.
    pub(super) fn content_frame(
        &mut self,
        frame: &Frame<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        let Some(channel) = self.channels.get_mut(&frame.channel) else {
            return Err(Fault::unexpected_frame(
                "expected method frame, got non method frame instead",
            ));
        };
        if channel.closing {
            return Ok(());
        }
        let Some(content) = &mut channel.content else {
            return Err(Fault::unexpected_frame(
                "expected method frame, got non method frame instead",
            ));
        };
        self.unfinished -= content.len() as u64;
        let taken = match frame.kind {
            FrameKind::Header => content.header(frame.payload),
            _ => content.body(frame.payload),
        };
        self.unfinished += content.len() as u64;
        taken?;
        let (size, max) = (content.body_size(), self.settings.max_body);
        if size > max {
            let detail =
                format_args!("message size {size} is larger than configured max size {max}");
            return Err(Fault::channel(ReplyCode::PreconditionFailed, detail));
        }
        self.check_unfinished()?;
        self.finish_content(frame.channel, requests)
    }

    /// Publishes what is complete.
    fn finish_content(&mut self, number: u16, requests: &mut Vec<Request>) -> Result<(), Fault> {
        let Some(channel) = self.channels.get_mut(&number) else { return Ok(()) };
        let Some(content) = &channel.content else { return Ok(()) };
        let Some(message) = content.message() else { return Ok(()) };
        let mandatory = content.mandatory;
        self.unfinished -= content.len() as u64;
        channel.content = None;
        self.check_properties(&message)?;
        let message = self.addressed(number, message)?;
        self.publish(number, mandatory, message, requests);
        Ok(())
    }

    /// The `user-id` property, if there is one, must tell the truth, except an impersonator's; and a
    /// delivery mode must be one that AMQP knows.
    fn check_properties(&self, message: &Message) -> Result<(), Fault> {
        let properties = ContentHeader::trusted(message.header())?.properties;
        if let Some(claimed) = properties.user_id().filter(|claimed| !self.may_claim(claimed)) {
            let detail = format_args!(
                "user_id property set to '{claimed}' but authenticated user was '{}'",
                self.user
            );
            return Err(Fault::channel(ReplyCode::PreconditionFailed, detail));
        }
        match odd_mode(properties) {
            None => Ok(()),
            Some(mode) => Err(Fault::channel(
                ReplyCode::PreconditionFailed,
                format_args!("invalid message: {{delivery_mode_unknown,{mode}}}"),
            )),
        }
    }

    fn may_claim(&self, user: &str) -> bool {
        self.impersonates || self.user == *user
    }

    fn check_unfinished(&self) -> Result<(), Fault> {
        // Small bodies on many channels are no threat, so there is a floor of some frames.
        let limit = UNFINISHED_BODIES * self.settings.max_body.max(self.limits.frame_max.into());
        if self.unfinished > limit {
            let detail = "too much unfinished content on one connection";
            return Err(Fault::connection(ReplyCode::ResourceError, detail));
        }
        Ok(())
    }

    #[inline]
    fn publish(
        &mut self,
        number: u16,
        mandatory: bool,
        message: Message,
        requests: &mut Vec<Request>,
    ) {
        let Some(channel) = self.channels.get_mut(&number) else { return };
        if channel.transaction.is_some() {
            return self.publish_on_commit(number, mandatory, message, requests);
        }
        let (confirm, seq) = match &mut channel.confirms {
            Some(confirms) => (true, confirms.publish()),
            None => (false, 0),
        };
        let id = PublishId { seq, opened: channel.opened, channel: number };
        if !self.settling.is_empty() {
            self.flush_settling(requests);
        }
        requests.push(Request::Publish(Publish { id, mandatory, confirm, message }));
    }
}

/// The delivery mode, if it is neither of the two there are.
#[inline]
fn odd_mode(properties: RawProperties<'_>) -> Option<u8> {
    properties.delivery_mode().filter(|mode| ![TRANSIENT, PERSISTENT].contains(mode))
}

// === impl Contiguous ===

impl<'a> Contiguous<'a> {
    /// Looks for header and body right after the method frame. `names` begins with the exchange's
    /// name and goes on to the end of what was read.
    #[inline]
    fn find(names: &'a [u8], method: &Frame<'_>) -> Option<Self> {
        let arguments = method.payload.len().checked_sub(PUBLISH.len() + 2)?;
        let key_at = 1 + usize::from(*names.first()?);
        let bits_at = key_at + 1 + usize::from(*names.get(key_at)?);
        let bits = *names.get(bits_at)?;
        // Only `mandatory` may be set, and nothing may come after it.
        if bits_at + 1 != arguments || bits > 1 {
            return None;
        }
        let header_at = arguments + 1;
        let header = Frame::first(&names[header_at..], 0).ok()??;
        if header.kind != FrameKind::Header || header.channel != method.channel {
            return None;
        }
        let content = checked(header.payload).ok()?;
        let properties = content.properties;
        let header_range = header_at + HEAD..header_at + HEAD + header.payload.len();
        let header_end = header_at + header.size();
        let mandatory = bits == 1;
        if content.body_size == 0 {
            let body = header_range.end..header_range.end;
            return Some(Self { mandatory, header: header_range, properties, body });
        }
        let body = Frame::first(&names[header_end..], 0).ok()??;
        let fits = body.kind == FrameKind::Body
            && body.channel == method.channel
            && body.payload.len() as u64 == content.body_size;
        let start = header_end + HEAD;
        fits.then(|| Self {
            mandatory,
            header: header_range,
            properties,
            body: start..start + body.payload.len(),
        })
    }
}
