//! A log on a disk that fails, and what it has promised.

use super::*;
use crate::log::recovery::Found;

/// Small files, so that many are begun, given up and used again.
pub(super) fn small() -> Options {
    Options { dir: DIR.into(), file_len: 24 << 10, round_len: 8 << 10 }
}

/// A disk, and what a log on it was told and has told.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) fs: MemoryFs,
    /// What the caller's snapshot says is needed.
    from: Position,
    /// Batches that were put in line, and where; those that are needed come back.
    appended: Vec<(u64, Position)>,
    /// So many of them will survive.
    durable: usize,
    next: u64,
}

// === impl World ===

impl World {
    pub(super) fn new() -> Self {
        let (fs, appended) = <(MemoryFs, Vec<_>)>::default();
        Self { fs, from: Position::ZERO, appended, durable: 0, next: 0 }
    }

    /// The disk as a power cut leaves it, and what was promised of it.
    pub(super) fn cut(&self, seed: u64) -> Self {
        Self { fs: self.fs.power_cut(seed), ..self.clone() }
    }

    /// Opens the log and holds what is found against what was promised: no damage is told of, everything
    /// durable is there, in order and whole, and nothing that was never put in line.
    pub(super) fn open(&mut self, because: &str) -> Result<Log<MemoryFs>> {
        let mut seen = Vec::new();
        let opened =
            Log::open(self.fs.clone(), small(), self.from, |Found { position, record }| {
                let name = vec![record.group as u8; record.body.len()];
                assert_eq!(record.body, name, "{because}: a body is not what was written");
                seen.push((position, record.group, record.term, record.index));
            })?;
        assert!(opened.damage.is_empty(), "{because}: {:?}", opened.damage);
        let firsts = seen.iter().filter(|(_, _, _, index)| *index == 0);
        let found: Vec<_> = firsts.map(|(position, number, _, _)| (*number, *position)).collect();
        assert_eq!(batches(&seen).len(), found.len(), "{because}");
        let needed = self.appended.partition_point(|(_, at)| at.file() < self.from.file());
        let known = &self.appended[needed..];
        let durable = &known[..self.durable.saturating_sub(needed).min(known.len())];
        assert!(found.starts_with(durable), "{because}: lost of {durable:?}, found {found:?}");
        assert!(known.starts_with(&found), "{because}: invented {found:?}, known {known:?}");
        // What was seen is built on.
        self.appended.truncate(needed + found.len());
        self.durable = self.appended.len();
        Ok(opened.log)
    }

    pub(super) fn append(&mut self, log: &Log<MemoryFs>, dice: &mut Dice) {
        let size = [10, 400, 2_000, 6_000][dice.below(4) as usize];
        let number = self.next;
        self.next += 1;
        if let Ok(at) = log.append(batch(number, 1 + dice.below(3), size)) {
            self.appended.push((number, at));
        }
    }

    /// Takes note of what the log says is durable.
    pub(super) fn note_durable(&mut self, log: &Log<MemoryFs>) {
        let durable = self.appended.partition_point(|(_, at)| *at < log.durable());
        assert!(durable >= self.durable, "what was durable is no more");
        self.durable = durable;
    }

    /// Nothing before some durable batch is needed any more, says a snapshot.
    pub(super) fn release(&mut self, log: &Log<MemoryFs>, dice: &mut Dice) {
        let Some(last) = self.durable.checked_sub(1) else { return };
        let (_, at) = self.appended[last - dice.below(4).min(last as u64) as usize];
        self.from = self.from.max(Position::new(at.file(), 0));
        // What could not be given up is given up another time.
        let _ = log.release(self.from);
    }

    /// A durable batch is read back as it was written; one that is not needed may be gone.
    pub(super) fn read_back(&self, log: &Log<MemoryFs>, dice: &mut Dice) {
        if self.durable == 0 {
            return;
        }
        let (number, at) = self.appended[dice.below(self.durable as u64) as usize];
        match log.read(at) {
            Ok(read) => assert_eq!(read.record().group, number),
            Err(Error::OutOfRange(_)) => assert!(at < self.from, "{at:?} is not found"),
            Err(Error::Io { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether everything that was put in line is durable.
    pub(super) fn is_settled(&self) -> bool {
        self.durable == self.appended.len()
    }
}

/// Lives until the disk fails or `steps` are done: appends, writes, gives up files, reads back.
pub(super) fn live(world: &mut World, log: &Log<MemoryFs>, dice: &mut Dice, steps: u64) {
    let mut writer = log.writer();
    for _ in 0..steps {
        for _ in 0..dice.below(4) {
            world.append(log, dice);
        }
        let written = writer.step();
        world.note_durable(log);
        if written.is_err() {
            assert!(matches!(log.append(batch(0, 1, 1)), Err(Error::Closed)));
            return;
        }
        match dice.below(12) {
            0..3 => world.release(log, dice),
            3 => world.read_back(log, dice),
            4 => drop(log.give_up_spare()),
            _ => {}
        }
    }
    if dice.below(4) == 0 {
        log.close();
        while let Ok(Step::Durable(_)) = writer.step() {}
        world.note_durable(log);
        // The disk may fail now as well.
        let _ = writer.finish_for_test();
    }
}
