//! Direct reply-to: requests whose replies need no queue.

use std::collections::BTreeSet;

use broker_protocol::{Properties, encode::PublishTemplate, method::basic};
use futures::future::join_all;
use lapin::{
    BasicProperties, Channel, Consumer,
    message::Delivery,
    options::{
        BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions,
        QueueDeclareOptions,
    },
    types::FieldTable,
};
use warren_tests::client::Client;

use crate::rig::{Rig, body, consume, consume_with, declare_queue, next, publish, stays_silent};

const REPLY_TO: &str = "amq.rabbitmq.reply-to";

async fn await_replies(channel: &Channel) -> Consumer {
    let no_ack = BasicConsumeOptions { no_ack: true, ..Default::default() };
    consume_with(channel, REPLY_TO, no_ack).await
}

async fn request(channel: &Channel, queue: &str, body: &str) {
    let properties =
        BasicProperties::default().with_reply_to(REPLY_TO.into()).with_correlation_id(body.into());
    let how = BasicPublishOptions::default();
    let sent = channel.basic_publish("".into(), queue.into(), how, body.as_bytes(), properties);
    drop(sent.await.unwrap());
}

/// A request of a bare client.
fn ask(client: &mut Client, queue: &str) {
    let properties = Properties { reply_to: Some(REPLY_TO), ..Properties::default() };
    let publish = basic::Publish { routing_key: queue, ..Default::default() };
    PublishTemplate::new(1, 4096, publish, &properties).write(&mut client.output, b"call");
    client.flush().unwrap();
}

fn address(request: &Delivery) -> String {
    request.properties.reply_to().as_ref().expect("an address").to_string()
}

async fn reply(channel: &Channel, request: &Delivery) {
    publish(channel, "", &address(request), &format!("re: {}", body(request))).await;
}

/// Whether something mandatory for this address comes back. The channel is in confirm mode.
async fn comes_back(channel: &Channel, address: &str, body: &[u8]) -> bool {
    let how = BasicPublishOptions { mandatory: true, ..Default::default() };
    let properties = BasicProperties::default();
    let sent = channel.basic_publish("".into(), address.into(), how, body, properties);
    sent.await.unwrap().await.unwrap().take_message().is_some()
}

async fn how_declared(channel: &Channel, name: &str) -> Option<(u32, u32)> {
    let how = QueueDeclareOptions { passive: true, ..Default::default() };
    let declared = channel.queue_declare(name.into(), how, FieldTable::default()).await;
    declared.ok().map(|queue| (queue.message_count(), queue.consumer_count()))
}

#[tokio::test]
async fn each_reply_reaches_the_channel_that_asked() {
    let rig = Rig::start();
    let (_connection, server) = rig.channel().await;
    let queue = rig.name("calls");
    declare_queue(&server, &queue).await;
    let mut calls = consume(&server, &queue).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let connection = rig.connect().await;
        for _ in 0..2 {
            let channel = connection.create_channel().await.unwrap();
            clients.push((await_replies(&channel).await, channel));
        }
    }
    for (number, (_, channel)) in clients.iter().enumerate() {
        for call in 0..5 {
            request(channel, &queue, &format!("{number}.{call}")).await;
        }
    }
    let mut addresses = BTreeSet::new();
    for _ in 0..30 {
        let call = next(&mut calls).await;
        assert!(address(&call).starts_with("amq.rabbitmq.reply-to."), "{}", address(&call));
        addresses.insert(address(&call));
        reply(&server, &call).await;
    }
    assert_eq!(addresses.len(), 6, "one for each channel: {addresses:?}");
    let replies = clients.iter_mut().enumerate().map(async |(number, (consumer, _))| {
        for call in 0..5 {
            let reply = next(consumer).await;
            assert_eq!(body(&reply), format!("re: {number}.{call}"));
            assert!(!reply.redelivered);
            assert!(
                reply.exchange.as_str().is_empty()
                    && addresses.contains(reply.routing_key.as_str())
            );
        }
        stays_silent(consumer).await;
    });
    join_all(replies).await;
}

#[tokio::test]
async fn an_address_is_a_queue_for_as_long_as_somebody_waits() {
    let rig = Rig::start();
    let (connection, server) = rig.channel().await;
    let client = connection.create_channel().await.unwrap();
    let queue = rig.name("calls");
    declare_queue(&server, &queue).await;
    let mut calls = consume(&server, &queue).await;
    assert_eq!(how_declared(&client, REPLY_TO).await, Some((0, 1)));
    let replies = await_replies(&client).await;
    request(&client, &queue, "call").await;
    let address = address(&next(&mut calls).await);
    assert_eq!(how_declared(&server, &address).await, Some((0, 1)));
    client.basic_cancel(replies.tag(), BasicCancelOptions::default()).await.unwrap();
    server.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    assert!(comes_back(&server, &address, b"late").await, "nobody waits any more");
    assert_eq!(how_declared(&server, &address).await, None);
}

#[tokio::test]
async fn a_reply_to_a_client_that_has_gone_comes_back() {
    let rig = Rig::start();
    let (_connection, server) = rig.channel().await;
    server.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let queue = rig.name("calls");
    declare_queue(&server, &queue).await;
    let mut calls = consume(&server, &queue).await;
    let (connection, client) = rig.channel().await;
    let _replies = await_replies(&client).await;
    request(&client, &queue, "call").await;
    let address = address(&next(&mut calls).await);
    connection.close(200, "bye".into()).await.unwrap();
    assert!(comes_back(&server, &address, b"late").await);
    assert!(comes_back(&server, "amq.rabbitmq.reply-to.guess", b"nobody's").await);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_replies_costs_little() {
    let rig = Rig::start();
    if rig.broker.is_none() {
        return;
    }
    let (_connection, server) = rig.channel().await;
    server.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let queue = rig.name("calls");
    declare_queue(&server, &queue).await;
    let mut calls = consume(&server, &queue).await;
    let mut client = rig.client();
    let consume = basic::Consume { queue: REPLY_TO, no_ack: true, ..Default::default() };
    client.send(1, consume).unwrap();
    client.wait_for(1, "basic.consume-ok").unwrap();
    ask(&mut client, &queue);
    let address = address(&next(&mut calls).await);
    let reply = vec![0; 1 << 20];
    let mut taken = 0;
    while taken < 200 && !comes_back(&server, &address, &reply).await {
        taken += 1;
    }
    assert!((8..200).contains(&taken), "{taken} MiB for a client that does not read");
    for _ in 0..8 {
        client.wait_for(1, "basic.deliver").unwrap();
    }
}
