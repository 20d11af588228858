//! Which queues a message goes to.

use lapin::{
    ExchangeKind,
    options::{ExchangeBindOptions, ExchangeDeclareOptions},
    types::{AMQPValue, FieldTable},
};

use crate::rig::{Rig, bind, declare_exchange, declare_queue, drain, publish};

/// Publishes with each key and says which queues got it.
async fn route(kind: ExchangeKind, bindings: &[(&str, &str)], cases: &[(&str, &str, &str)]) {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let exchange = rig.name("exchange");
    declare_exchange(&channel, &exchange, kind).await;
    let mut queues = Vec::new();
    for (queue, key) in bindings {
        if !queues.contains(queue) {
            declare_queue(&channel, &rig.name(queue)).await;
            queues.push(queue);
        }
        bind(&channel, &rig.name(queue), &exchange, key).await;
    }
    for (key, expected, because) in cases {
        publish(&channel, &exchange, key, key).await;
        let mut reached = Vec::new();
        for queue in &queues {
            let got = drain(&channel, &rig.name(queue)).await;
            reached.extend(got.iter().map(|_| *queue));
        }
        assert_eq!(reached.join(" "), *expected, "{key}: {because}");
    }
}

#[tokio::test]
async fn direct_compares_the_whole_key() {
    let bindings = [("a", "red"), ("b", "blue"), ("c", "red"), ("c", "blue")];
    #[rustfmt::skip]
    let cases = [
        ("red",      "a c", "every queue bound with the key"),
        ("blue",     "b c", "a queue may be bound with several keys"),
        ("green",    "",    "no queue is bound with it"),
        ("red.blue", "",    "a key is not looked into"),
    ];
    route(ExchangeKind::Direct, &bindings, &cases).await;
}

#[tokio::test]
async fn fanout_ignores_the_key() {
    let bindings = [("a", ""), ("b", "any"), ("b", "other")];
    let cases = [("key", "a b", "each queue once, whatever it is bound with")];
    route(ExchangeKind::Fanout, &bindings, &cases).await;
}

#[tokio::test]
async fn topic_matches_words() {
    let bindings = [
        ("a", "order.*"),
        ("b", "order.#"),
        ("c", "#.eu"),
        ("d", "*.paid.*"),
        ("e", "#"),
        ("f", "order.eu"),
    ];
    #[rustfmt::skip]
    let cases = [
        ("order.eu",         "a b c e f", "a pattern may match in several ways"),
        ("order",            "b e",       "* stands for one word, # for none too"),
        ("order.paid.eu",    "b c d e",   "# stands for many"),
        ("order.",           "a b e",     "an empty word is a word"),
        ("eu",               "c e",       "# stands for none at the front"),
        ("",                 "e",         "an empty key has no words but #"),
        ("orders.eu",        "c e",       "words are compared whole"),
        ("Order.eu",         "c e",       "case matters"),
    ];
    route(ExchangeKind::Topic, &bindings, &cases).await;
}

#[tokio::test]
async fn the_default_exchange_routes_to_the_queue_of_that_name() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    publish(&channel, "", &queue, "here").await;
    publish(&channel, "", &rig.name("elsewhere"), "nowhere").await;
    assert_eq!(drain(&channel, &queue).await, ["here"]);
}

#[tokio::test]
async fn an_unbound_queue_gets_nothing_more() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let (queue, exchange) = (rig.name("queue"), "amq.direct");
    let key = rig.name("key");
    declare_queue(&channel, &queue).await;
    bind(&channel, &queue, exchange, &key).await;
    publish(&channel, exchange, &key, "bound").await;
    let unbound = channel.queue_unbind(
        queue.as_str().into(),
        exchange.into(),
        key.as_str().into(),
        FieldTable::default(),
    );
    unbound.await.unwrap();
    publish(&channel, exchange, &key, "unbound").await;
    assert_eq!(drain(&channel, &queue).await, ["bound"]);
}

#[tokio::test]
async fn exchanges_can_be_bound_to_exchanges_even_in_a_circle() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let (first, second, queue) = (rig.name("first"), rig.name("second"), rig.name("queue"));
    declare_exchange(&channel, &first, ExchangeKind::Topic).await;
    declare_exchange(&channel, &second, ExchangeKind::Fanout).await;
    declare_queue(&channel, &queue).await;
    for (to, from, key) in [(&second, &first, "order.#"), (&first, &second, "")] {
        let bound = channel.exchange_bind(
            to.as_str().into(),
            from.as_str().into(),
            key.into(),
            ExchangeBindOptions::default(),
            FieldTable::default(),
        );
        bound.await.unwrap();
    }
    bind(&channel, &queue, &second, "").await;
    publish(&channel, &first, "order.new", "once").await;
    publish(&channel, &first, "invoice.new", "not this").await;
    assert_eq!(drain(&channel, &queue).await, ["once"]);
}

#[tokio::test]
async fn what_cannot_be_routed_goes_to_the_alternate_exchange() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let (main, spare) = (rig.name("main"), rig.name("spare"));
    let (queue, lost) = (rig.name("queue"), rig.name("lost"));
    declare_exchange(&channel, &spare, ExchangeKind::Fanout).await;
    let mut arguments = FieldTable::default();
    arguments.insert("alternate-exchange".into(), AMQPValue::LongString(spare.as_str().into()));
    channel
        .exchange_declare(
            main.as_str().into(),
            ExchangeKind::Direct,
            ExchangeDeclareOptions { auto_delete: true, ..Default::default() },
            arguments,
        )
        .await
        .unwrap();
    declare_queue(&channel, &queue).await;
    declare_queue(&channel, &lost).await;
    bind(&channel, &queue, &main, "known").await;
    bind(&channel, &lost, &spare, "").await;
    publish(&channel, &main, "known", "kept").await;
    publish(&channel, &main, "unknown", "caught").await;
    assert_eq!(drain(&channel, &queue).await, ["kept"]);
    assert_eq!(drain(&channel, &lost).await, ["caught"]);
}
