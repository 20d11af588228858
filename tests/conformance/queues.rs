//! Declaring, purging and deleting queues.

use lapin::{
    options::{QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions},
    types::FieldTable,
};

use crate::rig::{Rig, bind, consume, declare_queue, drain, expect_counts, publish};

#[tokio::test]
async fn a_queue_may_be_declared_again_and_tells_its_counts() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    publish(&channel, "", &queue, "one").await;
    publish(&channel, "", &queue, "two").await;
    declare_queue(&channel, &queue).await;
    expect_counts(&channel, &queue, (2, 0)).await;
    let _consumer = consume(&channel, &queue).await;
    expect_counts(&channel, &queue, (0, 1)).await;
}

#[tokio::test]
async fn a_queue_without_a_name_is_given_one() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let how = QueueDeclareOptions { exclusive: true, ..Default::default() };
    let mut names = Vec::new();
    for _ in 0..2 {
        let queue = channel.queue_declare("".into(), how, FieldTable::default()).await.unwrap();
        names.push(queue.name().to_string());
    }
    assert!(names[0].starts_with("amq.gen-"), "{}", names[0]);
    assert_ne!(names[0], names[1]);
    let last = "".into();
    let bound = channel.queue_bind(
        last,
        "amq.fanout".into(),
        "".into(),
        Default::default(),
        FieldTable::default(),
    );
    bound.await.expect("an empty name means the queue declared last");
    publish(&channel, "amq.fanout", "", "hello").await;
    assert_eq!(drain(&channel, &names[1]).await, ["hello"]);
    assert_eq!(drain(&channel, &names[0]).await, [""; 0]);
}

#[tokio::test]
async fn purging_empties_and_counts() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let queue = rig.name("queue");
    declare_queue(&channel, &queue).await;
    for _ in 0..5 {
        publish(&channel, "", &queue, "x").await;
    }
    let purged = channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await;
    assert_eq!(purged.unwrap(), 5);
    expect_counts(&channel, &queue, (0, 0)).await;
}

#[tokio::test]
async fn deleting_counts_takes_the_bindings_along_and_may_be_repeated() {
    let rig = Rig::start();
    let (_connection, channel) = rig.channel().await;
    let (queue, key) = (rig.name("queue"), rig.name("key"));
    declare_queue(&channel, &queue).await;
    bind(&channel, &queue, "amq.direct", &key).await;
    publish(&channel, "amq.direct", &key, "old").await;
    let how = QueueDeleteOptions::default();
    assert_eq!(channel.queue_delete(queue.as_str().into(), how).await.unwrap(), 1);
    assert_eq!(channel.queue_delete(queue.as_str().into(), how).await.unwrap(), 0);
    declare_queue(&channel, &queue).await;
    publish(&channel, "amq.direct", &key, "new").await;
    assert_eq!(drain(&channel, &queue).await, [""; 0], "the binding went with the queue");
}
