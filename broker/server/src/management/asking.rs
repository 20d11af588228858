//! Questions to a queue's shard, as a connection asks them, for a request.

use std::time::Duration;

use broker_core::id::QueueId;
use broker_core::queue::Command;

use crate::link::{Event, Link, Reply};
use crate::mailbox::{Receiver, mailbox};
use crate::management::failed::Failed;
use crate::node::Node;
use crate::shard::work::{Question, Work};

/// How long to wait for an answer, which may have to wait for the disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks a queue, and refuses in its name.
pub(super) async fn ask(node: &Node, queue: QueueId, command: Command) -> Result<Reply, Failed> {
    let (sender, mut mailbox) = mailbox();
    let link = Link::new(node.registry.next(), sender);
    node.to_owner(queue, Work::Ask { link, queue, question: Question::Command(command) });
    let answer = first(&mut mailbox, |event| match event {
        Event::Reply(reply) => Some(reply),
        _ => None,
    });
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Reply::Refused(refusal)) => Err(refusal.into()),
        Ok(Reply::NoQueue) => Err(Failed::not_found()),
        Ok(reply) => Ok(reply),
        Err(_) => Err(Failed::unavailable()),
    }
}

/// A link for a publish to so many queues, and whether all of them took it once they have said so.
pub(super) fn settled(
    node: &Node,
    queues: usize,
) -> (Link, impl Future<Output = Result<bool, Failed>>) {
    let (sender, mut mailbox) = mailbox();
    let link = Link::new(node.registry.next(), sender);
    let (mut left, mut all) = (queues, true);
    let answer = async move {
        first(&mut mailbox, |event| {
            if let Event::Settled(settled) = event {
                left = left.saturating_sub(settled.outcomes.len());
                all &= settled.outcomes.iter().all(|(_, accepted)| *accepted);
            }
            (left == 0).then_some(all)
        })
        .await
    };
    let answer = async { tokio::time::timeout(PATIENCE, answer).await };
    (link, async { answer.await.map_err(|_| Failed::unavailable()) })
}

/// The first thing that `is_it` makes of an event.
async fn first<T>(mailbox: &mut Receiver<Event>, mut is_it: impl FnMut(Event) -> Option<T>) -> T {
    let mut events = Vec::new();
    loop {
        mailbox.receive(&mut events).await;
        if let Some(found) = events.drain(..).find_map(&mut is_it) {
            return found;
        }
    }
}
