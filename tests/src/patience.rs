//! Waiting with an end: every wait in a test says what it waits for.

use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

/// How long a test waits for what should come soon; generous, since machines are slow and shared.
pub const SOON: Duration = Duration::from_secs(20);

/// How long a test watches for what must not come.
pub const A_WHILE: Duration = Duration::from_millis(300);

/// Asks again and again until the answer is `Ok`, for `limit` at most, and returns it.
///
/// # Panics
///
/// When the time is up, with what was awaited and the last answer.
#[track_caller]
pub fn until<T, E: Display>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> Result<T, E>,
) -> T {
    let end = Instant::now() + limit;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(last) if Instant::now() >= end => {
                panic!("{what}: not within {limit:?}; at last: {last}")
            }
            Err(_) => thread::sleep(Duration::from_millis(30)),
        }
    }
}

/// As [`until`], for a question that is answered with yes or no.
///
/// # Panics
///
/// When the time is up.
#[track_caller]
pub fn until_true(what: &str, limit: Duration, mut ask: impl FnMut() -> bool) {
    until(what, limit, || if ask() { Ok(()) } else { Err("not yet") });
}
