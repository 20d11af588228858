//! Class 40, `exchange`: declaring, binding and deleting exchanges.

use crate::method::arguments;
use crate::table::FieldTable;

arguments! {
    /// Creates an exchange, or checks that it is as described.
    Declare<'a> [u16] {
        /// The exchange.
        exchange: &'a str,
        /// The type, as in `topic`.
        kind: &'a str,
        /// Only check that it exists.
        passive: bool,
        /// To survive a restart.
        durable: bool,
        /// To be deleted when its last binding goes (RabbitMQ's extension).
        auto_delete: bool,
        /// Not to be published to by clients (RabbitMQ's extension).
        internal: bool,
        /// No answer is wanted.
        no_wait: bool,
        /// Options, as in `alternate-exchange`.
        arguments: FieldTable,
    } []

    /// The exchange exists.
    DeclareOk [] {} []

    /// Deletes an exchange.
    Delete<'a> [u16] {
        /// The exchange.
        exchange: &'a str,
        /// Only if it has no bindings.
        if_unused: bool,
        /// No answer is wanted.
        no_wait: bool,
    } []

    /// The exchange does not exist.
    DeleteOk [] {} []

    /// Binds an exchange to another (RabbitMQ's extension).
    Bind<'a> [u16] {
        /// The exchange that receives.
        destination: &'a str,
        /// The exchange that gives.
        source: &'a str,
        /// What the source routes by.
        routing_key: &'a str,
        /// No answer is wanted.
        no_wait: bool,
        /// What a headers exchange routes by.
        arguments: FieldTable,
    } []

    /// The binding exists.
    BindOk [] {} []

    /// Takes a binding between exchanges away (RabbitMQ's extension).
    Unbind<'a> [u16] {
        /// The exchange that receives.
        destination: &'a str,
        /// The exchange that gives.
        source: &'a str,
        /// As bound.
        routing_key: &'a str,
        /// No answer is wanted.
        no_wait: bool,
        /// As bound.
        arguments: FieldTable,
    } []

    /// The binding does not exist.
    UnbindOk [] {} []
}
