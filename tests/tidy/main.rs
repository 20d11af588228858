//! The house rules, as tests: each names every place that breaks it.
//!
//! The rules keep the project readable by a stranger: small files with docs on top, arrows between
//! crates that only run downward, nothing dead, and generated files that are current.

mod examples;
mod floors;
mod layout;
mod prose;
mod reach;
mod sizes;
mod source;
mod uses;

use source::Tree;

/// One place that breaks a rule: `path:line: what is wrong`.
type Violation = String;

fn hold(rule: &str, violations: &[Violation]) {
    assert!(
        violations.is_empty(),
        "{rule}: {} broken\n  {}",
        violations.len(),
        violations.join("\n  ")
    );
}

#[test]
fn files_and_functions_are_small() {
    let tree = Tree::read();
    hold("at most 500 lines a file", &sizes::long_files(&tree));
    hold("at most 70 lines a function", &sizes::long_functions(&tree));
    hold("median of at most 160 lines a file", &sizes::heavy_median(&tree));
}

#[test]
fn every_file_says_what_it_is() {
    hold("every file begins with `//!` docs", &prose::files_without_docs(&Tree::read()));
}

#[test]
fn nothing_is_left_to_do_or_commented_out() {
    let tree = Tree::read();
    hold("no unfinished work", &prose::unfinished(&tree));
    hold("no commented-out code", &prose::commented_out(&tree));
}

#[test]
fn modules_are_named_for_what_they_hold() {
    let tree = Tree::read();
    hold("`foo.rs` and `foo/`, never `mod.rs`", &layout::mod_files(&tree));
    hold("no catch-all modules", &layout::catch_all_modules(&tree));
}

#[test]
fn a_library_root_is_a_table_of_contents() {
    hold("lib.rs holds docs, `mod` and `pub use`", &layout::busy_roots(&Tree::read()));
}

#[test]
fn no_file_is_dead() {
    hold("every file is reached from a target", &reach::dead_files(&Tree::read()));
}

#[test]
fn imports_come_in_order_and_from_modules() {
    let tree = Tree::read();
    hold("std, then other crates, then our own module", &uses::out_of_order(&tree));
    hold("inside a crate, import from modules", &uses::through_the_root(&tree));
}

#[test]
fn arrows_between_crates_run_downward() {
    let tree = Tree::read();
    hold("a crate imports only from lower floors", &floors::upward_arrows(&tree));
    hold("pure crates stay pure", &floors::impure_sources(&tree));
}

#[test]
fn generated_files_are_current() {
    hold("crds/ is what operator/api says", &examples::stale_crds(&source::root()));
}

#[test]
fn every_example_parses() {
    hold("examples follow the schemas", &examples::broken_manifests(&source::root()));
}
