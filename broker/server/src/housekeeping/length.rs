//! How long the log may be, and whether to give up its oldest file makes it shorter.
//!
//! What is alive in a file that is given up is written again at the end. A batch that does not fit in
//! the last file begins another, so two neighbours hold at least one file's worth together, and a log of
//! which every record was written again takes no more than [`Length::compact`]. To go on beyond that
//! would be to write the same records for ever and to win nothing.

/// How long the log is. Bytes throughout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    pub(super) log: u64,
    /// What one file takes.
    pub(super) file: u64,
    /// What can be put in line and surely finds its space on the disk.
    pub(super) room: u64,
}

// === impl Length ===

impl Length {
    /// Whether the log takes more than it should on a disk that has room. At most `waiting` in it is
    /// alive; each time a file is given up a snapshot is written, which is to be little beside the file.
    pub(super) fn is_too_much(self, budget: u64, waiting: u64, snapshot: u64) -> bool {
        self.log > budget.max(self.compact(waiting)).max(4 * snapshot)
    }

    /// Whether, on a disk that is nearly full, the oldest file should go, in which at most `weight` is
    /// alive, and in all of the log at most `alive`. There may never be another file: what is written
    /// again surely has to fit, and to win something.
    pub(super) fn can_shrink(self, weight: u64, alive: u64) -> bool {
        let wins = weight <= self.file / 2 || self.log > self.compact(alive);
        wins && 2 * weight <= self.room
    }

    /// What a log may take although every record in it was written again.
    fn compact(self, alive: u64) -> u64 {
        2 * (alive + self.file)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_log_is_too_long_beyond_its_budget_and_what_waits() {
        #[rustfmt::skip]
        let cases = [
            // log, waiting, snapshot, too much
            (256,   0,  0, false),
            (257,   0,  0, true),
            (320,  96,  0, false),
            (321,  96,  0, true),
            (321,   0, 81, false),
            (321,   0, 80, true),
        ];
        for (log, waiting, snapshot, expected) in cases {
            let length = Length { log: log * MIB, file: 64 * MIB, room: 0 };
            let got = length.is_too_much(256 * MIB, waiting * MIB, snapshot * MIB);
            assert_eq!(
                got, expected,
                "{log} MiB of log, {waiting} waiting, {snapshot} of snapshot"
            );
        }
    }

    #[test]
    fn on_a_full_disk_a_file_goes_if_that_wins_something() {
        #[rustfmt::skip]
        let cases = [
            // log, room, weight, alive, goes
            (128,   0,  0,   0, true,  "nothing is written again"),
            (128,  64, 32, 300, true,  "half a file is won"),
            (128,  63, 32, 300, false, "what is written again might not fit"),
            (512,  80, 40, 100, true,  "what is won lies behind it"),
            (328,  80, 40, 100, false, "it cannot be much shorter"),
        ];
        for (log, room, weight, alive, expected, because) in cases {
            let length = Length { log: log * MIB, file: 64 * MIB, room: room * MIB };
            assert_eq!(length.can_shrink(weight * MIB, alive * MIB), expected, "{because}");
        }
    }

    /// A log file: what was written to it, and what of that is alive.
    #[derive(Debug, Default, Clone)]
    struct File {
        written: u64,
        alive: Vec<u64>,
    }

    const FILE: u64 = 1_000;

    fn weight(files: &VecDeque<File>) -> u64 {
        files.iter().flat_map(|file| &file.alive).sum()
    }

    fn write(files: &mut VecDeque<File>, batch: u64) {
        if files.back().is_none_or(|last| last.written + batch > FILE) {
            files.push_back(File::default());
        }
        let last = files.back_mut().unwrap();
        last.written += batch;
        last.alive.push(batch);
    }

    proptest! {
        /// Whatever lies where, there is an end to giving up files, and then little is left to win.
        #[test]
        fn the_log_is_made_shorter_until_it_is_short(
            files in proptest::collection::vec(proptest::collection::vec(1_u64..700, 0..4), 1..12),
            budget in 0_u64..6_000,
            low: bool,
        ) {
            let mut files: VecDeque<_> =
                files.into_iter().map(|alive| File { written: FILE, alive }).collect();
            let alive = weight(&files);
            let length = |files: &VecDeque<File>| {
                Length { log: files.len() as u64 * FILE, file: FILE, room: u64::MAX }
            };
            let mut given_up = 0;
            while files.len() > 1 && if low {
                length(&files).can_shrink(files[0].alive.iter().sum(), alive)
            } else {
                length(&files).is_too_much(budget, alive, 0)
            } {
                given_up += 1;
                prop_assert!(given_up < 100, "it goes on for ever: {files:?}");
                let oldest = files.pop_front().unwrap();
                oldest.alive.into_iter().for_each(|batch| write(&mut files, batch));
            }
            prop_assert_eq!(weight(&files), alive);
            prop_assert!(low || files.len() as u64 * FILE <= budget.max(2 * (alive + FILE)));
            prop_assert!(files.len() as u64 * FILE <= 2 * (alive + FILE) || !low);
        }
    }
}
