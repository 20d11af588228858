//! A request that cannot be granted: how much must close, and what to say.

use std::fmt;

use broker_protocol::reply::ReplyCode;

/// How much a refusal closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The channel the request came on (a "soft error" in AMQP).
    Channel,
    /// The whole connection (a "hard error").
    Connection,
}

/// Why something asked for is not done. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// What has to close.
    pub scope: Scope,
    /// The reply code.
    pub code: ReplyCode,
    /// The reply text in RabbitMQ's wording, starting with the code's name. May be longer than the
    /// 255 bytes that fit on the wire; whoever sends it cuts it.
    pub text: String,
}

// === impl Refusal ===

impl Refusal {
    /// A refusal with `code`'s usual scope; the code's name is put before `detail`.
    #[must_use]
    pub fn new(code: ReplyCode, detail: impl fmt::Display) -> Self {
        let scope = match code {
            ReplyCode::ContentTooLarge
            | ReplyCode::NoRoute
            | ReplyCode::NoConsumers
            | ReplyCode::AccessRefused
            | ReplyCode::NotFound
            | ReplyCode::ResourceLocked
            | ReplyCode::PreconditionFailed => Scope::Channel,
            _ => Scope::Connection,
        };
        Self { scope, code, text: code.text(detail) }
    }

    pub(crate) fn no_vhost(vhost: &str) -> Self {
        Self::new(ReplyCode::NotAllowed, format_args!("vhost {vhost} not found"))
    }

    pub(crate) fn no_exchange(vhost: &str, exchange: &str) -> Self {
        let detail = format_args!("no exchange '{exchange}' in vhost '{vhost}'");
        Self::new(ReplyCode::NotFound, detail)
    }

    pub(crate) fn no_queue(vhost: &str, queue: &str) -> Self {
        Self::new(ReplyCode::NotFound, format_args!("no queue '{queue}' in vhost '{vhost}'"))
    }

    pub(crate) fn access(detail: impl fmt::Display) -> Self {
        Self::new(ReplyCode::AccessRefused, detail)
    }

    pub(crate) fn precondition(detail: impl fmt::Display) -> Self {
        Self::new(ReplyCode::PreconditionFailed, detail)
    }
}
