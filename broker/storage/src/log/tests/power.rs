//! The power goes at every call of a scenario, and at every call of the start after it.

use super::{
    world::{World, live},
    *,
};
use crate::fs::memory::seeds;

/// Power cuts tried at each place, with more or less of what was not synced.
const CUTS: u64 = 6;

/// Files are begun, filled, given up and used again, until the process dies at call `dies_at`. None if
/// it lived to the end.
fn scenario(seed: u64, dies_at: usize) -> Option<World> {
    let mut world = World::new();
    let calls = die_at(&world.fs, dies_at);
    if let Ok(log) = world.open("a new log") {
        live(&mut world, &log, &mut Dice(seed), 40);
    }
    (calls.load(Ordering::Relaxed) > dies_at).then_some(world)
}

#[test]
fn a_power_cut_at_every_call_loses_nothing_durable() {
    for seed in seeds(2) {
        let worlds = (0..).map_while(|dies_at| Some((dies_at, scenario(seed, dies_at)?)));
        let mut places = 0;
        for (dies_at, world) in worlds {
            for loss in 0..CUTS {
                let because = format!("seed {seed}, call {dies_at}, cut {loss}");
                let mut after = world.cut(loss);
                let log = after.open(&because).unwrap();
                live(&mut after, &log, &mut Dice(loss), 4);
                after.cut(loss + 1).open(&because).unwrap();
            }
            places = dies_at;
        }
        assert!(places > 100, "seed {seed}: the scenario has {places} calls");
    }
}

/// The first life ends at every tenth call, the start after it at every call.
#[test]
fn a_power_cut_at_every_call_of_a_start_loses_nothing_durable() {
    for seed in seeds(2) {
        let worlds =
            (0..).step_by(10).map_while(|dies_at| Some((dies_at, scenario(seed, dies_at)?)));
        for (dies_at, world) in worlds {
            let world = world.cut(dies_at as u64);
            for start_dies_at in 0.. {
                let mut starting = world.cut(0);
                let calls = die_at(&starting.fs, start_dies_at);
                let because = format!("seed {seed}, call {dies_at}, start {start_dies_at}");
                if let Ok(log) = starting.open(&because) {
                    live(&mut starting, &log, &mut Dice(seed), 1);
                }
                for loss in 0..2 {
                    starting.cut(loss).open(&because).unwrap();
                }
                if calls.load(Ordering::Relaxed) <= start_dies_at {
                    break;
                }
            }
        }
    }
}
