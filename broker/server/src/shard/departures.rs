//! What leaves a shard for connections and for other queues: in order, and nothing that may tell of a
//! transaction before the whole of that is in line for the log.
//!
//! ```text
//!  part of a transaction ─▶ applied ─▶ its effects ─▶ held ─┐
//!           other work ───▶ applied ─▶ effects ─────▶ held ─┤
//!                                                           ├─▶ leave, in order
//!  the last shard has handed its part to the log ───────────┘
//! ```
//!
//! The log is one sequence, of which a crash keeps a beginning. Whoever got a message of a transaction and
//! acknowledges it, or publishes what came of it, is recorded behind all parts of that transaction, and so
//! is a dead letter that it caused: a crash that undoes a transaction has undone what followed from it.
//!
//! Other work of the shard is held for as long, which is until the other shards have done what is before
//! their parts. Where there are no transactions nothing is ever held.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::link::{Event, Link, Reply};
use crate::node::Node;
use crate::shard::passing::Passed;
use crate::transactions::Transaction;

/// What is to leave a shard and may have to wait.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    held: VecDeque<Departure>,
}

#[derive(Debug)]
enum Departure {
    /// What is behind this may tell of the transaction.
    After(Arc<Transaction>),
    Event(Link, Event),
    Passed(Passed),
}

// === impl Departures ===

impl Departures {
    /// Nothing leaves from now on before `transaction` is whole in line for the log.
    pub(crate) fn wait_for(&mut self, transaction: Arc<Transaction>) {
        self.held.push_back(Departure::After(transaction));
    }

    /// Tells a connection something.
    pub(crate) fn send(&mut self, link: &Link, event: Event) {
        if self.held.is_empty() {
            link.send(event);
        } else {
            self.held.push_back(Departure::Event(link.clone(), event));
        }
    }

    /// Answers whoever asked, if anybody did.
    pub(crate) fn reply(&mut self, asker: Option<&Link>, reply: Reply) {
        if let Some(link) = asker {
            self.send(link, Event::Reply(reply));
        }
    }

    /// Sends a message on to other queues.
    pub(crate) fn pass_on(&mut self, node: &Node, passed: Passed) {
        if self.held.is_empty() {
            passed.go(node);
        } else {
            self.held.push_back(Departure::Passed(passed));
        }
    }

    /// Lets go what does not have to wait any more.
    pub(crate) fn leave(&mut self, node: &Node) {
        let may_leave = |next: &mut Departure| match next {
            Departure::After(transaction) => transaction.is_recorded(),
            Departure::Event(..) | Departure::Passed(_) => true,
        };
        while let Some(next) = self.held.pop_front_if(may_leave) {
            match next {
                Departure::After(_) => {}
                Departure::Event(link, event) => link.send(event),
                Departure::Passed(passed) => passed.go(node),
            }
        }
    }
}
