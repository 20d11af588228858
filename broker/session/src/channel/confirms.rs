//! Publisher confirms: which publishes the broker has taken responsibility for.
//!
//! A channel in confirm mode numbers its publishes 1, 2, 3, … and answers every number exactly
//! once, with `basic.ack` or `basic.nack`. Answers may leave in any order and may be batched.
//!
//! ```text
//!  publish ──▶ Routing ──▶ Waiting(queues) ──▶ every queue has it ──▶ ack
//!                 │             └─────────────▶ a queue refused it ──▶ nack
//!                 └─ routed to no queue ──▶ ack
//! ```
//!
//! # Invariants
//!
//! - Every number up to and including `floor` has been decided; the slots are the numbers after it.
//! - The first slot, if there is one, has not been decided.

use std::collections::VecDeque;

/// The confirms of one channel. Pure state: the caller sends what [`Confirms::take_answers`] returns.
#[derive(Debug, Default)]
pub(crate) struct Confirms {
    floor: u64,
    slots: VecDeque<Slot>,
    /// How many acks the floor has moved over since answers were last taken.
    owed: u64,
    /// The last of them.
    owed_last: u64,
    /// Acked ahead of the floor since answers were last taken.
    ahead: Vec<u64>,
    /// Nacked since answers were last taken.
    nacked: Vec<u64>,
}

/// How far a publish has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// It is not known yet how many queues take it.
    Routing,
    /// So many queues have not answered, and whether one has refused.
    Waiting { queues: u32, refused: bool },
    /// Decided for good, and not answered.
    Acked,
    /// Answered already, or among the nacks.
    Answered,
}

/// What to tell the client, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    /// Each to be nacked.
    pub(crate) nacks: Vec<u64>,
    /// All up to and including this one to be acked.
    pub(crate) ack_up_to: Option<u64>,
    /// Instead of many, this one to be acked.
    pub(crate) alone: Option<u64>,
    /// Each to be acked.
    pub(crate) acks: Vec<u64>,
}

// === impl Confirms ===

impl Confirms {
    /// Numbers a publish.
    #[inline]
    pub(crate) fn publish(&mut self) -> u64 {
        self.slots.push_back(Slot::Routing);
        self.floor + self.slots.len() as u64
    }

    /// The publish was handed to so many queues; 0 means that no one has to answer.
    #[inline]
    pub(crate) fn routed(&mut self, seq: u64, queues: u32) {
        match self.slot(seq) {
            Some(slot @ Slot::Routing) if queues > 0 => {
                *slot = Slot::Waiting { queues, refused: false };
            }
            Some(Slot::Routing) => self.decide(seq, true),
            _ => {}
        }
    }

    /// One more queue has the message (`ok`), or has refused it.
    #[inline]
    pub(crate) fn settled(&mut self, seq: u64, ok: bool) {
        let Some(Slot::Waiting { queues, refused }) = self.slot(seq) else { return };
        *queues -= 1;
        *refused |= !ok;
        if *queues == 0 {
            let ok = !*refused;
            self.decide(seq, ok);
        }
    }

    /// How many publishes have been numbered.
    pub(crate) fn published(&self) -> u64 {
        self.floor + self.slots.len() as u64
    }

    /// How many of them are not decided. Looks at each.
    pub(crate) fn undecided(&self) -> usize {
        let open = |slot: &&Slot| matches!(slot, Slot::Routing | Slot::Waiting { .. });
        self.slots.iter().filter(open).count()
    }

    /// Whether there is anything to tell the client.
    pub(crate) fn has_answers(&self) -> bool {
        self.owed > 0 || !self.ahead.is_empty() || !self.nacked.is_empty()
    }

    /// What to tell the client; each number is in it once over all calls.
    pub(crate) fn take_answers(&mut self) -> Answers {
        let nacks = std::mem::take(&mut self.nacked);
        // One that is alone is acked by itself, as RabbitMQ does and some clients expect.
        let (alone, ack_up_to) = match std::mem::take(&mut self.owed) {
            0 => (None, None),
            1 => (Some(self.owed_last), None),
            _ => (None, Some(self.floor)),
        };
        let ahead = std::mem::take(&mut self.ahead);
        let acks: Vec<u64> = ahead.into_iter().filter(|seq| *seq > self.floor).collect();
        for seq in &acks {
            if let Some(slot) = self.slot(*seq) {
                *slot = Slot::Answered;
            }
        }
        Answers { nacks, ack_up_to, alone, acks }
    }

    #[inline]
    fn slot(&mut self, seq: u64) -> Option<&mut Slot> {
        let index = seq.checked_sub(self.floor + 1)?;
        self.slots.get_mut(usize::try_from(index).ok()?)
    }

    fn decide(&mut self, seq: u64, ok: bool) {
        let decided = if ok { Slot::Acked } else { Slot::Answered };
        if !ok {
            self.nacked.push(seq);
        } else if seq != self.floor + 1 {
            self.ahead.push(seq);
        }
        if let Some(slot) = self.slot(seq) {
            *slot = decided;
        }
        while let Some(Slot::Acked | Slot::Answered) = self.slots.front() {
            let acked = self.slots.pop_front() == Some(Slot::Acked);
            self.floor += 1;
            if acked {
                self.owed += 1;
                self.owed_last = self.floor;
            }
        }
    }
}

#[cfg(test)]
mod tests;
