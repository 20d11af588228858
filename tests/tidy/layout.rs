//! How folders and files are named, and what a library root may hold.

use std::path::Path;

use syn::{Item, Visibility, spanned::Spanned};

use crate::{
    Violation,
    source::{Source, Tree},
};

/// Names that say nothing of what is inside.
const CATCH_ALLS: [&str; 8] =
    ["utils", "util", "common", "helpers", "helper", "types", "misc", "shared"];

pub(crate) fn mod_files(tree: &Tree) -> Vec<Violation> {
    tree.sources
        .iter()
        .filter(|source| source.path.ends_with("mod.rs"))
        .map(|source| source.path.display().to_string())
        .collect()
}

pub(crate) fn catch_all_modules(tree: &Tree) -> Vec<Violation> {
    tree.sources
        .iter()
        .filter(|source| named_like_a_drawer(&source.path))
        .map(|source| source.path.display().to_string())
        .collect()
}

fn named_like_a_drawer(path: &Path) -> bool {
    path.with_extension("")
        .components()
        .any(|part| CATCH_ALLS.iter().any(|name| part.as_os_str() == *name))
}

/// Items in a `lib.rs` that belong in a module.
pub(crate) fn busy_roots(tree: &Tree) -> Vec<Violation> {
    tree.sources
        .iter()
        .filter(|source| source.path.ends_with("src/lib.rs"))
        .flat_map(|source| {
            source
                .syntax
                .items
                .iter()
                .filter(|item| !belongs_in_a_root(item))
                .map(|item| source.at(item.span().start().line))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn belongs_in_a_root(item: &Item) -> bool {
    match item {
        Item::Mod(module) => module.content.is_none(),
        Item::Use(import) => matches!(import.vis, Visibility::Public(_)),
        _ => false,
    }
}

/// The modules that a root file declares, by name.
pub(crate) fn modules_of(source: &Source) -> Vec<String> {
    source
        .syntax
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Mod(module) => Some(module.ident.to_string()),
            _ => None,
        })
        .collect()
}
