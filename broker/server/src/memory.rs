//! The node-wide budget for what waits in memory.
//!
//! Every shard reports by how much its queues grew or shrank. Above the watermark publishers are
//! blocked, consumers go on; below the resume mark, which is lower so that the state does not
//! flutter, publishers are let go again. Long before that, above the page watermark, queues are asked to
//! let messages leave for pages on the disk.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// What the queues of all shards hold, against the budget. Bytes throughout.
#[derive(Debug)]
pub(crate) struct Memory {
    used: AtomicI64,
    above: AtomicBool,
    watermark: i64,
    resume: i64,
    page_watermark: u64,
}

// === impl Memory ===

impl Memory {
    /// Bytes that a message in a queue costs beside its own, roughly.
    pub(crate) const MESSAGE_OVERHEAD: u64 = 128;

    /// Bytes from which messages go to pages, unless told otherwise or the budget is small.
    pub(crate) const PAGE_WATERMARK: u64 = 32 << 20;

    /// A budget of `watermark` bytes; blocked publishers go on at seven eighths of it.
    pub(crate) fn new(watermark: u64, page_watermark: u64) -> Self {
        let watermark = i64::try_from(watermark).unwrap_or(i64::MAX);
        let resume = watermark - watermark / 8;
        let (used, above) = (AtomicI64::new(0), AtomicBool::new(false));
        Self { used, above, watermark, resume, page_watermark: page_watermark.max(1) }
    }

    /// Records a change. Says so when publishers must now be blocked (true) or let go (false).
    pub(crate) fn change(&self, bytes: i64) -> Option<bool> {
        if bytes == 0 {
            return None;
        }
        self.used.fetch_add(bytes, Ordering::SeqCst);
        let mut reported = None;
        // Of several shards that see the crossing, one reports it. It looks again afterwards: what
        // another shard gave back meanwhile was not yet a crossing for that one, and may be the last
        // change for long.
        while let Some(crossed) = self.crossing() {
            reported = Some(crossed);
        }
        reported
    }

    /// Takes note of a crossing, if there is one that nobody took note of.
    fn crossing(&self) -> Option<bool> {
        let used = self.used.load(Ordering::SeqCst);
        let above = self.above.load(Ordering::SeqCst);
        let crossed = if above { used >= self.resume } else { used > self.watermark };
        let exchanged = || {
            self.above.compare_exchange(above, crossed, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        };
        (crossed != above && exchanged()).then_some(crossed)
    }

    /// Whether publishers are blocked.
    pub(crate) fn is_above(&self) -> bool {
        self.above.load(Ordering::Relaxed)
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> u64 {
        u64::try_from(self.used.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// How many times the page watermark is in use: 0 while messages may stay in memory.
    pub(crate) fn pressure(&self) -> u64 {
        self.used() / self.page_watermark
    }

    /// The watermark.
    pub(crate) fn watermark(&self) -> u64 {
        u64::try_from(self.watermark).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crossing_is_reported_once_each_way() {
        let memory = Memory::new(800, 400);
        #[rustfmt::skip]
        let steps = [
            (800,  None,        "at the mark is not above it"),
            (1,    Some(true),  "above"),
            (100,  None,        "still above"),
            (-150, None,        "below the mark, above the resume mark"),
            (-60,  Some(false), "below the resume mark"),
            (60,   None,        "between the marks again"),
            (0,    None,        "nothing"),
        ];
        for (bytes, expected, because) in steps {
            assert_eq!(memory.change(bytes), expected, "{because}");
        }
        assert_eq!(memory.used(), 751);
        assert_eq!(memory.pressure(), 1);
        memory.change(-352);
        assert_eq!(memory.pressure(), 0);
    }
}
