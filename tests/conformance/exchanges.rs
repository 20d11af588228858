//! Declaring and deleting exchanges, and those that are there from the start.

use lapin::{
    ExchangeKind,
    options::{ExchangeDeclareOptions, ExchangeDeleteOptions},
    types::FieldTable,
};

use crate::rig::{Rig, bind, declare_exchange, declare_queue, drain, publish};

#[tokio::test]
async fn the_standard_exchanges_are_there() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    for (name, kind) in [
        ("amq.direct", ExchangeKind::Direct),
        ("amq.fanout", ExchangeKind::Fanout),
        ("amq.topic", ExchangeKind::Topic),
        ("amq.headers", ExchangeKind::Headers),
        ("amq.match", ExchangeKind::Headers),
    ] {
        let how = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let declared = channel.exchange_declare(name.into(), kind, how, FieldTable::default());
        declared.await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[tokio::test]
async fn a_deleted_exchange_takes_its_bindings_along_and_may_be_deleted_again() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let (exchange, queue) = (rig.name("exchange"), rig.name("queue"));
    declare_exchange(&channel, &exchange, ExchangeKind::Fanout).await;
    declare_queue(&channel, &queue).await;
    bind(&channel, &queue, &exchange, "").await;
    for _ in 0..2 {
        let how = ExchangeDeleteOptions::default();
        channel.exchange_delete(exchange.as_str().into(), how).await.unwrap();
    }
    declare_exchange(&channel, &exchange, ExchangeKind::Fanout).await;
    publish(&channel, &exchange, "", "lost").await;
    assert_eq!(drain(&channel, &queue).await, [""; 0]);
}
