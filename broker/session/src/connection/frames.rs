//! From frames to methods, and which methods make sense where.

use broker_protocol::error::DecodeError;
use broker_protocol::frame::{Frame, FrameKind};
use broker_protocol::method::{Method, connection};

use crate::connection::{Connection, Phase};
use crate::fault::Fault;
use crate::request::Request;

// === impl Connection ===

impl Connection {
    /// Carries out the frames that were set apart, up to one that has to be waited for.
    pub(super) fn read_frames(&mut self, requests: &mut Vec<Request>) {
        let chunk = std::mem::take(&mut self.unread);
        let before = requests.len();
        let mut at = 0;
        self.paused = false;
        while at < chunk.len() && self.phase != Phase::Closed {
            if self.is_parked() {
                self.unread = chunk.slice(at..);
                return;
            }
            let Ok(Some(frame)) = Frame::first(&chunk[at..], 0) else { return };
            if requests.len() > before && is_answered(&frame) {
                self.paused = true;
                self.unread = chunk.slice(at..);
                return;
            }
            at += match self.publish_at_once(&chunk, at, &frame, requests) {
                Some(consumed) => consumed,
                None => {
                    self.frame(&frame, requests);
                    frame.size()
                }
            };
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, requests: &mut Vec<Request>) {
        let failed = match frame.kind {
            FrameKind::Heartbeat if frame.channel == 0 => return,
            FrameKind::Heartbeat => {
                let detail = format_args!("heartbeat on channel {}", frame.channel);
                Err((Fault::unexpected_frame(detail), (0, 0)))
            }
            _ if self.phase == Phase::Closing => return self.while_closing(frame, requests),
            FrameKind::Method => self.method_frame(frame, requests),
            FrameKind::Header | FrameKind::Body => {
                self.content_frame(frame, requests).map_err(|fault| (fault, (60, 40)))
            }
        };
        if let Err((fault, method)) = failed {
            self.fail_on(frame.channel, fault, method, requests);
        }
    }

    /// The broker has closed: only the client's agreement counts, or that it closes too.
    fn while_closing(&mut self, frame: &Frame<'_>, requests: &mut Vec<Request>) {
        if frame.kind != FrameKind::Method || frame.channel != 0 {
            return;
        }
        match Method::decode(frame.payload) {
            Ok(Method::ConnectionCloseOk(_)) => self.finish(requests),
            Ok(Method::ConnectionClose(_)) => self.closed_by_client(requests),
            _ => {}
        }
    }

    fn method_frame(
        &mut self,
        frame: &Frame<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), (Fault, (u16, u16))> {
        let method =
            Method::decode(frame.payload).map_err(|error| undecodable(error, frame.payload))?;
        let id = method.id();
        let done = match (frame.channel, &method) {
            (0, _) => self.connection_method(method, requests),
            (_, method) if id.0 == 10 => Err(Fault::unexpected(method.name())),
            (number, _) if self.phase == Phase::Running => {
                self.channel_method(number, method, requests)
            }
            (_, method) => Err(Fault::unexpected(method.name())),
        };
        done.map_err(|fault| (fault, id))
    }

    fn connection_method(
        &mut self,
        method: Method<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), Fault> {
        match (self.phase, method) {
            (_, Method::ConnectionClose(_)) => self.closed_by_client(requests),
            // Only a login that expires has use for a new secret; as in RabbitMQ, no password does.
            (Phase::Running, Method::ConnectionUpdateSecret(_)) => {
                self.send(0, connection::UpdateSecretOk {});
            }
            (Phase::Running, method) => return Err(Fault::unexpected(method.name())),
            (_, method) => return self.handshake(method, requests),
        }
        Ok(())
    }
}

/// Whether a frame is a method that has an answer: it must not overtake what comes of the publishes
/// before it, which may be returned or close the channel.
#[inline]
fn is_answered(frame: &Frame<'_>) -> bool {
    frame.kind == FrameKind::Method && !matches!(frame.payload, [0, 60, 0, 40 | 80 | 90 | 120, ..])
}

/// A method that cannot be decoded, with its ids as far as they are there.
fn undecodable(error: DecodeError, payload: &[u8]) -> (Fault, (u16, u16)) {
    let id = match *payload {
        [c0, c1, m0, m1, ..] => (u16::from_be_bytes([c0, c1]), u16::from_be_bytes([m0, m1])),
        _ => (0, 0),
    };
    (error.into(), id)
}
