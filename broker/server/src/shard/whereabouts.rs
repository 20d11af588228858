//! In which log file each message of a queue is recorded, or in a later one.

use broker_core::id::MessageId;

/// Runs of message ids recorded in the same log file: one entry a file, not one a message.
#[derive(Debug, Default)]
pub(crate) struct Whereabouts {
    /// By first id: the run goes up to the next one's.
    runs: Vec<(MessageId, u32)>,
}

// === impl Whereabouts ===

impl Whereabouts {
    /// Messages from `first` on are recorded in `file` or later, until told otherwise.
    pub(crate) fn note(&mut self, first: MessageId, file: u32) {
        if self.runs.last().is_none_or(|(_, last)| *last != file) {
            self.runs.push((first, file));
        }
    }

    /// The runs that may have messages in `file` or before: first id, and the id after the last.
    pub(crate) fn up_to(&self, file: u32) -> Vec<(MessageId, MessageId)> {
        let ends = self.runs.iter().skip(1).map(|(first, _)| *first);
        let ends = ends.chain([MessageId(u64::MAX)]);
        let runs = self.runs.iter().zip(ends).filter(|((_, at), _)| *at <= file);
        runs.map(|((first, _), end)| (*first, end)).collect()
    }

    /// What was in `file` or before is now recorded in `moved_to` or later.
    pub(crate) fn moved(&mut self, file: u32, moved_to: u32) {
        for (_, at) in &mut self.runs {
            if *at <= file {
                *at = moved_to;
            }
        }
        self.runs.dedup_by_key(|(_, at)| *at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u64 = u64::MAX;

    fn runs(whereabouts: &Whereabouts, file: u32) -> Vec<(u64, u64)> {
        whereabouts.up_to(file).iter().map(|(first, end)| (first.0, end.0)).collect()
    }

    #[test]
    fn runs_follow_the_files() {
        let mut whereabouts = Whereabouts::default();
        for (first, file) in [(1, 3), (5, 3), (9, 4), (12, 6), (20, 6)] {
            whereabouts.note(MessageId(first), file);
        }
        assert_eq!(runs(&whereabouts, 2), []);
        assert_eq!(runs(&whereabouts, 3), [(1, 9)]);
        assert_eq!(runs(&whereabouts, 5), [(1, 9), (9, 12)]);
        assert_eq!(runs(&whereabouts, 6), [(1, 9), (9, 12), (12, END)]);
        whereabouts.moved(3, 7);
        assert_eq!(runs(&whereabouts, 4), [(9, 12)]);
        whereabouts.moved(4, 7);
        assert_eq!(runs(&whereabouts, 7), [(1, 12), (12, END)]);
    }
}
