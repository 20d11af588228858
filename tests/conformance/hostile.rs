//! Bytes from someone who means harm, or has lost their mind.
//!
//! Whatever comes: the broker does not panic, its memory stays bounded, the connection is closed
//! cleanly or in time, and a bystander on another connection never notices.

mod attack;
mod bystander;
mod floods;
mod frames;
mod tables;

use std::{
    panic::{self, AssertUnwindSafe},
    thread,
    time::Duration,
};

use warren_tests::patience::{SOON, until_true};

use crate::{
    hostile::{attack::Attack, bystander::Bystander},
    rig::Rig,
};

/// How much the broker may grow under an attack, in bytes.
const GROWTH: u64 = 192 << 20;

/// Carries out an attack beside a bystander, and checks what is left of the broker.
fn survives(attack: impl FnOnce(&Attack)) {
    let rig = Rig::start_with(&["--handshake-timeout=2"]);
    let bystander = Bystander::start(&rig);
    let before = rig.broker.as_ref().map_or(0, |broker| broker.process.resident());
    let attacked = panic::catch_unwind(AssertUnwindSafe(|| attack(&Attack::on(&rig))));
    let output = rig.broker.as_ref().map(|broker| broker.process.output()).unwrap_or_default();
    assert!(attacked.is_ok(), "the attack met the unexpected; the broker says: {output}");
    bystander.finish();
    let Some(mut broker) = rig.broker else { return };
    assert!(broker.process.ended().is_none(), "the broker ended: {}", broker.process.output());
    let grown = broker.process.resident().saturating_sub(before);
    assert!(grown < GROWTH, "the broker grew by {} MiB", grown >> 20);
    let output = broker.process.output();
    assert!(!output.contains("panicked"), "the broker panicked: {output}");
    assert!(broker.process.stop(SOON).success(), "{}", broker.process.output());
}

#[test]
fn random_bytes_instead_of_a_header() {
    survives(attack::random_greetings);
}

#[test]
fn random_bytes_after_the_header() {
    survives(attack::random_conversations);
}

#[test]
fn random_frames_after_login() {
    survives(frames::random_frames);
}

#[test]
fn random_methods_after_login() {
    survives(frames::random_methods);
}

#[test]
fn a_conversation_cut_at_every_byte() {
    survives(attack::cut_conversations);
}

#[test]
fn frames_over_the_limit() {
    survives(frames::oversized);
}

#[test]
fn bodies_larger_than_announced_and_never_finished() {
    survives(frames::dishonest_contents);
}

#[test]
fn a_million_channels() {
    survives(floods::a_million_channels);
}

#[test]
fn a_million_methods_without_reading_an_answer() {
    survives(floods::never_reading);
}

#[test]
fn tables_nested_a_thousand_deep() {
    survives(tables::nested);
}

#[test]
fn tables_that_lie_about_their_length() {
    survives(tables::dishonest);
}

#[test]
fn connections_that_never_speak() {
    survives(|attack| {
        let silent: Vec<_> = (0..300).map(|_| attack.dial()).collect();
        for mut client in silent {
            until_true("a silent connection is closed", SOON, || attack::is_closed(&mut client));
        }
    });
}

#[test]
fn connections_that_stop_after_the_header() {
    survives(|attack| {
        let mut silent: Vec<_> = (0..100).map(|_| attack.greet()).collect();
        thread::sleep(Duration::from_secs(2));
        for client in &mut silent {
            until_true("it is closed", SOON, || attack::is_closed(client));
        }
    });
}
