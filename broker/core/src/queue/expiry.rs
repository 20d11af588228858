//! Time running out: for messages at the head of the queue, and for a queue nobody uses.
//!
//! As in RabbitMQ, a message expires at the head: one with a short life behind one with a long
//! life goes when its turn comes, and is never delivered after its time. A queue is used while it
//! has consumers, and when someone gets from it or declares it.

use broker_protocol::reply::ReplyCode;

use crate::message::Message;
use crate::queue::dead_letter::Reason;
use crate::queue::settings::Settings;
use crate::queue::{Deletion, Effect, Queue};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// Property flag of `expiration`.
const EXPIRATION: u16 = 1 << 8;

// === impl Message ===

impl Message {
    /// How long the message may live, in ms, from its `expiration` property.
    ///
    /// # Errors
    ///
    /// 406 if the property is not a whole number that is not negative. To be found out when the
    /// message is published; routing does.
    pub fn ttl(&self) -> Result<Option<u64>, Refusal> {
        if self.property_flags() & EXPIRATION == 0 {
            return Ok(None);
        }
        let Some(text) = self.properties().expiration() else { return Ok(None) };
        let digits = text.strip_prefix('+').unwrap_or(text);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let reason = match digits.split_at(end) {
            // A life too long for the number is as good as any long life.
            (digits, "") if !digits.is_empty() => {
                return Ok(Some(digits.parse().unwrap_or(u64::MAX)));
            }
            ("", rest) => match rest.strip_prefix('-').map(str::parse::<u64>) {
                Some(Ok(number)) => format!("{{value_negative,-{number}}}"),
                _ => "no_integer".to_owned(),
            },
            (_, rest) => format!("{{leftover_string,\"{rest}\"}}"),
        };
        let detail = format_args!("invalid expiration '{text}': {reason}");
        Err(Refusal::new(ReplyCode::PreconditionFailed, detail))
    }
}

/// When a message that arrives now runs out of time; `u64::MAX` is never.
pub(super) fn of(settings: &Settings, message: &Message, now: Timestamp) -> Timestamp {
    let own = message.ttl().unwrap_or_default().unwrap_or(u64::MAX);
    now.after(own.min(settings.message_ttl.unwrap_or(u64::MAX)))
}

// === impl Queue ===

impl Queue {
    /// When [`Command::Expire`](crate::queue::Command::Expire) is next due, if ever. Look again
    /// after every batch of commands, and after making the queue: it may have moved either way.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let message = self.ready.head_expires();
        match (message, self.idle_deadline()) {
            (Some(message), Some(queue)) => Some(message.min(queue)),
            (message, queue) => message.or(queue),
        }
    }

    /// Notes that somebody used the queue.
    pub(super) fn touch(&mut self, now: Timestamp) {
        self.last_used = Some(now);
    }

    /// Lets what is due at the head go.
    pub(super) fn expire_messages(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        while self.ready.head_expires().is_some_and(|due| due <= now)
            && let Some(entry) = self.ready.pop()
        {
            self.bury(&entry, Reason::Expired, now, effects);
        }
    }

    /// Acts on everything that is due.
    pub(super) fn expire(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        if self.last_used.is_none() {
            self.touch(now);
        }
        self.expire_messages(now, effects);
        if self.idle_deadline().is_some_and(|due| due <= now) {
            self.end(Deletion::Expired, effects);
        }
    }

    /// When the queue goes if nobody uses it. One that was never used begins to wait with the
    /// first `Expire`, which is due at once.
    fn idle_deadline(&self) -> Option<Timestamp> {
        let expires = self.settings.expires?;
        let idle = self.consumers.len() == 0 && !self.deleted;
        idle.then(|| self.last_used.map_or(Timestamp(0), |used| used.after(expires)))
    }
}

#[cfg(test)]
mod tests {
    use broker_protocol::properties::Properties;

    use crate::message::sample;

    #[test]
    fn an_expiration_is_a_whole_number_of_milliseconds() {
        #[rustfmt::skip]
        let cases = [
            ("0",      Ok(Some(0))),
            ("60000",  Ok(Some(60_000))),
            ("+7",     Ok(Some(7))),
            ("99999999999999999999", Ok(Some(u64::MAX))),
            ("",       Err("PRECONDITION_FAILED - invalid expiration '': no_integer")),
            ("soon",   Err("PRECONDITION_FAILED - invalid expiration 'soon': no_integer")),
            ("-",      Err("PRECONDITION_FAILED - invalid expiration '-': no_integer")),
            ("-1",     Err("PRECONDITION_FAILED - invalid expiration '-1': {value_negative,-1}")),
            ("10ms",   Err("PRECONDITION_FAILED - invalid expiration '10ms': {leftover_string,\"ms\"}")),
            ("1.5",    Err("PRECONDITION_FAILED - invalid expiration '1.5': {leftover_string,\".5\"}")),
        ];
        for (text, expected) in cases {
            let properties = Properties { expiration: Some(text), ..Properties::default() };
            let message = sample::with("e", "k", &properties, b"");
            let ttl = message.ttl().map_err(|refusal| refusal.text);
            assert_eq!(ttl, expected.map_err(str::to_owned), "{text}");
        }
        assert_eq!(sample::message("e", "k", b"").ttl(), Ok(None));
    }
}
