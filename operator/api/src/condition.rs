//! Status conditions: their types, their reasons, and how one is recorded.
//!
//! `Ready`, `Accepted` and `Programmed` stand on every resource. `Reconciling` and `Stalled` stand
//! only while they are true, which is how kstatus, and so Flux, tells progress from failure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// The object is there, agrees with the manifest and can be used.
pub const READY: &str = "Ready";
/// The manifest makes sense: its references resolve and are allowed, and nobody else claims the object.
pub const ACCEPTED: &str = "Accepted";
/// The broker confirmed the desired state.
pub const PROGRAMMED: &str = "Programmed";
/// Work is under way. Only while true.
pub const RECONCILING: &str = "Reconciling";
/// Somebody has to change something before this can go on. Only while true.
pub const STALLED: &str = "Stalled";

/// Records `new` among `conditions`, one entry per type, and returns whether anything changed.
///
/// `last_transition_time` moves only when `status` does. A resync that learns nothing therefore
/// changes nothing, and the caller can skip the write that would wake every watcher.
pub fn set(conditions: &mut Vec<Condition>, mut new: Condition) -> bool {
    let Some(old) = conditions.iter_mut().find(|old| old.type_ == new.type_) else {
        conditions.push(new);
        return true;
    };
    if old.status == new.status {
        new.last_transition_time = old.last_transition_time.clone();
    }
    let changed = *old != new;
    *old = new;
    changed
}

/// Removes the condition of this type and returns whether it was there.
pub fn clear(conditions: &mut Vec<Condition>, type_: &str) -> bool {
    let before = conditions.len();
    conditions.retain(|condition| condition.type_ != type_);
    conditions.len() != before
}

/// The condition of this type, if it was ever set.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        apimachinery::pkg::apis::meta::v1::{Condition, Time},
        jiff::Timestamp,
    };

    use super::{READY, STALLED, clear, find, set};

    fn condition(type_: &str, status: &str, message: &str, second: i64) -> Condition {
        Condition {
            type_: type_.into(),
            status: status.into(),
            reason: "Test".into(),
            message: message.into(),
            observed_generation: Some(1),
            last_transition_time: Time(Timestamp::from_second(second).expect("in range")),
        }
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let mut conditions = Vec::new();

        assert!(set(&mut conditions, condition(READY, "False", "waiting", 1)), "new");
        assert!(!set(&mut conditions, condition(READY, "False", "waiting", 2)), "nothing learnt");
        assert!(set(&mut conditions, condition(READY, "False", "refused", 3)), "another message");
        assert_eq!(find(&conditions, READY), Some(&condition(READY, "False", "refused", 1)));
        assert!(set(&mut conditions, condition(READY, "True", "refused", 4)), "another status");
        assert_eq!(conditions, [condition(READY, "True", "refused", 4)]);
    }

    #[test]
    fn a_cleared_condition_is_gone() {
        let mut conditions =
            vec![condition(READY, "True", "", 1), condition(STALLED, "True", "", 1)];

        assert!(clear(&mut conditions, STALLED));
        assert!(!clear(&mut conditions, STALLED));
        assert_eq!(conditions, [condition(READY, "True", "", 1)]);
    }
}
