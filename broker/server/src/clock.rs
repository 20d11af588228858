//! The clock: the one place where the broker reads the time.

use std::time::{SystemTime, UNIX_EPOCH};

use broker_core::time::Timestamp;

/// The time now. Read once a batch, not once a message.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
