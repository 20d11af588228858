//! How a policy is written down: ranks and what it applies to are a byte, the priority a signed number
//! of 64 bits.

use std::sync::Arc;

use broker_core::name::Name;
use broker_core::policy::{ApplyTo, Pattern, Policy, Rank};
use broker_core::topology::Command;
use broker_protocol::table::FieldTable;
use broker_protocol::wire::{Field, Reader, Writer};

use crate::durable::fields::{name, names};

pub(super) const SET_POLICY: u8 = 20;
pub(super) const DELETE_POLICY: u8 = 21;

const RANKS: [Rank; 2] = [Rank::User, Rank::Operator];
const TARGETS: [ApplyTo; 6] = [
    ApplyTo::All,
    ApplyTo::Queues,
    ApplyTo::ClassicQueues,
    ApplyTo::QuorumQueues,
    ApplyTo::Streams,
    ApplyTo::Exchanges,
];

pub(super) fn encode_set(vhost: &Name, rank: Rank, policy: &Policy, w: &mut Writer<'_>) {
    names(w, SET_POLICY, &[vhost, &policy.name, &Name::new(policy.pattern.as_str())]);
    number_of(&RANKS, &rank).write(w);
    number_of(&TARGETS, &policy.apply_to).write(w);
    policy.priority.cast_unsigned().write(w);
    policy.definition().write(w);
}

pub(super) fn decode_set(r: &mut Reader<'_>) -> Option<Command> {
    let (vhost, policy, pattern) = (name(r)?, name(r)?, name(r)?);
    let rank = *RANKS.get(usize::from(r.u8().ok()?))?;
    let apply_to = *TARGETS.get(usize::from(r.u8().ok()?))?;
    let priority = r.u64().ok()?.cast_signed();
    let definition = FieldTable::read(r).ok()?;
    let pattern = Pattern::new(&pattern).ok()?;
    let policy = Policy::new(rank, policy, pattern, apply_to, priority, definition).ok()?;
    Some(Command::SetPolicy { vhost, rank, policy: Arc::new(policy) })
}

pub(super) fn encode_delete(vhost: &Name, rank: Rank, policy: &Name, w: &mut Writer<'_>) {
    names(w, DELETE_POLICY, &[vhost, policy]);
    number_of(&RANKS, &rank).write(w);
}

pub(super) fn decode_delete(r: &mut Reader<'_>) -> Option<Command> {
    let (vhost, name) = (name(r)?, name(r)?);
    let rank = *RANKS.get(usize::from(r.u8().ok()?))?;
    Some(Command::DeletePolicy { vhost, rank, name })
}

fn number_of<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let at = all.iter().position(|other| other == one).unwrap_or(0);
    u8::try_from(at).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::prelude::*;
    use proptest::sample::select;

    use crate::durable::topology_record::{decode, encode};

    use super::*;

    proptest! {
        #[test]
        fn a_policy_comes_back(
            (vhost, name, pattern) in ("[a-z/]{0,9}", "[a-zä]{0,9}", "[a-z.*^]{0,9}"),
            rank in select(RANKS.to_vec()),
            apply_to in select(TARGETS.to_vec()),
            (priority, length, set) in (any::<i64>(), 0_i64..1_000, any::<bool>()),
        ) {
            let (vhost, name) = (Name::from(vhost), Name::from(name));
            let Ok(pattern) = Pattern::new(&pattern) else { return Ok(()) };
            let definition = FieldTable::from_iter([("max-length", length)]);
            let policy =
                Policy::new(rank, name.clone(), pattern, apply_to, priority, definition).unwrap();
            let command = match set {
                true => Command::SetPolicy { vhost, rank, policy: Arc::new(policy) },
                false => Command::DeletePolicy { vhost, rank, name },
            };
            let mut bytes = BytesMut::new();
            prop_assert!(encode(&command, &mut bytes));
            let back = decode(&bytes).expect("what was encoded decodes");
            prop_assert_eq!(format!("{back:?}"), format!("{command:?}"));
        }
    }
}
