//! What stands in comments: docs at the top, no unfinished work, no code put to sleep.

use crate::{Violation, source::Tree};

pub(crate) fn files_without_docs(tree: &Tree) -> Vec<Violation> {
    tree.sources
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.at(1))
        .collect()
}

/// Words that mark work someone meant to come back to.
pub(crate) fn unfinished(tree: &Tree) -> Vec<Violation> {
    // Spelled in halves so that this file does not find itself.
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("HA", "CK:")];
    lines(tree, |line| marks.iter().any(|mark| line.contains(mark)))
}

pub(crate) fn commented_out(tree: &Tree) -> Vec<Violation> {
    lines(tree, |line| line.strip_prefix("// ").is_some_and(is_code))
}

/// Prose seldom ends like a statement; a line of code begins with a keyword or a call as well.
fn is_code(comment: &str) -> bool {
    let ends = comment.ends_with(';') || comment.ends_with(" {") || comment == "}";
    let begins = ["let ", "fn ", "pub ", "use ", "if ", "for ", "match ", "return ", "self.", "}"]
        .iter()
        .any(|word| comment.starts_with(word));
    let calls = comment.ends_with(");") && !comment.contains(' ');
    (ends && begins) || calls
}

fn lines(tree: &Tree, broken: impl Fn(&str) -> bool) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in &tree.sources {
        for (number, line) in source.text.lines().enumerate() {
            if broken(line.trim()) {
                violations.push(format!("{}: {}", source.at(number + 1), line.trim()));
            }
        }
    }
    violations
}

#[test]
fn code_in_comments_is_told_from_prose() {
    #[rustfmt::skip]
    let cases = [
        ("let x = 1;",                       true,  "a statement"),
        ("if x > 1 {",                       true,  "an opened block"),
        ("queue.purge();",                   true,  "a bare call"),
        ("}",                                true,  "a closed block"),
        ("for the reader: see `Queue`.",     false, "prose that begins with a keyword"),
        ("the client goes; nobody waits;",   false, "prose with a semicolon"),
        ("=== impl Queue ===",               false, "a heading"),
    ];
    for (comment, expected, because) in cases {
        assert_eq!(is_code(comment), expected, "{comment}: {because}");
    }
}
