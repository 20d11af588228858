//! How much of what a client published may be under way to the shards, and what waits for a client
//! that does not read.

/// Counts what was sent to shards and not yet settled by them. Bytes are those of whole messages.
#[derive(Debug, Default)]
pub(super) struct Budget {
    messages: usize,
    bytes: usize,
}

/// Bytes that wait to be written, as they were last reported to the node.
///
/// A message taken without acknowledgement belongs to no queue any more: what a slow client has not
/// read of such messages is counted nowhere else.
#[derive(Debug, Default)]
pub(super) struct Unwritten(i64);

// === impl Unwritten ===

impl Unwritten {
    /// So many bytes wait now; returns by how many they have become more.
    pub(super) fn becomes(&mut self, bytes: usize) -> i64 {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        bytes - std::mem::replace(&mut self.0, bytes)
    }
}

// === impl Budget ===

impl Budget {
    /// Copies of messages that may be under way.
    const MESSAGES: usize = 32_768;
    /// Their bytes. One read can go beyond it by what it holds.
    const BYTES: usize = 8 << 20;

    /// Whether more may be read.
    pub(super) fn has_room(&self) -> bool {
        self.messages < Self::MESSAGES && self.bytes < Self::BYTES
    }

    /// Something was sent.
    pub(super) fn take(&mut self, messages: usize, bytes: usize) {
        self.messages += messages;
        self.bytes += bytes;
    }

    /// Something was settled.
    pub(super) fn give_back(&mut self, messages: usize, bytes: usize) {
        self.messages = self.messages.saturating_sub(messages);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reported_adds_up() {
        let mut unwritten = Unwritten::default();
        assert_eq!([10, 10, 4, 0].map(|bytes| unwritten.becomes(bytes)), [10, 0, -6, -4]);
    }

    #[test]
    fn messages_and_bytes_are_both_bounded() {
        let mut budget = Budget::default();
        assert!(budget.has_room());
        budget.take(1, Budget::BYTES);
        assert!(!budget.has_room());
        budget.give_back(1, Budget::BYTES);
        assert!(budget.has_room());
        budget.take(Budget::MESSAGES, 0);
        assert!(!budget.has_room());
    }
}
