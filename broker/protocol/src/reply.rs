//! Reply codes: what a close or a return says about its cause (section 1.2, constants).

use std::fmt;

/// A reply code of AMQP 0-9-1, with the name RabbitMQ puts in front of its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum ReplyCode {
    /// 200: closed because the application asked for it.
    Success = 200,
    /// 311: content larger than the server takes now.
    ContentTooLarge = 311,
    /// 312: a mandatory message was routed to no queue.
    NoRoute = 312,
    /// 313: an immediate message found no ready consumer.
    NoConsumers = 313,
    /// 320: closed by the operator; the client may try again later.
    ConnectionForced = 320,
    /// 402: the virtual host's path is not valid.
    InvalidPath = 402,
    /// 403: not permitted.
    AccessRefused = 403,
    /// 404: no such exchange, queue or virtual host.
    NotFound = 404,
    /// 405: another client works with this entity.
    ResourceLocked = 405,
    /// 406: something the request relies on does not hold.
    PreconditionFailed = 406,
    /// 501: a frame that could not be decoded.
    FrameError = 501,
    /// 502: a field with an illegal value.
    SyntaxError = 502,
    /// 503: a sequence of frames that makes no sense.
    CommandInvalid = 503,
    /// 504: the channel is not, or already, open.
    ChannelError = 504,
    /// 505: a frame that was not expected here.
    UnexpectedFrame = 505,
    /// 506: the server has not enough resources.
    ResourceError = 506,
    /// 530: not allowed, whatever the state.
    NotAllowed = 530,
    /// 540: not implemented by the server.
    NotImplemented = 540,
    /// 541: the server failed.
    InternalError = 541,
}

// === impl ReplyCode ===

impl ReplyCode {
    /// Every code, in ascending order.
    pub const ALL: [Self; 19] = [
        Self::Success,
        Self::ContentTooLarge,
        Self::NoRoute,
        Self::NoConsumers,
        Self::ConnectionForced,
        Self::InvalidPath,
        Self::AccessRefused,
        Self::NotFound,
        Self::ResourceLocked,
        Self::PreconditionFailed,
        Self::FrameError,
        Self::SyntaxError,
        Self::CommandInvalid,
        Self::ChannelError,
        Self::UnexpectedFrame,
        Self::ResourceError,
        Self::NotAllowed,
        Self::NotImplemented,
        Self::InternalError,
    ];

    /// The code's number, as on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The code with this number, if AMQP defines it.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// The code's name as clients know it, as in `NOT_FOUND`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "REPLY_SUCCESS",
            Self::ContentTooLarge => "CONTENT_TOO_LARGE",
            Self::NoRoute => "NO_ROUTE",
            Self::NoConsumers => "NO_CONSUMERS",
            Self::ConnectionForced => "CONNECTION_FORCED",
            Self::InvalidPath => "INVALID_PATH",
            Self::AccessRefused => "ACCESS_REFUSED",
            Self::NotFound => "NOT_FOUND",
            Self::ResourceLocked => "RESOURCE_LOCKED",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
            Self::FrameError => "FRAME_ERROR",
            Self::SyntaxError => "SYNTAX_ERROR",
            Self::CommandInvalid => "COMMAND_INVALID",
            Self::ChannelError => "CHANNEL_ERROR",
            Self::UnexpectedFrame => "UNEXPECTED_FRAME",
            Self::ResourceError => "RESOURCE_ERROR",
            Self::NotAllowed => "NOT_ALLOWED",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }

    /// A reply text in RabbitMQ's form: `NOT_FOUND - no queue 'q' in vhost '/'`.
    pub fn text(self, detail: impl fmt::Display) -> String {
        format!("{} - {detail}", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::ReplyCode;

    #[test]
    fn a_number_leads_back_to_its_code() {
        for code in ReplyCode::ALL {
            assert_eq!(ReplyCode::from_number(code.number()), Some(code));
        }
        assert_eq!(ReplyCode::from_number(0), None);
    }

    #[test]
    fn a_text_begins_with_the_name() {
        assert_eq!(ReplyCode::NotFound.text("no queue 'q'"), "NOT_FOUND - no queue 'q'");
    }
}
