//! Class 10, `connection`: handshake, limits and closing.

use crate::method::arguments;
use crate::table::FieldTable;

arguments! {
    /// The broker introduces itself.
    Start<'a> [] {
        /// The protocol's major version, 0.
        version_major: u8,
        /// The protocol's minor version, 9.
        version_minor: u8,
        /// What the broker is and can do.
        server_properties: FieldTable,
        /// The ways to log in, separated by spaces.
        mechanisms: &'a [u8],
        /// The languages of its texts, separated by spaces.
        locales: &'a [u8],
    } []

    /// The client introduces itself and logs in.
    StartOk<'a> [] {
        /// What the client is and can do.
        client_properties: FieldTable,
        /// The way to log in that it chose.
        mechanism: &'a str,
        /// The credentials, in the mechanism's own form. Secret.
        response: &'a [u8],
        /// The language it chose.
        locale: &'a str,
    } []

    /// The broker asks for more credentials.
    Secure<'a> [] {
        /// What to answer to.
        challenge: &'a [u8],
    } []

    /// The client gives more credentials.
    SecureOk<'a> [] {
        /// The credentials. Secret.
        response: &'a [u8],
    } []

    /// The broker proposes limits.
    Tune [] {
        /// The highest channel number; 0 is no limit.
        channel_max: u16,
        /// The largest frame in bytes, all of it counted; 0 is no limit.
        frame_max: u32,
        /// Seconds between heartbeats; 0 is none.
        heartbeat: u16,
    } []

    /// The client sets limits, no higher than proposed.
    TuneOk [] {
        /// The highest channel number; 0 is no limit.
        channel_max: u16,
        /// The largest frame in bytes, all of it counted; 0 is no limit.
        frame_max: u32,
        /// Seconds between heartbeats; 0 is none.
        heartbeat: u16,
    } []

    /// The client chooses a virtual host.
    Open<'a> [] {
        /// The virtual host.
        virtual_host: &'a str,
    } [&'a str, bool]

    /// The connection is open.
    OpenOk [] {} [&'a str]

    /// Closes the connection, and says why.
    Close<'a> [] {
        /// Why, as a number.
        reply_code: u16,
        /// Why, in words.
        reply_text: &'a str,
        /// The class of the method that failed, or 0.
        class_id: u16,
        /// The method that failed, or 0.
        method_id: u16,
    } []

    /// The connection is closed.
    CloseOk [] {} []

    /// The broker takes no publishes for now (RabbitMQ's extension).
    Blocked<'a> [] {
        /// Why.
        reason: &'a str,
    } []

    /// The broker takes publishes again (RabbitMQ's extension).
    Unblocked [] {} []

    /// The client's credentials have been renewed (RabbitMQ's extension).
    UpdateSecret<'a> [] {
        /// The new credentials. Secret.
        new_secret: &'a [u8],
        /// Why.
        reason: &'a str,
    } []

    /// The new credentials are in use (RabbitMQ's extension).
    UpdateSecretOk [] {} []
}
