//! Class 30, `access`: realms, long gone from AMQP; old clients still ask.

use crate::method::arguments;

arguments! {
    /// Asks for access to a realm; answered, and otherwise without effect.
    Request<'a> [] {
        /// The realm.
        realm: &'a str,
        /// Ask for exclusive access.
        exclusive: bool,
        /// Ask for passive access.
        passive: bool,
        /// Ask for active access.
        active: bool,
        /// Ask for write access.
        write: bool,
        /// Ask for read access.
        read: bool,
    } []

    /// Grants access.
    RequestOk [] {
        /// The ticket that later methods carry, and no one reads.
        ticket: u16,
    } []
}
