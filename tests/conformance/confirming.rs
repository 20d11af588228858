//! Publisher confirms, and what comes back when nobody can take it.

use lapin::{
    BasicProperties, Channel, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};

use crate::rig::{Rig, consume, declare_queue, drain, next};

async fn confirmed(channel: &Channel, exchange: &str, key: &str, mandatory: bool) -> Confirmation {
    let how = BasicPublishOptions { mandatory, ..Default::default() };
    let properties = BasicProperties::default();
    let sent = channel.basic_publish(exchange.into(), key.into(), how, b"body", properties).await;
    sent.unwrap().await.unwrap()
}

#[tokio::test]
async fn every_publish_is_confirmed_once() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let mut promises = Vec::new();
    for number in 0..500_u32 {
        let body = number.to_be_bytes();
        let sent = channel.basic_publish(
            "".into(),
            queue.as_str().into(),
            BasicPublishOptions::default(),
            &body,
            BasicProperties::default().with_delivery_mode(1 + (number % 2) as u8),
        );
        promises.push(sent.await.unwrap());
    }
    for promise in promises {
        assert!(promise.await.unwrap().is_ack());
    }
    assert_eq!(drain(&channel, &queue).await.len(), 500);
}

#[tokio::test]
async fn what_nobody_takes_is_confirmed_too_and_returned_if_mandatory() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let nowhere = rig.name("nowhere");
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    assert_eq!(confirmed(&channel, "", &nowhere, false).await, Confirmation::Ack(None));
    match confirmed(&channel, "", &nowhere, true).await {
        Confirmation::Ack(Some(returned)) => {
            assert_eq!(returned.reply_code, 312);
            assert_eq!(returned.reply_text.as_str(), "NO_ROUTE");
            assert_eq!(returned.delivery.routing_key.as_str(), nowhere);
            assert_eq!(returned.delivery.data, b"body");
        }
        other => panic!("the message should come back before its confirm, but: {other:?}"),
    }
}

#[tokio::test]
async fn properties_and_headers_arrive_as_they_were_sent() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    let mut headers = FieldTable::default();
    headers.insert("text".into(), AMQPValue::LongString("grüße".into()));
    headers.insert("number".into(), AMQPValue::LongLongInt(-7));
    headers.insert("yes".into(), AMQPValue::Boolean(true));
    headers.insert("nothing".into(), AMQPValue::Void);
    let sent = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_correlation_id("c-1".into())
        .with_reply_to("answers".into())
        .with_message_id("m-1".into())
        .with_priority(3)
        .with_timestamp(1_700_000_000)
        .with_type("order".into())
        .with_app_id("shop".into())
        .with_headers(headers);
    let how = BasicPublishOptions::default();
    let key = queue.as_str().into();
    drop(channel.basic_publish("".into(), key, how, b"{}", sent.clone()).await.unwrap());
    let mut consumer = consume(&channel, &queue).await;
    assert_eq!(next(&mut consumer).await.properties, sent);
}

#[tokio::test]
async fn bodies_of_any_size_arrive_whole() {
    let rig = Rig::start();
    let (connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    let frame = connection.configuration().frame_max() as usize;
    for size in [0, 1, frame - 9, frame - 8, frame - 7, frame, 3 * frame + 1, 5_000_000, 32 << 20] {
        let body: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        let how = BasicPublishOptions::default();
        let properties = BasicProperties::default();
        let sent = channel.basic_publish("".into(), queue.as_str().into(), how, &body, properties);
        drop(sent.await.unwrap());
        let got = crate::rig::get(&channel, &queue).await.expect("the message");
        assert!(got.data == body, "{size} bytes");
    }
}
