//! Writing frames: any method, and at once what makes up most of a broker's and a client's traffic.

use bytes::{BufMut, Bytes, BytesMut};

use crate::content;
use crate::frame::{END, FrameKind, HEAD, OVERHEAD};
use crate::method::{Method, basic};
use crate::properties::Properties;

/// Appends a frame that carries `method`.
pub fn method<'a>(out: &mut BytesMut, channel: u16, method: impl Into<Method<'a>>) {
    let at = begin(out, FrameKind::Method, channel);
    method.into().encode(out);
    end(out, at);
}

/// Appends a frame that carries a content header, given its payload.
pub fn header(out: &mut BytesMut, channel: u16, payload: &[u8]) {
    out.reserve(payload.len() + OVERHEAD);
    out.put_slice(&head(FrameKind::Header, channel, payload.len()));
    out.put_slice(payload);
    out.put_u8(END);
}

/// Appends the frames that carry `body`, none of them longer than `frame_max`; an empty body needs none.
pub fn body(out: &mut BytesMut, channel: u16, body: &[u8], frame_max: u32) {
    for piece in body.chunks(body_per_frame(frame_max)) {
        out.reserve(piece.len() + OVERHEAD);
        out.put_slice(&head(FrameKind::Body, channel, piece.len()));
        out.put_slice(piece);
        out.put_u8(END);
    }
}

/// Appends a heartbeat.
pub fn heartbeat(out: &mut BytesMut) {
    out.put_slice(&[FrameKind::Heartbeat as u8, 0, 0, 0, 0, 0, 0, END]);
}

/// The seven bytes in front of a payload.
#[inline]
pub const fn head(kind: FrameKind, channel: u16, size: usize) -> [u8; HEAD] {
    let [c0, c1] = channel.to_be_bytes();
    let [s0, s1, s2, s3] = (size as u32).to_be_bytes();
    [kind as u8, c0, c1, s0, s1, s2, s3]
}

/// How many bytes of body fit into a frame; `frame_max` counts the whole frame, and 0 is no limit.
pub const fn body_per_frame(frame_max: u32) -> usize {
    match frame_max {
        0 => u32::MAX as usize,
        limit if limit as usize > OVERHEAD => limit as usize - OVERHEAD,
        _ => 1,
    }
}

fn begin(out: &mut BytesMut, kind: FrameKind, channel: u16) -> usize {
    let at = out.len();
    out.put_slice(&head(kind, channel, 0));
    at
}

fn end(out: &mut BytesMut, at: usize) {
    let size = (out.len() - at - HEAD) as u32;
    out[at + 3..at + HEAD].copy_from_slice(&size.to_be_bytes());
    out.put_u8(END);
}

/// A delivery, as the broker writes it: method and header frames at once, the body wherever the caller wants it.
#[derive(Debug, Clone, Copy)]
pub struct Deliver<'a> {
    /// The channel.
    pub channel: u16,
    /// The consumer's name.
    pub consumer_tag: &'a str,
    /// The delivery's number on the channel.
    pub delivery_tag: u64,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// The exchange it was published to and its routing key: two short strings, as the wire has them.
    pub names: &'a [u8],
    /// The payload of the content header, as it came with the publish.
    pub header: &'a [u8],
}

// === impl Deliver ===

impl Deliver<'_> {
    /// Appends the method frame and the header frame. The body's frames must follow: see [`body`].
    ///
    /// The consumer's name comes from the wire, so it is taken to be at most 255 bytes long.
    #[inline]
    pub fn write(&self, out: &mut BytesMut) {
        let tag = self.consumer_tag.as_bytes();
        let size = 4 + 1 + tag.len() + 8 + 1 + self.names.len();
        out.reserve(size + self.header.len() + 2 * OVERHEAD);
        out.put_slice(&head(FrameKind::Method, self.channel, size));
        out.put_slice(&[0, 60, 0, 60, tag.len() as u8]);
        out.put_slice(tag);
        out.put_slice(&self.delivery_tag.to_be_bytes());
        out.put_slice(&[u8::from(self.redelivered)]);
        out.put_slice(self.names);
        out.put_slice(&[END]);
        header(out, self.channel, self.header);
    }
}

/// A publish whose method frame and properties stay the same while bodies vary, as a client writes it.
#[derive(Debug, Clone)]
pub struct PublishTemplate {
    channel: u16,
    frame_max: u32,
    /// The method frame, then the header frame with a body size of zero.
    prefix: Bytes,
    /// Where in the prefix the body size is.
    body_size_at: usize,
}

// === impl PublishTemplate ===

impl PublishTemplate {
    /// A template for publishes on `channel` whose frames are no longer than `frame_max`.
    pub fn new(
        channel: u16,
        frame_max: u32,
        publish: basic::Publish<'_>,
        properties: &Properties<'_>,
    ) -> Self {
        let mut prefix = BytesMut::new();
        method(&mut prefix, channel, publish);
        let at = begin(&mut prefix, FrameKind::Header, channel);
        content::encode(&mut prefix, 0, properties);
        end(&mut prefix, at);
        Self { channel, frame_max, prefix: prefix.freeze(), body_size_at: at + HEAD + 4 }
    }

    /// Appends one publish: method, header and body.
    #[inline]
    pub fn write(&self, out: &mut BytesMut, content: &[u8]) {
        out.reserve(self.prefix.len() + content.len() + OVERHEAD);
        let at = out.len() + self.body_size_at;
        out.put_slice(&self.prefix);
        out[at..at + 8].copy_from_slice(&(content.len() as u64).to_be_bytes());
        body(out, self.channel, content, self.frame_max);
    }
}

#[cfg(test)]
mod tests;
