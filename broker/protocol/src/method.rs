//! Methods: what a client asks and a broker answers, each with its typed arguments (section 1.3 to 1.8).
//!
//! Reserved arguments are read and forgotten, and written as zero. RabbitMQ's extensions are
//! methods like any other.

pub mod access;
pub mod basic;
pub mod channel;
pub mod confirm;
pub mod connection;
pub mod exchange;
pub mod queue;
pub mod tx;

use bytes::BytesMut;

use crate::error::DecodeError;
use crate::wire::{Reader, Writer};

/// The arguments of one method.
pub trait Arguments<'a>: Sized {
    /// Takes the arguments from the front of `reader`.
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;

    /// Appends the arguments.
    fn write(&self, writer: &mut Writer<'_>);

    /// Some arguments, for tests.
    #[cfg(test)]
    fn sample(source: &mut crate::sample::Source<'a>) -> Self;
}

/// Defines structs of arguments: `Name { fields }`, with the types of reserved arguments before and after in brackets.
macro_rules! arguments {
    ($(
        $(#[$doc:meta])*
        $name:ident $(<$lifetime:lifetime>)? [$($before:ty),*] {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        } [$($after:ty),*]
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name $(<$lifetime>)? {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl<'a> $crate::method::Arguments<'a> for $name $(<$lifetime>)? {
            #[inline]
            #[allow(unused_variables)]
            fn read(
                reader: &mut $crate::wire::Reader<'a>,
            ) -> Result<Self, $crate::error::DecodeError> {
                $(<$before as $crate::wire::Field<'a>>::read(reader)?;)*
                let arguments = Self { $($field: $crate::wire::Field::read(reader)?,)* };
                $(<$after as $crate::wire::Field<'a>>::read(reader)?;)*
                Ok(arguments)
            }

            #[allow(unused_variables)]
            fn write(&self, writer: &mut $crate::wire::Writer<'_>) {
                $($crate::wire::Field::write(&<$before>::default(), writer);)*
                $($crate::wire::Field::write(&self.$field, writer);)*
                $($crate::wire::Field::write(&<$after>::default(), writer);)*
            }

            #[cfg(test)]
            #[allow(unused_variables)]
            fn sample(source: &mut $crate::sample::Source<'a>) -> Self {
                Self { $($field: $crate::sample::Sample::sample(source),)* }
            }
        }
    )*};
}
pub(crate) use arguments;

macro_rules! methods {
    ($($class:literal $method:literal $name:literal $variant:ident($type:ty))*) => {
        /// Any method of AMQP 0-9-1 and of RabbitMQ's extensions.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Method<'a> {
            $(#[doc = concat!("`", $name, "`")] $variant($type),)*
        }

        impl<'a> Method<'a> {
            /// Decodes the payload of a method frame.
            ///
            /// # Errors
            ///
            /// When there is no such method, or its arguments do not fill the payload exactly.
            #[inline]
            pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
                let mut reader = Reader::new(payload);
                let (class, method) = (reader.u16()?, reader.u16()?);
                let decoded = match (class, method) {
                    $(($class, $method) => Self::$variant(<$type as Arguments<'a>>::read(&mut reader)?),)*
                    _ => return Err(DecodeError::UnknownMethod { class, method }),
                };
                reader.finish()?;
                Ok(decoded)
            }

            /// Appends the payload of a method frame.
            pub fn encode(&self, out: &mut BytesMut) {
                let mut writer = Writer::new(out);
                let (class, method) = self.id();
                writer.bytes(&class.to_be_bytes());
                writer.bytes(&method.to_be_bytes());
                match self {
                    $(Self::$variant(arguments) => arguments.write(&mut writer),)*
                }
            }

            /// The class id and the method id.
            pub const fn id(&self) -> (u16, u16) {
                match self {
                    $(Self::$variant(_) => ($class, $method),)*
                }
            }

            /// The method's name, as in `queue.declare`.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// A method of these ids, for tests.
            #[cfg(test)]
            pub(crate) fn sample(
                id: (u16, u16),
                source: &mut crate::sample::Source<'a>,
            ) -> Option<Self> {
                match id {
                    $(($class, $method) => {
                        Some(Self::$variant(<$type as Arguments<'a>>::sample(source)))
                    })*
                    _ => None,
                }
            }
        }

        $(impl<'a> From<$type> for Method<'a> {
            fn from(arguments: $type) -> Self {
                Self::$variant(arguments)
            }
        })*

        /// The ids of every method, for tests and tables.
        pub const IDS: &[(u16, u16)] = &[$(($class, $method),)*];
    };
}

methods! {
    10 10 "connection.start" ConnectionStart(connection::Start<'a>)
    10 11 "connection.start-ok" ConnectionStartOk(connection::StartOk<'a>)
    10 20 "connection.secure" ConnectionSecure(connection::Secure<'a>)
    10 21 "connection.secure-ok" ConnectionSecureOk(connection::SecureOk<'a>)
    10 30 "connection.tune" ConnectionTune(connection::Tune)
    10 31 "connection.tune-ok" ConnectionTuneOk(connection::TuneOk)
    10 40 "connection.open" ConnectionOpen(connection::Open<'a>)
    10 41 "connection.open-ok" ConnectionOpenOk(connection::OpenOk)
    10 50 "connection.close" ConnectionClose(connection::Close<'a>)
    10 51 "connection.close-ok" ConnectionCloseOk(connection::CloseOk)
    10 60 "connection.blocked" ConnectionBlocked(connection::Blocked<'a>)
    10 61 "connection.unblocked" ConnectionUnblocked(connection::Unblocked)
    10 70 "connection.update-secret" ConnectionUpdateSecret(connection::UpdateSecret<'a>)
    10 71 "connection.update-secret-ok" ConnectionUpdateSecretOk(connection::UpdateSecretOk)
    20 10 "channel.open" ChannelOpen(channel::Open)
    20 11 "channel.open-ok" ChannelOpenOk(channel::OpenOk)
    20 20 "channel.flow" ChannelFlow(channel::Flow)
    20 21 "channel.flow-ok" ChannelFlowOk(channel::FlowOk)
    20 40 "channel.close" ChannelClose(channel::Close<'a>)
    20 41 "channel.close-ok" ChannelCloseOk(channel::CloseOk)
    30 10 "access.request" AccessRequest(access::Request<'a>)
    30 11 "access.request-ok" AccessRequestOk(access::RequestOk)
    40 10 "exchange.declare" ExchangeDeclare(exchange::Declare<'a>)
    40 11 "exchange.declare-ok" ExchangeDeclareOk(exchange::DeclareOk)
    40 20 "exchange.delete" ExchangeDelete(exchange::Delete<'a>)
    40 21 "exchange.delete-ok" ExchangeDeleteOk(exchange::DeleteOk)
    40 30 "exchange.bind" ExchangeBind(exchange::Bind<'a>)
    40 31 "exchange.bind-ok" ExchangeBindOk(exchange::BindOk)
    40 40 "exchange.unbind" ExchangeUnbind(exchange::Unbind<'a>)
    40 51 "exchange.unbind-ok" ExchangeUnbindOk(exchange::UnbindOk)
    50 10 "queue.declare" QueueDeclare(queue::Declare<'a>)
    50 11 "queue.declare-ok" QueueDeclareOk(queue::DeclareOk<'a>)
    50 20 "queue.bind" QueueBind(queue::Bind<'a>)
    50 21 "queue.bind-ok" QueueBindOk(queue::BindOk)
    50 30 "queue.purge" QueuePurge(queue::Purge<'a>)
    50 31 "queue.purge-ok" QueuePurgeOk(queue::PurgeOk)
    50 40 "queue.delete" QueueDelete(queue::Delete<'a>)
    50 41 "queue.delete-ok" QueueDeleteOk(queue::DeleteOk)
    50 50 "queue.unbind" QueueUnbind(queue::Unbind<'a>)
    50 51 "queue.unbind-ok" QueueUnbindOk(queue::UnbindOk)
    60 10 "basic.qos" BasicQos(basic::Qos)
    60 11 "basic.qos-ok" BasicQosOk(basic::QosOk)
    60 20 "basic.consume" BasicConsume(basic::Consume<'a>)
    60 21 "basic.consume-ok" BasicConsumeOk(basic::ConsumeOk<'a>)
    60 30 "basic.cancel" BasicCancel(basic::Cancel<'a>)
    60 31 "basic.cancel-ok" BasicCancelOk(basic::CancelOk<'a>)
    60 40 "basic.publish" BasicPublish(basic::Publish<'a>)
    60 50 "basic.return" BasicReturn(basic::Return<'a>)
    60 60 "basic.deliver" BasicDeliver(basic::Deliver<'a>)
    60 70 "basic.get" BasicGet(basic::Get<'a>)
    60 71 "basic.get-ok" BasicGetOk(basic::GetOk<'a>)
    60 72 "basic.get-empty" BasicGetEmpty(basic::GetEmpty)
    60 80 "basic.ack" BasicAck(basic::Ack)
    60 90 "basic.reject" BasicReject(basic::Reject)
    60 100 "basic.recover-async" BasicRecoverAsync(basic::RecoverAsync)
    60 110 "basic.recover" BasicRecover(basic::Recover)
    60 111 "basic.recover-ok" BasicRecoverOk(basic::RecoverOk)
    60 120 "basic.nack" BasicNack(basic::Nack)
    85 10 "confirm.select" ConfirmSelect(confirm::Select)
    85 11 "confirm.select-ok" ConfirmSelectOk(confirm::SelectOk)
    90 10 "tx.select" TxSelect(tx::Select)
    90 11 "tx.select-ok" TxSelectOk(tx::SelectOk)
    90 20 "tx.commit" TxCommit(tx::Commit)
    90 21 "tx.commit-ok" TxCommitOk(tx::CommitOk)
    90 30 "tx.rollback" TxRollback(tx::Rollback)
    90 31 "tx.rollback-ok" TxRollbackOk(tx::RollbackOk)
}

#[cfg(test)]
mod tests;
