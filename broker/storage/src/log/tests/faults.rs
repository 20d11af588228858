//! Lives on a disk that is torn, full, or refuses: thousands of them, each from a seed.

use super::{
    world::{World, live},
    *,
};
use crate::fs::memory::{
    Fault::{Fail, Short},
    seeds,
};

fn io_error() -> io::Error {
    io::Error::from_raw_os_error(5)
}

/// What goes wrong in a life.
fn misfortune(fs: &MemoryFs, dice: &mut Dice) {
    let nth = dice.below(90);
    let mut calls = 0;
    let mut is_nth = move || {
        calls += 1;
        calls > nth
    };
    let mut faults = Dice(dice.roll());
    match dice.below(7) {
        0 => drop(die_at(fs, nth as usize)),
        1 => fs.fail_with(move |call| {
            (matches!(call, Call::Write(_)) && is_nth()).then(|| Fail(io_error()))
        }),
        2 => fs.fail_with(move |call| {
            (matches!(call, Call::Sync) && is_nth()).then(|| Fail(io_error()))
        }),
        // Any one call of ten, and writes that are carried out in part.
        3 => fs.fail_with(move |call| match call {
            Call::Write(len) if faults.flip() => {
                Some(Short(1 + faults.below(*len as u64) as usize))
            }
            _ => (is_nth() && faults.below(10) == 0).then(|| Fail(io_error())),
        }),
        // Full, and then not: what there is room for changes from call to call.
        4 => fs.fail_with(move |call| {
            let takes_space = matches!(call, Call::Write(_) | Call::Allocate);
            (takes_space && faults.below(3) == 0).then(|| Fail(io::ErrorKind::StorageFull.into()))
        }),
        5 => fs.set_capacity(fs.used() + dice.below(100 << 10)),
        _ => {}
    }
}

/// The process ends, and with it perhaps what the kernel had.
fn end(world: &mut World, dice: &mut Dice) {
    world.fs.heal();
    world.fs.set_capacity(u64::MAX);
    if dice.below(4) > 0 {
        world.fs = world.fs.power_cut(dice.roll());
    }
}

#[test]
fn nothing_durable_is_lost_whatever_the_disk_does() {
    for seed in seeds(2_000) {
        let mut dice = Dice(seed);
        let mut world = World::new();
        if dice.flip() {
            world.fs.forget_at_failed_syncs();
        }
        for life in 0..4 {
            let because = format!("seed {seed}, life {life}");
            misfortune(&world.fs, &mut dice);
            if let Ok(log) = world.open(&because) {
                live(&mut world, &log, &mut dice, 20);
            }
            end(&mut world, &mut dice);
            let log = world.open(&because).unwrap();
            live(&mut world, &log, &mut dice, 2);
            end(&mut world, &mut dice);
        }
        world.open(&format!("seed {seed}, at the end")).unwrap();
    }
}

/// A full disk loses nothing and ends nothing: all that was put in line is durable once there is space.
#[test]
fn a_full_disk_is_waited_for() {
    for seed in seeds(1_000) {
        let mut dice = Dice(seed);
        let mut world = World::new();
        let log = world.open("a new log").unwrap();
        let mut writer = log.writer();
        let mut stalls = 0;
        for _ in 0..60 {
            if dice.below(8) == 0 {
                let free = [0, 10 << 10, 60 << 10, u64::MAX >> 1][dice.below(4) as usize];
                world.fs.set_capacity(world.fs.used() + free);
            }
            for _ in 0..dice.below(4) {
                world.append(&log, &mut dice);
            }
            stalls += u32::from(writer.step().unwrap() == Step::NoSpace);
            world.note_durable(&log);
            match dice.below(8) {
                0 => world.release(&log, &mut dice),
                1 => drop(log.give_up_spare().unwrap()),
                2 => world.read_back(&log, &mut dice),
                _ => {}
            }
        }
        world.cut(seed).open(&format!("seed {seed}, full")).unwrap();
        world.fs.set_capacity(u64::MAX);
        while let Step::Durable(_) = writer.step().unwrap() {}
        world.note_durable(&log);
        assert!(
            world.is_settled(),
            "seed {seed}: after {stalls} stalls something is in line still"
        );
        world.cut(seed).open(&format!("seed {seed}, with space again")).unwrap();
    }
}
