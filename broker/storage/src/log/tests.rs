//! The log against a disk that fails in every way it can.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use bytes::{Bytes, BytesMut};

use super::{recovery::Opened, writer::Step, *};
use crate::{
    batch::Batch,
    fs::{
        self, File,
        memory::{Call, Dice, Fault, MemoryFs},
    },
    record::Record,
};

mod faults;
mod files;
mod flips;
mod power;
mod world;

const DIR: &str = "/log";

fn options() -> Options {
    Options { dir: DIR.into(), file_len: 64 << 10, round_len: 12 << 10 }
}

/// A batch of `records` records that name themselves: group = batch, index = place in the batch.
fn batch(number: u64, records: u64, size: usize) -> Sealed {
    let mut batch = Batch::new();
    for index in 0..records {
        let body = Bytes::from(vec![number as u8; size]);
        let record =
            Record { kind: 1, group: number, term: records, index, metadata: b"m", body: b"" };
        batch.push(&record, &[], &body);
    }
    batch.seal()
}

type Seen = Vec<(Position, u64, u64, u64)>;

fn open(fs: &MemoryFs) -> Result<(Opened<MemoryFs>, Seen)> {
    let mut seen = Vec::new();
    let opened = Log::open(fs.clone(), options(), Position::ZERO, |found| {
        let r = found.record;
        seen.push((found.position, r.group, r.term, r.index));
    })?;
    Ok((opened, seen))
}

/// The batches in `seen`, asserting that each is whole and in order.
fn batches(seen: &Seen) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut rest = seen.as_slice();
    while let Some((_, number, records, _)) = rest.first() {
        let (this, others) = rest.split_at(usize::try_from(*records).unwrap().min(rest.len()));
        let expected: Vec<_> = (0..*records).map(|index| (*number, index)).collect();
        let got: Vec<_> = this.iter().map(|(_, n, _, index)| (*n, *index)).collect();
        assert_eq!(got, expected, "batch {number} is not whole");
        numbers.push(*number);
        rest = others;
    }
    numbers
}

/// Everything fails from the `nth` call on, as for a process that is no longer there. Returns how many
/// calls there were.
fn die_at(fs: &MemoryFs, nth: usize) -> Arc<AtomicUsize> {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    fs.fail_with(move |_| {
        (counted.fetch_add(1, Ordering::Relaxed) >= nth)
            .then(|| Fault::Fail(io::ErrorKind::Other.into()))
    });
    calls
}

#[test]
fn what_was_appended_is_found_and_can_be_read() {
    let fs = MemoryFs::default();
    let (opened, seen) = open(&fs).unwrap();
    assert!(seen.is_empty());
    let log = opened.log;
    let mut writer = log.writer();
    let mut placed = Vec::new();
    for number in 0..200 {
        placed.push(log.append(batch(number, 1 + number % 3, 700)).unwrap());
        if number % 5 == 0 {
            while matches!(writer.step().unwrap(), Step::Durable(_)) {}
        }
    }
    while matches!(writer.step().unwrap(), Step::Durable(_)) {}
    for (number, position) in placed.iter().enumerate() {
        let read = log.read(*position).unwrap();
        assert_eq!(read.record().group, number as u64);
        assert_eq!(read.body().len(), 700);
    }
    let (reopened, seen) = open(&fs).unwrap();
    assert!(reopened.damage.is_empty(), "{:?}", reopened.damage);
    assert_eq!(batches(&seen), (0..200).collect::<Vec<_>>());
    let firsts: Vec<_> = seen.iter().filter(|s| s.3 == 0).map(|s| s.0).collect();
    assert_eq!(firsts, placed, "a position told on appending is where the record is found");
}

#[test]
fn a_failed_sync_or_write_ends_the_log() {
    for failing in [Call::Sync, Call::Write(0)] {
        let fs = MemoryFs::default();
        let log = open(&fs).unwrap().0.log;
        let mut writer = log.writer();
        log.append(batch(1, 1, 100)).unwrap();
        assert!(matches!(writer.step().unwrap(), Step::Durable(_)));
        let durable = log.durable();
        let want = std::mem::discriminant(&failing);
        fs.fail_with(move |call| {
            (std::mem::discriminant(call) == want)
                .then(|| Fault::Fail(io::Error::from_raw_os_error(5)))
        });
        log.append(batch(2, 1, 100)).unwrap();
        assert!(matches!(writer.step(), Err(Error::Io { .. })), "{failing:?}");
        fs.heal();
        assert!(matches!(log.append(batch(3, 1, 100)), Err(Error::Closed)), "{failing:?}");
        assert_eq!(log.durable(), durable, "{failing:?}");
    }
}

#[test]
fn short_writes_are_carried_on() {
    let fs = MemoryFs::default();
    let log = open(&fs).unwrap().0.log;
    let mut dice = Dice(3);
    fs.fail_with(move |call| match call {
        Call::Write(len) => Some(Fault::Short(1 + dice.below(*len as u64) as usize)),
        _ => None,
    });
    let mut writer = log.writer();
    for number in 0..50 {
        log.append(batch(number, 2, 900)).unwrap();
        while matches!(writer.step().unwrap(), Step::Durable(_)) {}
    }
    fs.heal();
    assert_eq!(batches(&open(&fs).unwrap().1), (0..50).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_stalls_the_log_until_there_is_space() {
    let fs = MemoryFs::default();
    let log = open(&fs).unwrap().0.log;
    fs.set_capacity(200 << 10);
    let mut writer = log.writer();
    let mut number = 0;
    let stalled_at = loop {
        log.append(batch(number, 1, 3000)).unwrap();
        number += 1;
        if writer.step().unwrap() == Step::NoSpace {
            break number;
        }
        assert!(number < 1000, "the disk never filled");
    };
    assert!(writer.space_low(), "the shortage is told one file ahead");
    assert_eq!(writer.step().unwrap(), Step::NoSpace);
    fs.set_capacity(u64::MAX);
    while matches!(writer.step().unwrap(), Step::Durable(_)) {}
    assert!(!writer.space_low());
    assert_eq!(batches(&open(&fs).unwrap().1), (0..stalled_at).collect::<Vec<_>>());
}

#[test]
fn a_reserve_is_left_when_space_is_said_to_be_short() {
    let fs = MemoryFs::default();
    let log = open(&fs).unwrap().0.log;
    fs.set_capacity(400 << 10);
    let mut writer = log.writer();
    let mut write = |number| {
        log.append(batch(number, 1, 3000)).unwrap();
        writer.step().unwrap() != Step::NoSpace
    };
    let mut number = 0;
    while number == 0 || log.spare_bytes() > u64::from(options().file_len) {
        assert!(write(number) && number < 1000);
        number += 1;
    }
    let room = log.room();
    assert!(room > u64::from(options().file_len), "{room}");
    // Each takes a round of its own, of 4 KiB.
    for _ in 0..room / 4096 {
        assert!(write(number), "there was to be room for more");
        number += 1;
    }
    assert_eq!(log.room(), 0);
    assert!(!write(number));
    assert!(!log.give_up_spare().unwrap());
}

/// Those who wait for space write nothing, so nobody's writing is waited for.
#[test]
fn space_that_returns_is_noticed_though_nobody_writes() {
    struct Watch(mpsc::Sender<bool>);
    impl Observer for Watch {
        fn durable(&mut self, _: Position) {}
        fn space_low(&mut self, low: bool) {
            self.0.send(low).unwrap();
        }
        fn failed(&mut self, error: Error) {
            panic!("{error}");
        }
    }
    let fs = MemoryFs::default();
    let log = open(&fs).unwrap().0.log;
    fs.set_capacity(100 << 10);
    let (news, told) = mpsc::channel();
    log.start(Watch(news)).unwrap();
    log.append(batch(0, 1, 100)).unwrap();
    let next = || told.recv_timeout(Duration::from_secs(20));
    assert_eq!(next(), Ok(true));
    fs.set_capacity(u64::MAX);
    assert_eq!(next(), Ok(false));
}

/// A file system that cannot give a file its space beforehand refuses the write itself. That can mend
/// itself, and nothing is lost by writing again.
#[test]
fn a_write_that_finds_no_space_is_tried_again() {
    for (kind, short) in [(io::ErrorKind::StorageFull, 0), (io::ErrorKind::QuotaExceeded, 700)] {
        let fs = MemoryFs::default();
        let log = open(&fs).unwrap().0.log;
        let mut writer = log.writer();
        log.append(batch(0, 1, 3000)).unwrap();
        writer.step().unwrap();
        let mut begun = false;
        fs.fail_with(move |call| match call {
            Call::Write(_) if short > 0 && !std::mem::replace(&mut begun, true) => {
                Some(Fault::Short(short))
            }
            Call::Write(_) => Some(Fault::Fail(kind.into())),
            _ => None,
        });
        log.append(batch(1, 1, 3000)).unwrap();
        log.append(batch(2, 1, 3000)).unwrap();
        assert_eq!(writer.step().unwrap(), Step::NoSpace);
        assert_eq!(writer.step().unwrap(), Step::NoSpace);
        assert_eq!(batches(&open(&fs.power_cut(1)).unwrap().1), [0], "{kind}");
        fs.heal();
        while matches!(writer.step().unwrap(), Step::Durable(_)) {}
        let (opened, seen) = open(&fs.power_cut(1)).unwrap();
        assert_eq!(batches(&seen), [0, 1, 2], "{kind}");
        assert!(opened.damage.is_empty(), "{:?}", opened.damage);
    }
}

#[test]
fn the_thread_writes_and_reports() {
    struct Watch(Arc<AtomicUsize>);
    impl Observer for Watch {
        fn durable(&mut self, _: Position) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        fn space_low(&mut self, _: bool) {}
        fn failed(&mut self, error: Error) {
            panic!("{error}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let mut count = 0;
        let options = Options::new(dir.path());
        let opened =
            Log::open(crate::fs::real::RealFs, options, Position::ZERO, |_| count += 1).unwrap();
        assert!(opened.damage.is_empty());
        (opened.log, count)
    };
    let (log, _) = open();
    let syncs = Arc::new(AtomicUsize::new(0));
    log.start(Watch(Arc::clone(&syncs))).unwrap();
    for number in 0..100 {
        log.append(batch(number, 10, 1000)).unwrap();
    }
    log.close();
    assert!(syncs.load(Ordering::Relaxed) >= 1);
    assert!(matches!(log.append(batch(1, 1, 1)), Err(Error::Closed)));
    assert_eq!(open().1, 1000);
}

/// What was written with large files is all there for one who makes small ones, and the other way.
#[test]
fn the_length_of_a_file_may_change() {
    let fs = MemoryFs::default();
    let mut next = 0;
    for file_len in [64 << 10, 16 << 10, 32 << 10] {
        let mut seen = 0;
        let options = Options { file_len, ..options() };
        let opened = Log::open(fs.clone(), options, Position::ZERO, |_| seen += 1).unwrap();
        assert!(opened.damage.is_empty(), "{:?}", opened.damage);
        assert_eq!(seen, next);
        let mut writer = opened.log.writer();
        for _ in 0..30 {
            let at = opened.log.append(batch(next, 1, 3000)).unwrap();
            while matches!(writer.step().unwrap(), Step::Durable(_)) {}
            assert_eq!(opened.log.read(at).unwrap().record().group, next);
            next += 1;
        }
    }
}

#[test]
fn a_batch_over_the_limit_is_refused() {
    let log = open(&MemoryFs::default()).unwrap().0.log;
    assert!(log.append(batch(0, 1, options().max_batch() - 100)).is_ok());
    assert!(matches!(log.append(batch(0, 1, options().max_batch())), Err(Error::TooLarge { .. })));
}

/// A process that was killed leaves its last write to the kernel: what the next one saw of it, and
/// built on, has to be on the disk before anything else is.
#[test]
fn what_was_seen_on_opening_survives_a_power_cut() {
    for seed in 0..80 {
        let fs = MemoryFs::default();
        if seed % 2 == 1 {
            fs.forget_at_failed_syncs();
        }
        let log = open(&fs).unwrap().0.log;
        let mut writer = log.writer();
        log.append(batch(0, 1, 3000)).unwrap();
        writer.step().unwrap();
        log.append(batch(1, 1, 3000)).unwrap();
        fs.fail_with(|call| {
            matches!(call, Call::Sync).then(|| Fault::Fail(io::ErrorKind::Other.into()))
        });
        assert!(writer.step().is_err());
        fs.heal();

        let (opened, seen) = open(&fs).unwrap();
        assert_eq!(batches(&seen), [0, 1]);
        let mut writer = opened.log.writer();
        opened.log.append(batch(2, 1, 3000)).unwrap();
        writer.step().unwrap();
        let (opened, seen) = open(&fs.power_cut(seed)).unwrap();
        assert_eq!(batches(&seen), [0, 1, 2], "seed {seed}");
        assert!(opened.damage.is_empty(), "seed {seed}: {:?}", opened.damage);
    }
}

/// Bytes of a client's, in a file that is used again, are no round of a newer version.
#[test]
fn a_forged_round_of_a_newer_version_is_ignored() {
    let mut forged = BytesMut::new();
    let position = Position::new(1, 8192);
    let header = round::Header { length: 0, log_id: 7, position, frontier: position, checksum: 0 };
    header.encode(&mut forged);
    forged[4] = 9;
    let checksum = crc32c::crc32c(&forged[..40]);
    forged[40..44].copy_from_slice(&checksum.to_le_bytes());

    let fs = MemoryFs::default();
    let log = open(&fs).unwrap().0.log;
    log.append(batch(0, 1, 3000)).unwrap();
    log.writer().step().unwrap();
    let path = log.shared.files.path(1);
    let file = fs.open(&path, false).unwrap();
    fs::write_all(&file, &mut [io::IoSlice::new(&forged)], 4096).unwrap();
    assert_eq!(batches(&open(&fs).unwrap().1), [0]);

    let number = log.shared.log_id.to_le_bytes();
    forged[12..20].copy_from_slice(&number);
    let place = Position::new(1, 4096).to_bits().to_le_bytes();
    forged[20..28].copy_from_slice(&place);
    let checksum = crc32c::crc32c(&forged[..40]);
    forged[40..44].copy_from_slice(&checksum.to_le_bytes());
    fs::write_all(&file, &mut [io::IoSlice::new(&forged)], 4096).unwrap();
    assert!(matches!(open(&fs), Err(Error::Version { found: 9, .. })));
}

/// A log whose files are gone goes on behind what the snapshot speaks of, never before it.
#[test]
fn numbers_never_fall_behind_the_snapshot() {
    let fs = MemoryFs::default();
    let from = Position::new(7, 0);
    for number in 0..2 {
        let mut seen = 0;
        let opened = Log::open(fs.clone(), options(), from, |_| seen += 1).unwrap();
        assert_eq!(seen, number);
        opened.log.append(batch(number, 1, 100)).unwrap();
        opened.log.writer().step().unwrap();
    }
}

/// A spare file that was not finished when the process ended has no space of its own: on a full
/// disk it would fail the write, which ends the log, instead of making it wait.
#[test]
fn half_a_spare_file_is_not_used() {
    let fs = MemoryFs::default();
    let log = open(&fs).unwrap().0.log;
    let half = fs.open(&log.shared.options.dir.join("spare-0000000003"), true).unwrap();
    File::allocate(&half, 4096).unwrap();
    let log = open(&fs).unwrap().0.log;
    fs.set_capacity(12 << 10);
    log.append(batch(0, 1, 9000)).unwrap();
    assert_eq!(log.writer().step().unwrap(), Step::NoSpace);
}
