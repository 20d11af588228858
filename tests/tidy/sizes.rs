//! How long a file and a function may be.

use proc_macro2::Span;
use syn::{Block, ImplItemFn, ItemFn, Signature, TraitItemFn, spanned::Spanned, visit::Visit};

use crate::{
    Violation,
    source::{Source, Tree},
};

const FILE_LINES: usize = 500;
const MEDIAN_LINES: usize = 160;
const FUNCTION_LINES: usize = 70;

pub(crate) fn long_files(tree: &Tree) -> Vec<Violation> {
    tree.sources
        .iter()
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, lines)| *lines > FILE_LINES)
        .map(|(source, lines)| format!("{}: {lines} lines", source.path.display()))
        .collect()
}

pub(crate) fn heavy_median(tree: &Tree) -> Vec<Violation> {
    let mut lines: Vec<_> = tree.sources.iter().map(|s| s.text.lines().count()).collect();
    lines.sort_unstable();
    let median = lines.get(lines.len() / 2).copied().unwrap_or_default();
    if median > MEDIAN_LINES { vec![format!("the median is {median} lines")] } else { Vec::new() }
}

pub(crate) fn long_functions(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for source in &tree.sources {
        let mut functions = Functions { source, violations: &mut violations };
        functions.visit_file(&source.syntax);
    }
    violations
}

struct Functions<'a> {
    source: &'a Source,
    violations: &'a mut Vec<Violation>,
}

// === impl Functions ===

impl Functions<'_> {
    fn measure(&mut self, signature: &Signature, body: &Block) {
        let (start, end) = (line(signature.span()), body.span().end().line);
        let lines = end + 1 - start;
        if lines > FUNCTION_LINES {
            self.violations.push(format!(
                "{}: `{}` has {lines} lines",
                self.source.at(start),
                signature.ident
            ));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.measure(&item.sig, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.measure(&item.sig, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(body) = &item.default {
            self.measure(&item.sig, body);
        }
        syn::visit::visit_trait_item_fn(self, item);
    }
}

fn line(span: Span) -> usize {
    span.start().line
}
