//! How a file imports: in order, and from the module that defines a thing.

use std::path::Path;

use syn::{Item, ItemUse, UseTree, Visibility, spanned::Spanned, visit::Visit};

use crate::{
    Violation, layout,
    source::{Source, Tree},
};

/// Where an import comes from, in the order that a file lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Std,
    OtherCrate,
    OwnCrate,
}

/// Private imports at the top of a file that come after ones of a later origin.
pub(crate) fn out_of_order(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in &tree.sources {
        let mut last = Origin::Std;
        for item in &source.syntax.items {
            let Item::Use(import) = item else { continue };
            if !matches!(import.vis, Visibility::Inherited) || !import.attrs.is_empty() {
                continue;
            }
            let origin = origin(&import.tree, source);
            if origin < last {
                violations.push(format!(
                    "{}: {origin:?} after {last:?}",
                    source.at(import.span().start().line)
                ));
            }
            last = last.max(origin);
        }
    }
    violations
}

fn origin(tree: &UseTree, source: &Source) -> Origin {
    let UseTree::Path(path) = tree else { return Origin::OtherCrate };
    let first = path.ident.to_string();
    match first.as_str() {
        "std" | "core" | "alloc" => Origin::Std,
        "crate" | "self" | "super" => Origin::OwnCrate,
        // A type of this file whose variants are imported.
        _ if first.starts_with(char::is_uppercase) => Origin::OwnCrate,
        _ if layout::modules_of(source).contains(&first) => Origin::OwnCrate,
        _ => Origin::OtherCrate,
    }
}

/// Uses of `crate::Thing` where `Thing` is a re-export of a library's root.
pub(crate) fn through_the_root(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for root in tree.sources.iter().filter(|source| source.path.ends_with("src/lib.rs")) {
        let folder = root.path.parent().unwrap_or(Path::new(""));
        let modules = layout::modules_of(root);
        for source in tree.sources.iter().filter(|source| source.path.starts_with(folder)) {
            let mut paths = RootPaths { source, modules: &modules, violations: &mut violations };
            paths.visit_file(&source.syntax);
        }
    }
    violations
}

struct RootPaths<'a> {
    source: &'a Source,
    modules: &'a [String],
    violations: &'a mut Vec<Violation>,
}

// === impl RootPaths ===

impl RootPaths<'_> {
    fn check(&mut self, name: &str, line: usize) {
        if !self.modules.iter().any(|module| module == name) {
            self.violations.push(format!("{}: crate::{name}", self.source.at(line)));
        }
    }

    fn check_tree(&mut self, tree: &UseTree, line: usize) {
        match tree {
            UseTree::Path(path) => self.check(&path.ident.to_string(), line),
            UseTree::Name(name) => self.check(&name.ident.to_string(), line),
            UseTree::Rename(rename) => self.check(&rename.ident.to_string(), line),
            UseTree::Glob(_) => self.check("*", line),
            UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.check_tree(item, line));
            }
        }
    }
}

impl<'ast> Visit<'ast> for RootPaths<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if let UseTree::Path(path) = &item.tree
            && path.ident == "crate"
        {
            self.check_tree(&path.tree, item.span().start().line);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter();
        if segments.next().is_some_and(|first| first.ident == "crate")
            && let Some(second) = segments.next()
        {
            self.check(&second.ident.to_string(), path.span().start().line);
        }
        syn::visit::visit_path(self, path);
    }
}
