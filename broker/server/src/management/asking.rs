//! Questions to a queue's shard, as a connection asks them, for a request.

use std::time::Duration;

use broker_core::id::QueueId;
use broker_core::queue::Command;

use crate::link::{Event, Link, Reply};
use crate::mailbox::mailbox;
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
    let mut events = Vec::new();
    let answer = async {
        loop {
            mailbox.receive(&mut events).await;
            for event in events.drain(..) {
                if let Event::Reply(reply) = event {
                    return reply;
                }
            }
        }
    };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Reply::Refused(refusal)) => Err(refusal.into()),
        Ok(Reply::NoQueue) => Err(Failed::not_found()),
        Ok(reply) => Ok(reply),
        Err(_) => Err(Failed::unavailable()),
    }
}
