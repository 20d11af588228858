//! Bits that change on the disk: below the frontier each is reported, and what it hit is not served.

use std::collections::BTreeSet;

use super::*;
use crate::{fs::memory::seeds, log::recovery::Found};

/// Every place where something of ours lies: (file, first byte, bytes), the last of them behind all
/// batches.
fn rounds(fs: &MemoryFs, log: &Log<MemoryFs>) -> Vec<(u32, usize, usize)> {
    let mut rounds = Vec::new();
    for number in log.shared.files.numbers() {
        let bytes = fs.contents(&log.shared.files.path(number)).unwrap();
        let mut offset = 0;
        while let Some(Ok(header)) = bytes.get(offset..).map(round::Header::decode) {
            let length = header.length as usize;
            rounds.push((number, offset, round::HEADER_LEN + length));
            offset += round::padded(length);
        }
    }
    rounds
}

/// A log that was closed, of batches of these sizes, one in a round if `alone`.
fn closed_log(sizes: &[usize], alone: bool) -> (MemoryFs, Log<MemoryFs>) {
    let fs = MemoryFs::default();
    let log = open(&fs).unwrap().0.log;
    let mut writer = log.writer();
    for (number, size) in sizes.iter().enumerate() {
        log.append(batch(number as u64, 1 + number as u64 % 3, *size)).unwrap();
        if alone || number % 4 == 3 {
            while matches!(writer.step().unwrap(), Step::Durable(_)) {}
        }
    }
    while matches!(writer.step().unwrap(), Step::Durable(_)) {}
    writer.finish_for_test().unwrap();
    log.close();
    (fs, log)
}

/// Opens a log in which one bit of a round below the frontier is not what it was.
fn assert_told(damaged: &MemoryFs, healthy: &Seen, hit: (u32, usize, usize), bit: usize) {
    let (file, offset, length) = hit;
    let because = format!("file {file}, round at {offset}, bit {bit}");
    let mut bodies = true;
    let mut seen = Vec::new();
    let opened = Log::open(damaged.clone(), options(), Position::ZERO, |found| {
        let Found { position, record } = found;
        bodies &= record.body.iter().all(|byte| *byte == record.group as u8);
        seen.push((position, record.group, record.term, record.index));
    });
    let opened = opened.unwrap();
    assert!(bodies, "{because}: what is served is not what was written");
    let is_named = |error: &Error| {
        let name = format!("{file:010}.log");
        matches!(error, Error::Corrupt { path, offset: at, .. }
            if path.ends_with(&name) && *at == offset as u64)
    };
    assert!(opened.damage.iter().any(is_named), "{because}: {:?}", opened.damage);
    // Nothing else is lost: with the round's batches, and only with those.
    let is_hit = |at: &Position| {
        at.file() == file && (offset..offset + length).contains(&(at.offset() as usize))
    };
    let expected: Seen = healthy.iter().filter(|(at, ..)| !is_hit(at)).copied().collect();
    assert_eq!(seen, expected, "{because}");
    opened.log.release(Position::MAX).unwrap();
    let kept: BTreeSet<_> = damaged.list(DIR.as_ref()).unwrap().into_iter().collect();
    let aside = options().dir.join(format!("{file:010}.damaged"));
    assert!(kept.contains(&aside), "{because}: {kept:?}");
}

/// Every bit of every header and a bit of every byte of every record, in a log of a few rounds.
#[test]
fn every_byte_below_the_frontier_is_guarded() {
    let (fs, log) = closed_log(&[3, 40, 7, 0, 90, 1, 15, 33, 2, 60], false);
    let (_, healthy) = open(&fs).unwrap();
    let rounds = rounds(&fs, &log);
    assert!(rounds.len() > 3);
    for hit in &rounds[..rounds.len() - 1] {
        let (file, offset, length) = *hit;
        let header = 0..round::HEADER_LEN * 8;
        let records = (round::HEADER_LEN..length).map(|byte| byte * 8 + byte % 8);
        for bit in header.chain(records) {
            let damaged = fs.power_cut(0);
            assert!(damaged.flip_bit(&log.shared.files.path(file), offset * 8 + bit));
            assert_told(&damaged, &healthy, *hit, bit);
        }
    }
}

/// Bits here and there in every round of a log of several files.
#[test]
fn every_round_below_the_frontier_is_guarded() {
    for seed in seeds(2) {
        let mut dice = Dice(seed);
        let sizes: Vec<_> = (0..70).map(|_| dice.below(6_000) as usize).collect();
        let (fs, log) = closed_log(&sizes, true);
        let (_, healthy) = open(&fs).unwrap();
        let rounds = rounds(&fs, &log);
        assert!(log.shared.files.count() > 2);
        for hit in &rounds[..rounds.len() - 1] {
            let (file, offset, length) = *hit;
            let header = dice.below(round::HEADER_LEN as u64 * 8) as usize;
            let anywhere = (0..6).map(|_| dice.below(length as u64 * 8) as usize);
            for bit in anywhere.chain([header]).collect::<Vec<_>>() {
                let damaged = fs.power_cut(0);
                assert!(damaged.flip_bit(&log.shared.files.path(file), offset * 8 + bit));
                assert_told(&damaged, &healthy, *hit, bit);
            }
        }
    }
}

/// The log's identity, without which nothing can be told apart, is refused as a whole.
#[test]
fn a_damaged_identity_is_refused() {
    let (fs, log) = closed_log(&[100], true);
    let path = log.shared.options.dir.join("log.id");
    for bit in 0..fs.contents(&path).unwrap().len() * 8 {
        let damaged = fs.power_cut(0);
        assert!(damaged.flip_bit(&path, bit));
        let opened =
            Log::open(damaged, options(), Position::ZERO, |_| panic!("something is served"));
        assert!(matches!(opened, Err(Error::Corrupt { .. })), "bit {bit}");
    }
}

/// What a running log reads back is what was written, or an error.
#[test]
fn a_flipped_bit_is_not_read_back() {
    let fs = MemoryFs::default();
    let log = open(&fs).unwrap().0.log;
    let mut writer = log.writer();
    let at = log.append(batch(7, 1, 300)).unwrap();
    writer.step().unwrap();
    let length = log.read(at).unwrap().record().body.len() + crate::record::HEADER_LEN + 1;
    for bit in 0..length * 8 {
        let path = log.shared.files.path(at.file());
        let place = at.offset() as usize * 8 + bit;
        assert!(fs.flip_bit(&path, place));
        assert!(matches!(log.read(at), Err(Error::Corrupt { .. })), "bit {bit}");
        assert!(fs.flip_bit(&path, place));
    }
    assert!(log.read(at).is_ok());
}
