//! Class 85, `confirm`: publisher confirms (RabbitMQ's extension).

use crate::method::arguments;

arguments! {
    /// Asks for every publish on the channel to be confirmed.
    Select [] {
        /// No answer is wanted.
        no_wait: bool,
    } []

    /// The channel confirms.
    SelectOk [] {} []
}
