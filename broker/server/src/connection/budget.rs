//! How much of what a client published may be under way to the shards.

/// Counts what was sent to shards and not yet settled by them. Bytes are those of whole messages.
#[derive(Debug, Default)]
pub(super) struct Budget {
    messages: usize,
    bytes: usize,
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
