//! Class 20, `channel`: opening and closing channels.

use crate::method::arguments;

arguments! {
    /// Opens a channel.
    Open [&'a str] {} []

    /// The channel is open.
    OpenOk [&'a [u8]] {} []

    /// Asks the peer to pause or go on sending content.
    Flow [] {
        /// Go on, rather than pause.
        active: bool,
    } []

    /// Content is, or is no longer, being sent.
    FlowOk [] {
        /// As in the request.
        active: bool,
    } []

    /// Closes the channel, and says why.
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

    /// The channel is closed.
    CloseOk [] {} []
}
