//! The trie against a matcher that is too simple to be wrong.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::id::QueueId;
use crate::routing::destinations::Target;
use crate::routing::targets::Targets;
use crate::routing::topic::{Trie, words};

/// Whether `pattern` matches `key`, by trying everything `#` could stand for.
fn matches(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern, key) {
        ([], key) => key.is_empty(),
        (["#", rest @ ..], key) => (0..=key.len()).any(|n| matches(rest, &key[n..])),
        (["*", rest @ ..], [_, key @ ..]) => matches(rest, key),
        ([word, rest @ ..], [first, key @ ..]) => word == first && matches(rest, key),
        _ => false,
    }
}

fn find(trie: &Trie, key: &str) -> Vec<u64> {
    let mut targets = Targets::new();
    let any = trie.find(key, &mut targets);
    targets.finish();
    let mut found: Vec<_> = targets.queues().iter().map(|id| id.0).collect();
    found.sort_unstable();
    assert_eq!(any, !found.is_empty());
    found
}

#[test]
fn a_topic_pattern_matches_whole_words() {
    #[rustfmt::skip]
    let cases = [
        // pattern     routing key      matches  because
        ("order.eu",   "order.eu",      true,    "words are compared literally"),
        ("order.*",    "order",         false,   "* does not stand for none"),
        ("order.*",    "order.eu.de",   false,   "* does not stand for two"),
        ("order.*",    "order.",        true,    "an empty word is a word"),
        ("order.#",    "order",         true,    "# stands for none"),
        ("order.#",    "order.eu.de",   true,    "# stands for many"),
        ("#",          "",              true,    "# matches the empty key"),
        ("*",          "",              false,   "the empty key has no words"),
        ("",           "",              true,    "nothing is nothing"),
        ("",           "a",             false,   "and only nothing"),
        ("#.b",        "a.b.c.b",       true,    "# may stop anywhere"),
        ("#.b.#",      "a.b",           true,    "# at both ends"),
        ("*.#",        "",              false,   "at least one"),
        ("#.#",        "",              true,    "none twice"),
        ("a.#.#.b",    "a.b",           true,    "none twice in between"),
        ("order*",     "orders",        false,   "* within a word is a letter"),
    ];
    for (pattern, key, expected, because) in cases {
        let mut trie = Trie::default();
        trie.add(pattern, Target::Queue(QueueId(1)));
        assert_eq!(!find(&trie, key).is_empty(), expected, "{pattern} / {key}: {because}");
    }
}

#[test]
fn nested_hashes_do_not_multiply_the_work() {
    let mut trie = Trie::default();
    trie.add(&vec!["#.a"; 60].join("."), Target::Queue(QueueId(1)));
    trie.add(&vec!["#.*.a"; 40].join("."), Target::Queue(QueueId(2)));
    let key = vec!["a"; 127].join(".");
    assert_eq!(find(&trie, &key), [1, 2]);
    assert_eq!(find(&trie, &format!("{key}.b")), [0; 0]);
}

fn any_pattern() -> impl Strategy<Value = String> {
    vec(select(vec!["a", "b", "", "*", "#"]), 0..6).prop_map(|words| words.join("."))
}

fn any_key() -> impl Strategy<Value = String> {
    vec(select(vec!["a", "b", "c", ""]), 0..7).prop_map(|words| words.join("."))
}

proptest! {
    /// Whatever is bound and unbound, the trie finds what the naive matcher finds.
    #[test]
    fn the_trie_agrees_with_trying_everything(
        patterns in vec(any_pattern(), 0..40),
        removed in vec(any::<Index>(), 0..20),
        keys in vec(any_key(), 1..10),
    ) {
        let mut trie = Trie::default();
        let mut left: Vec<(u64, &String)> = (0..).zip(&patterns).collect();
        for (id, pattern) in &left {
            trie.add(pattern, Target::Queue(QueueId(*id)));
        }
        let full = trie.clone();
        let all = left.clone();
        for index in removed {
            if !left.is_empty() {
                let (id, pattern) = left.remove(index.index(left.len()));
                trie.remove(pattern, &Target::Queue(QueueId(id)));
            }
        }
        for key in keys {
            for (trie, bound) in [(&trie, &left), (&full, &all)] {
                let naive: Vec<u64> = bound
                    .iter()
                    .filter(|(_, pattern)| {
                        matches(&words(pattern).collect::<Vec<_>>(), &words(&key).collect::<Vec<_>>())
                    })
                    .map(|(id, _)| *id)
                    .collect();
                prop_assert_eq!(find(trie, &key), naive, "key {}", key);
            }
        }
        for (id, pattern) in left {
            trie.remove(pattern, &Target::Queue(QueueId(id)));
        }
        prop_assert!(trie.is_empty(), "no node is left behind");
    }
}
