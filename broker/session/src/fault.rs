//! What a client did wrong, how much it closes, and which method it was.

use std::fmt;

use broker_core::refusal::{Refusal, Scope};
use broker_protocol::error::DecodeError;
use broker_protocol::reply::ReplyCode;

/// A reason to close a channel or the connection. Carries what the close method will say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) scope: Scope,
    pub(crate) code: ReplyCode,
    pub(crate) text: String,
}

// === impl Fault ===

impl Fault {
    /// Closes the channel. `detail` comes after the code's name.
    pub(crate) fn channel(code: ReplyCode, detail: impl fmt::Display) -> Self {
        Self { scope: Scope::Channel, code, text: code.text(detail) }
    }

    /// Closes the connection. `detail` comes after the code's name.
    pub(crate) fn connection(code: ReplyCode, detail: impl fmt::Display) -> Self {
        Self { scope: Scope::Connection, code, text: code.text(detail) }
    }

    /// The broker and this crate disagree about what was asked: a defect, not the client's doing.
    pub(crate) fn internal(detail: impl fmt::Display) -> Self {
        Self::connection(ReplyCode::InternalError, detail)
    }

    /// A method that makes no sense here.
    pub(crate) fn unexpected(name: &str) -> Self {
        Self::connection(ReplyCode::CommandInvalid, format_args!("unexpected method '{name}'"))
    }

    /// Content where a method was due, or the reverse.
    pub(crate) fn unexpected_frame(detail: impl fmt::Display) -> Self {
        Self::connection(ReplyCode::UnexpectedFrame, detail)
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::connection(error.reply_code(), error)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self { scope: refusal.scope, code: refusal.code, text: refusal.text }
    }
}
