//! What the broker refuses: how much it closes, with which code, and in RabbitMQ's words.

mod cases;

use broker_protocol::Method;
use warren_tests::client::Client;

use crate::{refusals::cases::Names, rig::Rig};

/// How much a refusal closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Channel,
    Connection,
}

use Scope::{Channel, Connection};

/// One rule: what a client does on channel 1, and what becomes of it.
pub(crate) struct Rule {
    because: &'static str,
    provoke: fn(&mut Client, &Names),
    scope: Scope,
    code: u16,
    /// Part of the text; `{q}` and `{e}` stand for the queue and the exchange that are there.
    text: &'static str,
}

/// Holds the broker to each rule, on a connection of its own.
fn hold(rules: &[Rule]) {
    let rig = Rig::start();
    let names = Names { queue: rig.name("queue"), exchange: rig.name("exchange") };
    let mut failures = Vec::new();
    for rule in rules {
        let mut client = rig.client();
        cases::prepare(&mut client, &names);
        (rule.provoke)(&mut client, &names);
        let expected = rule.text.replace("{q}", &names.queue).replace("{e}", &names.exchange);
        match closed(&mut client) {
            Ok((scope, code, text))
                if (scope, code) == (rule.scope, rule.code) && text.contains(&expected) =>
            {
                if scope == Channel {
                    client.open_channel(2).expect("the connection goes on");
                }
            }
            other => failures.push(format!(
                "{}\n    expected {:?} {} {expected}\n    but      {other:?}",
                rule.because, rule.scope, rule.code
            )),
        }
    }
    let mut client = rig.client();
    cases::clean_up(&mut client, &names);
    assert!(
        failures.is_empty(),
        "{} of {}:\n  {}",
        failures.len(),
        rules.len(),
        failures.join("\n  ")
    );
}

/// What the broker closes next, and why.
fn closed(client: &mut Client) -> Result<(Scope, u16, String), String> {
    let close = |method: &Method<'_>| match method {
        Method::ChannelClose(close) => {
            Some((Channel, close.reply_code, close.reply_text.to_owned()))
        }
        _ => None,
    };
    match client.wait(1, close) {
        Ok(closed) => Ok(closed),
        // Word of the whole connection comes as an error: "connection closed: CODE TEXT".
        Err(error) => {
            let error = format!("{error:#}");
            let reason = error.strip_prefix("connection closed: ").ok_or(error.as_str())?;
            let (code, text) = reason.split_once(' ').ok_or(reason)?;
            Ok((Connection, code.parse().unwrap_or(0), text.to_owned()))
        }
    }
}

#[test]
fn of_queues() {
    #[rustfmt::skip]
    let rules = [
        Rule { because: "a passive declare does not create", provoke: cases::passive_declare_of_nothing,
            scope: Channel, code: 404, text: "NOT_FOUND - no queue '{q}-none' in vhost '/'" },
        Rule { because: "a queue keeps its properties", provoke: cases::declare_transient,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{q}' in vhost '/': received 'false' but current is 'true'" },
        Rule { because: "a queue keeps its auto-delete", provoke: cases::declare_auto_delete,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue '{q}' in vhost '/': received 'true' but current is 'false'" },
        Rule { because: "a queue keeps its arguments", provoke: cases::declare_with_ttl,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{q}' in vhost '/'" },
        Rule { because: "known arguments are checked", provoke: cases::declare_with_bad_ttl,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue '{q}-ttl' in vhost '/'" },
        Rule { because: "amq.* is the broker's", provoke: cases::declare_reserved_queue,
            scope: Channel, code: 403, text: "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'" },
        Rule { because: "consuming needs a queue", provoke: cases::consume_from_nothing,
            scope: Channel, code: 404, text: "NOT_FOUND - no queue '{q}-none' in vhost '/'" },
        Rule { because: "getting needs a queue", provoke: cases::get_from_nothing,
            scope: Channel, code: 404, text: "NOT_FOUND - no queue '{q}-none' in vhost '/'" },
        Rule { because: "purging needs a queue", provoke: cases::purge_nothing,
            scope: Channel, code: 404, text: "NOT_FOUND - no queue '{q}-none' in vhost '/'" },
        Rule { because: "if-empty protects messages", provoke: cases::delete_if_empty,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - queue '{q}' in vhost '/' not empty" },
        Rule { because: "if-unused protects consumers", provoke: cases::delete_if_unused,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - queue '{q}' in vhost '/' in use" },
        Rule { because: "an exclusive consumer is alone", provoke: cases::consume_beside_exclusive,
            scope: Channel, code: 403, text: "ACCESS_REFUSED - queue '{q}' in vhost '/' in exclusive use" },
    ];
    hold(&rules);
}

#[test]
fn of_replies() {
    #[rustfmt::skip]
    let rules = [
        Rule { because: "replies are not acknowledged", provoke: cases::consume_replies_with_ack,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - reply consumer cannot acknowledge" },
        Rule { because: "a channel has one consumer of replies", provoke: cases::consume_replies_twice,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - reply consumer already set" },
        Rule { because: "a request needs somebody who waits", provoke: cases::request_without_waiting,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - fast reply consumer does not exist" },
        Rule { because: "an address is not made by declaring it", provoke: cases::declare_an_address,
            scope: Channel, code: 404, text: "NOT_FOUND - no queue 'amq.rabbitmq.reply-to.guess' in vhost '/'" },
        Rule { because: "an address is not consumed from", provoke: cases::consume_from_an_address,
            scope: Channel, code: 404, text: "NOT_FOUND - no queue 'amq.rabbitmq.reply-to.guess' in vhost '/'" },
    ];
    hold(&rules);
}

#[test]
fn of_exchanges_and_bindings() {
    #[rustfmt::skip]
    let rules = [
        Rule { because: "an exchange keeps its type", provoke: cases::declare_other_type,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - inequivalent arg 'type' for exchange '{e}' in vhost '/': received 'fanout' but current is 'direct'" },
        Rule { because: "amq.* is the broker's", provoke: cases::declare_reserved_exchange,
            scope: Channel, code: 403, text: "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'" },
        Rule { because: "a passive declare does not create", provoke: cases::passive_declare_of_no_exchange,
            scope: Channel, code: 404, text: "NOT_FOUND - no exchange '{e}-none' in vhost '/'" },
        Rule { because: "the default exchange is not declared", provoke: cases::declare_default_exchange,
            scope: Channel, code: 403, text: "operation not permitted on the default exchange" },
        Rule { because: "the default exchange is not bound", provoke: cases::bind_default_exchange,
            scope: Channel, code: 403, text: "operation not permitted on the default exchange" },
        Rule { because: "a binding needs its exchange", provoke: cases::bind_to_no_exchange,
            scope: Channel, code: 404, text: "NOT_FOUND - no exchange '{e}-none' in vhost '/'" },
        Rule { because: "a binding needs its queue", provoke: cases::bind_no_queue,
            scope: Channel, code: 404, text: "NOT_FOUND - no queue '{q}-none' in vhost '/'" },
        Rule { because: "if-unused protects bindings", provoke: cases::delete_bound_exchange,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - exchange '{e}' in vhost '/' in use" },
        Rule { because: "publishing needs an exchange", provoke: cases::publish_to_no_exchange,
            scope: Channel, code: 404, text: "NOT_FOUND - no exchange '{e}-none' in vhost '/'" },
        Rule { because: "internal exchanges are for exchanges", provoke: cases::publish_to_internal,
            scope: Channel, code: 403, text: "ACCESS_REFUSED - cannot publish to internal exchange '{e}-internal' in vhost '/'" },
    ];
    hold(&rules);
}

#[test]
fn of_channels_and_deliveries() {
    #[rustfmt::skip]
    let rules = [
        Rule { because: "only what was delivered is acknowledged", provoke: cases::ack_nothing,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - unknown delivery tag 7" },
        Rule { because: "a delivery is acknowledged once", provoke: cases::ack_twice,
            scope: Channel, code: 406, text: "PRECONDITION_FAILED - unknown delivery tag 1" },
        Rule { because: "a channel is opened once", provoke: cases::open_twice,
            scope: Connection, code: 504, text: "CHANNEL_ERROR - second 'channel.open' seen" },
        Rule { because: "a channel must be open", provoke: cases::use_closed_channel,
            scope: Connection, code: 504, text: "CHANNEL_ERROR - expected 'channel.open'" },
        Rule { because: "a consumer's name is its own", provoke: cases::reuse_consumer_tag,
            scope: Connection, code: 530, text: "NOT_ALLOWED - attempt to reuse consumer tag 'twice'" },
        Rule { because: "limits in bytes are not implemented", provoke: cases::prefetch_bytes,
            scope: Connection, code: 540, text: "NOT_IMPLEMENTED - prefetch_size!=0 (10)" },
        Rule { because: "immediate is not implemented", provoke: cases::publish_immediate,
            scope: Connection, code: 540, text: "NOT_IMPLEMENTED - immediate=true" },
        Rule { because: "recovering to the same consumer is not implemented", provoke: cases::recover_in_place,
            scope: Connection, code: 540, text: "NOT_IMPLEMENTED - requeue=false" },
        Rule { because: "content follows a publish", provoke: cases::method_instead_of_content,
            scope: Connection, code: 505, text: "UNEXPECTED_FRAME" },
        Rule { because: "a frame ends as frames end", provoke: cases::bad_frame_end,
            scope: Connection, code: 501, text: "FRAME_ERROR" },
    ];
    hold(&rules);
}
