//! What a broker can answer, as a closed list.
//!
//! | AMQP                        | here                                             |
//! |-----------------------------|--------------------------------------------------|
//! | no socket, lost connection  | [`Error::Unreachable`]                           |
//! | 403 ACCESS_REFUSED          | [`Error::AccessRefused`]                         |
//! | 404 NOT_FOUND               | [`Error::NotFound`]                              |
//! | 405 RESOURCE_LOCKED         | [`Error::Locked`]                                |
//! | 406 PRECONDITION_FAILED     | [`Error::Mismatch`], [`Error::InUse`] or [`Error::Invalid`], by its text |
//! | 503 COMMAND_INVALID, 540    | [`Error::Invalid`]                               |
//! | 530 NOT_ALLOWED on opening  | [`Error::NoVhost`] or [`Error::AccessRefused`]   |
//! | anything else               | [`Error::Refused`]                               |

use lapin::protocol::AMQPErrorKind;
use thiserror::Error;

/// Why the broker does not have what it should have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// Nobody answered, or not in time, or the connection was lost. Worth another attempt.
    #[error("the broker at {address} cannot be reached: {reason}")]
    Unreachable {
        /// `host:port`.
        address: String,
        /// In the words of the operating system or the client library.
        reason: String,
    },
    /// The broker refused the user, or the user this operation.
    #[error("{0}")]
    AccessRefused(String),
    /// The vhost does not exist in the broker.
    #[error("vhost '{0}' does not exist in the broker")]
    NoVhost(String),
    /// The operation needs something that does not exist, as a binding needs both its ends.
    #[error("{0}")]
    NotFound(String),
    /// It exists with other settings, which AMQP cannot change.
    #[error("{0}")]
    Mismatch(String),
    /// It was to be removed only if nobody uses it, or if it is empty.
    #[error("{0}")]
    InUse(String),
    /// Another connection holds it exclusively.
    #[error("{0}")]
    Locked(String),
    /// The broker does not know such a type or argument.
    #[error("{0}")]
    Invalid(String),
    /// Any other refusal, with AMQP's reply code.
    #[error("{text} (AMQP reply code {code})")]
    Refused {
        /// AMQP 0-9-1 reply code.
        code: u16,
        /// The broker's words.
        text: String,
    },
}

/// How much an error closed, and hence whether the operation that met it is the one to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The answer to this very operation.
    Operation,
    /// The whole connection: perhaps another operation's fault.
    Connection,
}

// === impl Error ===

impl Error {
    /// Whether the broker did not answer, so that it is not known whether it did what was asked.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Reads a client error; `address` and `vhost` say what was talked to.
    pub(crate) fn read(error: &lapin::Error, address: &str, vhost: &str) -> (Self, Scope) {
        let lapin::ErrorKind::ProtocolError(amqp) = error.kind() else {
            let unreachable =
                Self::Unreachable { address: address.to_owned(), reason: error.to_string() };
            return (unreachable, Scope::Connection);
        };
        let scope = match amqp.kind() {
            AMQPErrorKind::Soft(_) => Scope::Operation,
            AMQPErrorKind::Hard(_) => Scope::Connection,
        };
        (Self::from_reply(amqp.get_id(), amqp.get_message().as_str(), address, vhost), scope)
    }

    fn from_reply(code: u16, text: &str, address: &str, vhost: &str) -> Self {
        let words = text.to_owned();
        match code {
            // CONNECTION_FORCED: the broker is shutting down.
            320 => Self::Unreachable { address: address.to_owned(), reason: words },
            403 => Self::AccessRefused(words),
            404 => Self::NotFound(words),
            405 => Self::Locked(words),
            406 if text.contains("inequivalent") => Self::Mismatch(words),
            406 if text.contains("in use") || text.contains("not empty") => Self::InUse(words),
            406 | 503 | 540 => Self::Invalid(words),
            530 if text.contains("refused") => Self::AccessRefused(words),
            530 if text.contains("vhost") => Self::NoVhost(vhost.to_owned()),
            _ => Self::Refused { code, text: words },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_told_apart() {
        let text = |s: &str| s.to_owned();
        #[rustfmt::skip]
        let cases = [
            (403, "ACCESS_REFUSED - no access", Error::AccessRefused(text("ACCESS_REFUSED - no access"))),
            (404, "NOT_FOUND - no exchange 'a' in vhost '/'", Error::NotFound(text("NOT_FOUND - no exchange 'a' in vhost '/'"))),
            (405, "RESOURCE_LOCKED - q", Error::Locked(text("RESOURCE_LOCKED - q"))),
            (406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q'", Error::Mismatch(text("PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q'"))),
            (406, "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty", Error::InUse(text("PRECONDITION_FAILED - queue 'q' in vhost '/' not empty"))),
            (406, "PRECONDITION_FAILED - exchange 'e' in vhost '/' in use", Error::InUse(text("PRECONDITION_FAILED - exchange 'e' in vhost '/' in use"))),
            (406, "PRECONDITION_FAILED - invalid arg 'x-max-length'", Error::Invalid(text("PRECONDITION_FAILED - invalid arg 'x-max-length'"))),
            (503, "COMMAND_INVALID - unknown exchange type 'x'", Error::Invalid(text("COMMAND_INVALID - unknown exchange type 'x'"))),
            (530, "NOT_ALLOWED - vhost nope not found", Error::NoVhost(text("nope"))),
            (530, "NOT_ALLOWED - access to vhost 'v' refused for user 'u'", Error::AccessRefused(text("NOT_ALLOWED - access to vhost 'v' refused for user 'u'"))),
            (541, "INTERNAL_ERROR", Error::Refused { code: 541, text: text("INTERNAL_ERROR") }),
        ];
        for (code, reply, expected) in cases {
            assert_eq!(Error::from_reply(code, reply, "a:1", "nope"), expected, "{code} {reply}");
        }
        let gone = Error::from_reply(320, "CONNECTION_FORCED - shutdown", "a:1", "/");
        assert!(matches!(gone, Error::Unreachable { .. }));
    }
}
