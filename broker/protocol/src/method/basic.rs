//! Class 60, `basic`: publishing, consuming and acknowledging.

use crate::method::arguments;
use crate::table::FieldTable;

arguments! {
    /// Limits how many unacknowledged messages are under way.
    Qos [] {
        /// The limit in bytes; RabbitMQ refuses all but 0.
        prefetch_size: u32,
        /// The limit in messages; 0 is none.
        prefetch_count: u16,
        /// With RabbitMQ: for the channel as a whole rather than each new consumer.
        global: bool,
    } []

    /// The limits are in force.
    QosOk [] {} []

    /// Subscribes to a queue.
    Consume<'a> [u16] {
        /// The queue; empty for the one last declared on the channel.
        queue: &'a str,
        /// The consumer's name on the channel; empty to be given one.
        consumer_tag: &'a str,
        /// Not to be sent what this connection published; RabbitMQ ignores it.
        no_local: bool,
        /// Deliveries count as acknowledged once sent.
        no_ack: bool,
        /// To be the queue's only consumer.
        exclusive: bool,
        /// No answer is wanted.
        no_wait: bool,
        /// Options, as in `x-priority`.
        arguments: FieldTable,
    } []

    /// The subscription holds.
    ConsumeOk<'a> [] {
        /// The consumer's name.
        consumer_tag: &'a str,
    } []

    /// Ends a subscription; sent by the broker too, when the queue goes.
    Cancel<'a> [] {
        /// The consumer's name.
        consumer_tag: &'a str,
        /// No answer is wanted.
        no_wait: bool,
    } []

    /// The subscription has ended.
    CancelOk<'a> [] {
        /// The consumer's name.
        consumer_tag: &'a str,
    } []

    /// Publishes the content that follows.
    Publish<'a> [u16] {
        /// The exchange; empty for the default one.
        exchange: &'a str,
        /// What the exchange routes by.
        routing_key: &'a str,
        /// To be returned when no queue takes it.
        mandatory: bool,
        /// To be returned when no consumer is ready; RabbitMQ refuses it.
        immediate: bool,
    } []

    /// Gives back the content that follows, which could not be routed.
    Return<'a> [] {
        /// Why, as a number.
        reply_code: u16,
        /// Why, in words.
        reply_text: &'a str,
        /// The exchange it was published to.
        exchange: &'a str,
        /// The routing key it was published with.
        routing_key: &'a str,
    } []

    /// Delivers the content that follows to a consumer.
    Deliver<'a> [] {
        /// The consumer's name.
        consumer_tag: &'a str,
        /// The delivery's number on the channel.
        delivery_tag: u64,
        /// Whether it may have been delivered before.
        redelivered: bool,
        /// The exchange it was published to.
        exchange: &'a str,
        /// The routing key it was published with.
        routing_key: &'a str,
    } []

    /// Asks for one message.
    Get<'a> [u16] {
        /// The queue; empty for the one last declared on the channel.
        queue: &'a str,
        /// It counts as acknowledged once sent.
        no_ack: bool,
    } []

    /// Answers with the content that follows.
    GetOk<'a> [] {
        /// The delivery's number on the channel.
        delivery_tag: u64,
        /// Whether it may have been delivered before.
        redelivered: bool,
        /// The exchange it was published to.
        exchange: &'a str,
        /// The routing key it was published with.
        routing_key: &'a str,
        /// How many messages are left in the queue.
        message_count: u32,
    } []

    /// The queue has no message ready.
    GetEmpty [] {} [&'a str]

    /// Acknowledges deliveries; from the broker, confirms publishes.
    Ack [] {
        /// The delivery's or publish's number on the channel.
        delivery_tag: u64,
        /// All up to and including it; with tag 0, all.
        multiple: bool,
    } []

    /// Refuses a delivery.
    Reject [] {
        /// The delivery's number on the channel.
        delivery_tag: u64,
        /// Put it back rather than drop or dead-letter it.
        requeue: bool,
    } []

    /// Asks for all unacknowledged messages to be delivered again; deprecated, without an answer.
    RecoverAsync [] {
        /// To any consumer rather than the same.
        requeue: bool,
    } []

    /// Asks for all unacknowledged messages to be delivered again.
    Recover [] {
        /// To any consumer rather than the same; RabbitMQ refuses the latter.
        requeue: bool,
    } []

    /// The messages have been put back.
    RecoverOk [] {} []

    /// Refuses deliveries; from the broker, publishes (RabbitMQ's extension).
    Nack [] {
        /// The delivery's or publish's number on the channel.
        delivery_tag: u64,
        /// All up to and including it; with tag 0, all.
        multiple: bool,
        /// Put them back rather than drop or dead-letter them.
        requeue: bool,
    } []
}
