//! Class 50, `queue`: declaring, binding, purging and deleting queues.

use crate::method::arguments;
use crate::table::FieldTable;

arguments! {
    /// Creates a queue, or checks that it is as described.
    Declare<'a> [u16] {
        /// The queue; empty to be given a name.
        queue: &'a str,
        /// Only check that it exists.
        passive: bool,
        /// To survive a restart.
        durable: bool,
        /// For this connection only, and deleted with it.
        exclusive: bool,
        /// To be deleted when its last consumer goes.
        auto_delete: bool,
        /// No answer is wanted.
        no_wait: bool,
        /// Options, as in `x-max-length`.
        arguments: FieldTable,
    } []

    /// The queue exists.
    DeclareOk<'a> [] {
        /// The queue's name.
        queue: &'a str,
        /// How many messages are ready.
        message_count: u32,
        /// How many consumers there are.
        consumer_count: u32,
    } []

    /// Binds a queue to an exchange.
    Bind<'a> [u16] {
        /// The queue; empty for the one last declared on the channel.
        queue: &'a str,
        /// The exchange.
        exchange: &'a str,
        /// What the exchange routes by.
        routing_key: &'a str,
        /// No answer is wanted.
        no_wait: bool,
        /// What a headers exchange routes by.
        arguments: FieldTable,
    } []

    /// The binding exists.
    BindOk [] {} []

    /// Drops all messages that are ready.
    Purge<'a> [u16] {
        /// The queue; empty for the one last declared on the channel.
        queue: &'a str,
        /// No answer is wanted.
        no_wait: bool,
    } []

    /// The messages are gone.
    PurgeOk [] {
        /// How many there were.
        message_count: u32,
    } []

    /// Deletes a queue with its messages.
    Delete<'a> [u16] {
        /// The queue; empty for the one last declared on the channel.
        queue: &'a str,
        /// Only if it has no consumers.
        if_unused: bool,
        /// Only if it has no messages.
        if_empty: bool,
        /// No answer is wanted.
        no_wait: bool,
    } []

    /// The queue does not exist.
    DeleteOk [] {
        /// How many messages went with it.
        message_count: u32,
    } []

    /// Takes a binding away.
    Unbind<'a> [u16] {
        /// The queue; empty for the one last declared on the channel.
        queue: &'a str,
        /// The exchange.
        exchange: &'a str,
        /// As bound.
        routing_key: &'a str,
        /// As bound.
        arguments: FieldTable,
    } []

    /// The binding does not exist.
    UnbindOk [] {} []
}
