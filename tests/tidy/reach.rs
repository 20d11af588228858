//! Which files the compiler sees: those reached from a target by `mod` lines.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta};

use crate::{
    Violation,
    source::{Source, Tree},
};

pub(crate) fn dead_files(tree: &Tree) -> Vec<Violation> {
    let roots = tree.target_roots();
    let mut alive = BTreeSet::new();
    let mut open: Vec<(PathBuf, bool)> = roots.into_iter().map(|path| (path, true)).collect();
    while let Some((path, is_root)) = open.pop() {
        let Some(source) = tree.source(&path) else { continue };
        if alive.insert(path.clone()) {
            let children = children(source, is_root);
            open.extend(children.into_iter().map(|child| (child, false)));
        }
    }
    tree.sources
        .iter()
        .filter(|source| !alive.contains(&source.path))
        .map(|source| source.path.display().to_string())
        .collect()
}

/// The files that the `mod` lines of `source` name.
fn children(source: &Source, is_root: bool) -> Vec<PathBuf> {
    let parent = source.path.parent().unwrap_or(Path::new(""));
    let folder = if is_root { parent.to_path_buf() } else { source.path.with_extension("") };
    let mut files = Vec::new();
    for item in &source.syntax.items {
        if let Item::Mod(module) = item {
            name_files(module, parent, &folder, &mut files);
        }
    }
    files
}

fn name_files(module: &ItemMod, parent: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    let name = module.ident.to_string();
    match (&module.content, path_of(&module.attrs)) {
        (None, Some(path)) => files.push(parent.join(path)),
        (None, None) => files.push(folder.join(format!("{name}.rs"))),
        (Some((_, items)), _) => {
            for item in items {
                if let Item::Mod(inner) = item {
                    name_files(inner, parent, &folder.join(&name), files);
                }
            }
        }
    }
}

/// The value of `#[path = "…"]`.
fn path_of(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => Some(path.value()),
            _ => None,
        },
        _ => None,
    })
}
