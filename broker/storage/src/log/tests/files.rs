//! Files that are not there, and files that cannot be ours.

use super::*;
use crate::log::recovery::Found;

/// A log of some files, each with its batches, and the files' paths.
fn long_log() -> (MemoryFs, Vec<std::path::PathBuf>) {
    let fs = MemoryFs::default();
    let log = open(&fs).unwrap().0.log;
    let mut writer = log.writer();
    for number in 0..60 {
        log.append(batch(number, 1, 3000)).unwrap();
        while matches!(writer.step().unwrap(), Step::Durable(_)) {}
    }
    writer.finish_for_test().unwrap();
    let files = log.shared.files.numbers().iter().map(|n| log.shared.files.path(*n)).collect();
    (fs, files)
}

#[test]
fn a_file_that_is_gone_is_reported() {
    let (fs, files) = long_log();
    assert!(files.len() > 2, "{files:?}");
    // Of the last one nobody knows that it was.
    for gone in &files[..files.len() - 1] {
        let damaged = fs.power_cut(0);
        damaged.remove(gone).unwrap();
        let (opened, seen) = open(&damaged).unwrap();
        assert_eq!(opened.damage.len(), 1, "{}: {:?}", gone.display(), opened.damage);
        assert!(seen.len() < 60);
    }
}

#[test]
fn the_file_that_a_snapshot_names_is_missed() {
    let (fs, files) = long_log();
    fs.remove(&files[0]).unwrap();
    let read = |fs: &MemoryFs| {
        let from = Position::new(2, 0);
        Log::open(fs.clone(), options(), from, |_| {}).unwrap().damage.len()
    };
    assert_eq!(read(&fs.power_cut(1)), 0, "it is not needed");
    fs.remove(&files[1]).unwrap();
    assert_eq!(read(&fs), 1);
}

#[test]
fn a_number_that_no_log_comes_to_is_refused() {
    let (fs, _) = long_log();
    fs.open(&std::path::Path::new(DIR).join("4294967295.log"), true).unwrap();
    assert!(matches!(open(&fs), Err(Error::Corrupt { .. })));
}

#[test]
fn released_files_are_used_again() {
    let fs = MemoryFs::default();
    let log = open(&fs).unwrap().0.log;
    let mut writer = log.writer();
    for number in 0..400 {
        log.append(batch(number, 1, 3000)).unwrap();
        while matches!(writer.step().unwrap(), Step::Durable(_)) {}
        log.release(log.durable()).unwrap();
    }
    assert_eq!(log.disk_bytes(), u64::from(options().file_len));
    let files = fs.list(DIR.as_ref()).unwrap();
    assert!(files.len() <= 8, "{files:?}");
    let from = Position::new(log.oldest_file().unwrap(), 0);
    let mut seen = Vec::new();
    let visit = |found: Found<'_>| seen.push(found.record.group);
    let reopened = Log::open(fs.clone(), options(), from, visit).unwrap();
    assert!(reopened.damage.is_empty(), "{:?}", reopened.damage);
    assert_eq!(seen.last(), Some(&399));
}
