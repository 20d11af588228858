//! Names of consumers that their clients did not name.

use broker_core::id::ConsumerId;

/// As RabbitMQ names them, which is as clients' own suites expect it: 22 characters of URL-safe base 64
/// after `amq.ctag-`.
///
/// Names of two consumers of a node differ: each half of the number is a consumer's id, scrambled by a
/// function that can be undone. There is nothing to guess about them, and nothing to be gained by it.
pub(super) fn fresh(consumer: ConsumerId) -> Box<str> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let number = u128::from(scrambled(consumer.0)) << 64 | u128::from(scrambled(!consumer.0));
    let mut tag = String::from("amq.ctag-");
    // 22 characters hold 132 bits, of which the last has four to spare.
    tag.extend((0..22).map(|at| {
        let bits = if at == 21 { number << 4 } else { number >> (122 - 6 * at) };
        char::from(ALPHABET[(bits & 63) as usize])
    }));
    tag.into()
}

/// The finalizer of splitmix64: a bijection on 64 bits.
fn scrambled(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tags_differ_and_have_their_length() {
        let ids = (0..100).flat_map(|connection| (0..100).map(move |n| connection << 32 | n));
        let tags: BTreeSet<_> = ids.map(|id| fresh(ConsumerId(id))).collect();
        assert_eq!(tags.len(), 10_000);
        assert!(tags.iter().all(|tag| tag.len() == 31), "{:?}", tags.first());
    }
}
