//! Publishes that await their confirm, and how long each waited.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

/// Marks a publish whose confirm has come.
const SETTLED: u64 = u64::MAX;

/// Publishes numbered from 1, as the channel numbers them.
#[derive(Debug)]
pub(crate) struct Window {
    /// Every number up to this one is settled and forgotten.
    floor: u64,
    /// When each publish after the floor was written, in nanoseconds, or [`SETTLED`].
    written_at: VecDeque<u64>,
    open: usize,
    pub(crate) acked: u64,
    pub(crate) nacked: u64,
    /// Nanoseconds from write to confirm.
    pub(crate) latency: Histogram<u64>,
}

// === impl Window ===

impl Window {
    pub(crate) fn new(latency: Histogram<u64>) -> Self {
        Self { floor: 0, written_at: VecDeque::new(), open: 0, acked: 0, nacked: 0, latency }
    }

    /// How many publishes await their confirm.
    pub(crate) const fn open(&self) -> usize {
        self.open
    }

    /// Notes the next publish.
    pub(crate) fn push(&mut self, now: u64) {
        self.written_at.push_back(now);
        self.open += 1;
    }

    /// Notes a confirm: of `number`, or of everything up to it. Returns false if it confirms what was never published.
    pub(crate) fn settle(&mut self, number: u64, multiple: bool, acked: bool, now: u64) -> bool {
        if number > self.floor + self.written_at.len() as u64 {
            return false;
        }
        let Some(last) = number.checked_sub(self.floor + 1) else { return true };
        let first = if multiple { 0 } else { last };
        for index in first..=last {
            self.settle_one(index as usize, acked, now);
        }
        while self.written_at.front() == Some(&SETTLED) {
            self.written_at.pop_front();
            self.floor += 1;
        }
        true
    }

    fn settle_one(&mut self, index: usize, acked: bool, now: u64) {
        let Some(written_at) = self.written_at.get_mut(index) else { return };
        if *written_at == SETTLED {
            return;
        }
        self.latency.saturating_record(now.saturating_sub(*written_at));
        *written_at = SETTLED;
        self.open -= 1;
        *(if acked { &mut self.acked } else { &mut self.nacked }) += 1;
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;

    use super::Window;

    #[test]
    fn confirms_may_come_in_any_order() {
        let mut window = Window::new(Histogram::new(2).unwrap());
        (0..6).for_each(|now| window.push(now));
        assert!(window.settle(2, false, true, 10));
        assert_eq!((window.open(), window.floor), (5, 0));
        assert!(window.settle(3, true, true, 10));
        assert_eq!((window.open(), window.floor), (3, 3));
        assert!(window.settle(3, true, true, 10), "a confirm may be repeated");
        assert!(window.settle(5, false, false, 10));
        assert!(window.settle(6, true, true, 10));
        assert_eq!((window.open(), window.floor, window.acked, window.nacked), (0, 6, 5, 1));
        assert!(!window.settle(7, true, true, 10), "never published");
    }
}
