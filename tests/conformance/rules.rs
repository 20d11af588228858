//! The table of rules names the tests there are, all of them and no others.

use std::{collections::BTreeSet, fs, path::Path};

use warren_tests::binaries::root;

const TABLE: &str = include_str!("RULES.md");

/// The words between backticks in a row's second column.
fn named() -> BTreeSet<String> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Rule"));
    let cells = rows.filter_map(|row| row.split(" | ").nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}

/// Every test of this binary, as `module::name`.
fn written() -> BTreeSet<String> {
    let folder = root().join("tests/conformance");
    let mut tests = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let module = path.file_stem().unwrap().to_string_lossy().into_owned();
            tests.extend(tests_of(&path).map(|test| format!("{module}::{test}")));
        }
    }
    tests
}

fn tests_of(path: &Path) -> impl Iterator<Item = String> {
    let source = fs::read_to_string(path).unwrap();
    let file = syn::parse_file(&source).unwrap();
    file.items.into_iter().filter_map(|item| match item {
        syn::Item::Fn(function) => {
            let is_test = |attribute: &syn::Attribute| {
                attribute.path().segments.last().is_some_and(|last| last.ident == "test")
            };
            function.attrs.iter().any(is_test).then(|| function.sig.ident.to_string())
        }
        _ => None,
    })
}

#[test]
fn every_rule_has_its_test_and_every_test_its_rule() {
    let (named, written) = (named(), written());
    let elsewhere = |name: &&String| name.contains('/');
    let missing: Vec<_> =
        named.iter().filter(|name| !elsewhere(name) && !written.contains(*name)).collect();
    let unnamed: Vec<_> = written.iter().filter(|name| !named.contains(*name)).collect();
    assert!(missing.is_empty(), "RULES.md names tests that do not exist: {missing:#?}");
    assert!(unnamed.is_empty(), "RULES.md does not name these tests: {unnamed:#?}");
    for place in named.iter().filter(elsewhere) {
        let (file, test) = place.split_once("::").unwrap_or((place, ""));
        let source = fs::read_to_string(root().join(file)).unwrap_or_default();
        assert!(source.contains(&format!("fn {test}")), "RULES.md names {place}");
    }
}
