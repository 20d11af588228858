//! Pages come back whole or are reported, and their space comes back too.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{writer::PageWriter, *};
use crate::fs::memory::{Call, Dice, Fault, MemoryFs, seeds};
use crate::pages::page::HEADER_LEN;

const LEN: u32 = 4096;

fn open(fs: &MemoryFs, alive: &[PageRef]) -> (Arc<Pages<MemoryFs>>, PageWriter<MemoryFs>) {
    let (pages, missing) =
        Pages::open(fs.clone(), "/pages", LEN, 1, alive.iter().copied()).unwrap();
    assert!(missing.is_empty(), "{missing:?}");
    let pages = Arc::new(pages);
    (Arc::clone(&pages), PageWriter::new(pages))
}

/// Against a map: what was synced and not freed is there after any power cut, and space comes back.
#[test]
fn pages_survive_and_their_space_comes_back() {
    for seed in seeds(500) {
        let mut dice = Dice(seed);
        let mut fs = MemoryFs::default();
        let (mut pages, mut writer) = open(&fs, &[]);
        let mut alive: Vec<(PageRef, Vec<u8>)> = Vec::new();
        for step in 0..80 {
            let contents = vec![step as u8; dice.below(900) as usize];
            alive.push((writer.write(&contents).unwrap(), contents));
            if dice.below(3) == 0 {
                let (page, _) = alive.swap_remove(dice.below(alive.len() as u64) as usize);
                pages.free(page);
                pages.remove_dead().unwrap();
            }
            if dice.below(20) == 0 {
                writer.sync().unwrap();
                fs = fs.power_cut(dice.roll());
                let refs: Vec<_> = alive.iter().map(|(page, _)| *page).collect();
                (pages, writer) = open(&fs, &refs);
            }
            for (page, contents) in &alive {
                assert_eq!(pages.read(*page).unwrap()[..], contents[..], "seed {seed}");
            }
            let bytes: u64 = alive.iter().map(|(page, _)| page.disk_len()).sum();
            assert_eq!(pages.alive_bytes(), bytes, "seed {seed}");
        }
        for (page, _) in alive.drain(..) {
            pages.free(page);
        }
        pages.remove_dead().unwrap();
        assert!(fs.list(Path::new("/pages")).unwrap().len() <= 1, "seed {seed}");
    }
}

#[test]
fn a_mostly_dead_segment_is_offered_for_rewriting() {
    let fs = MemoryFs::default();
    let (pages, mut writer) = open(&fs, &[]);
    let written: Vec<_> = (0..8).map(|n| writer.write(&vec![n; 1000]).unwrap()).collect();
    assert!(pages.mostly_dead().is_empty());
    pages.free(written[0]);
    pages.free(written[1]);
    pages.free(written[2]);
    let left = written[3..].iter().filter(|page| page.segment == written[0].segment);
    let left = left.map(|page| page.disk_len()).sum();
    assert_eq!(pages.mostly_dead(), [(written[0].segment, left)]);
    assert_eq!(pages.dead_bytes(), 3 * written[0].disk_len());
}

/// Pages move out of mostly dead segments while others come and go. What the last snapshot names is
/// there after any power cut, at whichever of its places the snapshot says; and space comes back.
#[test]
fn rewritten_pages_survive_and_their_old_space_comes_back() {
    for seed in seeds(500) {
        let mut dice = Dice(seed);
        let mut fs = MemoryFs::default();
        let (mut pages, mut writer) = open(&fs, &[]);
        let mut alive: Vec<(PageRef, Vec<u8>)> = Vec::new();
        let (mut named, mut done) = (Vec::new(), Vec::new());
        for step in 0..120 {
            match dice.below(16) {
                0..8 => {
                    let contents = vec![step as u8; dice.below(900) as usize];
                    alive.push((writer.write(&contents).unwrap(), contents));
                }
                8..11 if !alive.is_empty() => {
                    let (page, _) = alive.swap_remove(dice.below(alive.len() as u64) as usize);
                    done.push(page);
                }
                11..13 => {
                    let dead: Vec<_> = pages.mostly_dead().iter().map(|(n, _)| *n).collect();
                    for (page, _) in alive.iter_mut().filter(|(p, _)| dead.contains(&p.segment)) {
                        let old = std::mem::replace(page, writer.rewrite(*page).unwrap());
                        done.push(old);
                    }
                }
                13..15 => {
                    writer.sync().unwrap();
                    named.clone_from(&alive);
                    done.drain(..).for_each(|page| pages.free(page));
                    pages.remove_dead().unwrap();
                    let bytes: u64 = alive.iter().map(|(page, _)| page.disk_len()).sum();
                    assert_eq!(pages.alive_bytes(), bytes, "seed {seed}");
                }
                _ => {
                    fs = fs.power_cut(dice.roll());
                    let refs: Vec<_> = named.iter().map(|(page, _)| *page).collect();
                    (pages, writer) = open(&fs, &refs);
                    alive.clone_from(&named);
                    done.clear();
                }
            }
            for (page, contents) in &alive {
                assert_eq!(pages.read(*page).unwrap()[..], contents[..], "seed {seed}");
            }
        }
    }
}

#[test]
fn damage_is_told() {
    let fs = MemoryFs::default();
    let (pages, mut writer) = open(&fs, &[]);
    let page = writer.write(b"records").unwrap();
    for bit in 0..(HEADER_LEN + 7) * 8 {
        let path = Path::new("/pages/0000000001.seg");
        assert!(fs.flip_bit(path, bit));
        assert!(matches!(pages.read(page), Err(Error::Corrupt { .. })), "bit {bit}");
        assert!(fs.flip_bit(path, bit));
    }
    let far = PageRef { offset: 90, ..page };
    assert!(matches!(pages.read(far), Err(Error::Corrupt { .. })));
    assert!(matches!(writer.write(&[0; LEN as usize]), Err(Error::TooLarge { .. })));
    let lost = [PageRef { segment: 7, ..page }, PageRef { segment: 7, offset: 40, ..page }, page];
    let (pages, missing) = Pages::open(fs, "/pages", LEN, 3, lost).unwrap();
    assert!(matches!(&missing[..], [Error::Corrupt { .. }]), "{missing:?}");
    assert_eq!(pages.next_number(), 8, "a number is not given twice");
    assert_eq!(pages.read(page).unwrap(), b"records"[..]);
}

/// What could not be written is not there, and spoils nothing.
#[test]
fn a_failed_write_leaves_the_others_alone() {
    for seed in seeds(500) {
        let mut dice = Dice(seed);
        let fs = MemoryFs::default();
        let (pages, mut writer) = open(&fs, &[]);
        let mut faults = Dice(seed + 1_000);
        fs.fail_with(move |call| match call {
            Call::Write(_) | Call::Open(_) if faults.below(4) == 0 => {
                Some(Fault::Fail(std::io::ErrorKind::StorageFull.into()))
            }
            Call::Write(bytes) if faults.below(4) == 0 => Some(Fault::Short(bytes / 2)),
            _ => None,
        });
        let mut there = Vec::new();
        for step in 0..40 {
            let contents = vec![step; dice.below(1500) as usize + 1];
            match writer.write(&contents) {
                Ok(page) => there.push((page, contents)),
                Err(error) => assert!(error.is_no_space(), "{error}"),
            }
        }
        fs.heal();
        writer.sync().unwrap();
        for (page, contents) in &there {
            assert_eq!(pages.read(*page).unwrap()[..], contents[..], "seed {seed}");
        }
        let refs: Vec<_> = there.iter().map(|(page, _)| *page).collect();
        let (pages, _) = open(&fs.power_cut(seed), &refs);
        for (page, contents) in &there {
            assert_eq!(pages.read(*page).unwrap()[..], contents[..], "seed {seed}");
        }
    }
}

/// The process dies at every call of a scenario in which pages are written, synced, moved and given up,
/// and the power goes. What a snapshot named is there: it names only what was synced.
#[test]
fn a_power_cut_at_every_call_loses_no_page_that_is_named() {
    for seed in seeds(4) {
        for dies_at in 0.. {
            let fs = MemoryFs::default();
            let calls = Arc::new(AtomicU64::new(0));
            let counted = Arc::clone(&calls);
            fs.fail_with(move |_| {
                (counted.fetch_add(1, Ordering::Relaxed) >= dies_at)
                    .then(|| Fault::Fail(std::io::ErrorKind::Other.into()))
            });
            let mut named = Vec::new();
            // It ends where a call fails.
            let _ = write_and_move(&fs, &mut Dice(seed), &mut named);
            for cut in 0..4 {
                let refs: Vec<_> = named.iter().map(|(page, _)| *page).collect();
                let (pages, _) = open(&fs.power_cut(cut), &refs);
                for (page, contents) in &named {
                    let read = pages.read(*page).unwrap();
                    assert_eq!(read[..], contents[..], "seed {seed}, call {dies_at}, cut {cut}");
                }
            }
            if calls.load(Ordering::Relaxed) <= dies_at {
                assert!(dies_at > 60, "the scenario has {dies_at} calls");
                break;
            }
        }
    }
}

type Named = Vec<(PageRef, Vec<u8>)>;

/// `named` is what the last snapshot says is alive.
fn write_and_move(fs: &MemoryFs, dice: &mut Dice, named: &mut Named) -> Result<()> {
    let pages = Arc::new(Pages::open(fs.clone(), "/pages", LEN, 1, [])?.0);
    let mut writer = PageWriter::new(Arc::clone(&pages));
    let (mut alive, mut done) = <(Named, Vec<PageRef>)>::default();
    for step in 0..60 {
        let contents = vec![step; dice.below(900) as usize];
        alive.push((writer.write(&contents)?, contents));
        if dice.below(3) == 0 {
            done.push(alive.swap_remove(dice.below(alive.len() as u64) as usize).0);
        }
        if dice.below(6) == 0 {
            let dead: Vec<_> = pages.mostly_dead().iter().map(|(number, _)| *number).collect();
            for (page, _) in alive.iter_mut().filter(|(page, _)| dead.contains(&page.segment)) {
                done.push(std::mem::replace(page, writer.rewrite(*page)?));
            }
        }
        if dice.below(4) == 0 {
            writer.sync()?;
            named.clone_from(&alive);
            done.drain(..).for_each(|page| pages.free(page));
            pages.remove_dead()?;
        }
    }
    Ok(())
}
