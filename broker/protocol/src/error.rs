//! Why bytes are not AMQP.

use thiserror::Error;

use crate::reply::ReplyCode;

/// Why bytes could not be decoded. Always the peer's fault, always closes the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A value runs past the end of the frame that holds it.
    #[error("value runs past the end of its frame")]
    Truncated,

    /// Bytes are left after the last argument of a method or the last property.
    #[error("unexpected bytes after the last argument")]
    Trailing,

    /// A name is not UTF-8.
    #[error("name is not UTF-8")]
    NotUtf8,

    /// Tables or arrays are nested deeper than [`crate::table::MAX_DEPTH`].
    #[error("field table nested too deeply")]
    TooDeep,

    /// A field table holds a value of a type that AMQP does not define.
    #[error("unknown field type {0:#04x}")]
    UnknownFieldType(u8),

    /// No such method.
    #[error("unknown method {class}.{method}")]
    UnknownMethod {
        /// The class id, as in 60 for `basic`.
        class: u16,
        /// The method id within the class.
        method: u16,
    },

    /// A frame of a type that AMQP does not define.
    #[error("unknown frame type {0}")]
    UnknownFrameType(u8),

    /// A frame does not end in the octet `0xCE`.
    #[error("frame does not end in 0xCE but in {0:#04x}")]
    BadFrameEnd(u8),

    /// A frame is longer than what was negotiated. `size` counts its payload, in bytes.
    #[error("frame of {size} bytes is larger than the negotiated {max}")]
    FrameTooLarge {
        /// Bytes of payload that the frame announces.
        size: u32,
        /// The negotiated `frame_max`, in bytes, which counts the eight bytes around the payload.
        max: u32,
    },
}

// === impl DecodeError ===

impl DecodeError {
    /// The reply code with which a connection that sent such bytes is closed (section 1.2).
    pub const fn reply_code(&self) -> ReplyCode {
        match self {
            Self::UnknownFrameType(_) | Self::BadFrameEnd(_) | Self::FrameTooLarge { .. } => {
                ReplyCode::FrameError
            }
            Self::UnknownMethod { .. } => ReplyCode::NotImplemented,
            Self::Truncated
            | Self::Trailing
            | Self::NotUtf8
            | Self::TooDeep
            | Self::UnknownFieldType(_) => ReplyCode::SyntaxError,
        }
    }
}
