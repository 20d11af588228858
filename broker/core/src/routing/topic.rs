//! Topic exchanges: patterns as a trie of words, so that a lookup costs what its key is long,
//! however many bindings there are.
//!
//! Words are separated by dots; the empty key has no words. `*` stands for exactly one word, `#`
//! for any number of them. A `#` nested under another could be entered once for every way to cut
//! the key; remembering the earliest cut each was entered at keeps the work within
//! (nodes × words), whatever a client binds.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::routing::destinations::{Destinations, Target};
use crate::routing::keyed::Keyed;
use crate::routing::targets::Targets;

/// One node: what is bound at it, and where further words lead. Path-copied on change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trie {
    here: Destinations,
    words: Keyed<Arc<Trie>>,
    star: Option<Arc<Trie>>,
    hash: Option<Arc<Trie>>,
}

/// One lookup under way.
struct Search<'a> {
    key: &'a str,
    found: &'a mut Targets,
    any: bool,
    /// By `#` node that was entered below another `#`: the earliest position it was entered at.
    entered: HashMap<*const Trie, usize>,
}

// === impl Trie ===

impl Trie {
    pub(crate) fn add(&mut self, pattern: &str, target: Target) {
        let mut node = self;
        for word in words(pattern) {
            let next = match word {
                "*" => node.star.get_or_insert_default(),
                "#" => node.hash.get_or_insert_default(),
                _ => node.words.get_or_insert_with(word, Arc::default),
            };
            node = Arc::make_mut(next);
        }
        node.here.add(target);
    }

    pub(crate) fn remove(&mut self, pattern: &str, target: &Target) {
        self.remove_below(words(pattern), target);
    }

    /// Adds all that is bound under a pattern that matches `key`; whether there was any.
    pub(crate) fn find(&self, key: &str, found: &mut Targets) -> bool {
        let mut search = Search { key, found, any: false, entered: HashMap::new() };
        let start = if key.is_empty() { 1 } else { 0 };
        search.visit(self, start, false);
        search.any
    }

    fn remove_below<'a>(
        &mut self,
        mut rest: impl Iterator<Item = &'a str>,
        target: &Target,
    ) -> bool {
        let Some(word) = rest.next() else {
            self.here.remove(target);
            return self.is_empty();
        };
        let rest: &mut dyn Iterator<Item = &'a str> = &mut rest;
        let branch = match word {
            "*" => &mut self.star,
            "#" => &mut self.hash,
            _ => {
                self.words.change(word, |node| Arc::make_mut(node).remove_below(rest, target));
                return self.is_empty();
            }
        };
        if let Some(node) = branch
            && Arc::make_mut(node).remove_below(rest, target)
        {
            *branch = None;
        }
        self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.is_leaf()
    }

    fn is_leaf(&self) -> bool {
        self.words.is_empty() && self.star.is_none() && self.hash.is_none()
    }
}

// === impl Search ===

impl Search<'_> {
    /// Matches the words from byte `at` of the key on; beyond the key's length there are none.
    fn visit(&mut self, node: &Trie, at: usize, below_hash: bool) {
        if let Some(hash) = &node.hash {
            self.enter(hash, at, below_hash);
        }
        let Some(rest) = self.key.get(at..) else {
            self.any |= self.found.add_all(&node.here);
            return;
        };
        let word = rest.split('.').next().unwrap_or_default();
        let next = at + word.len() + 1;
        if let Some(child) = node.words.get(word) {
            self.visit(child, next, below_hash);
        }
        if let Some(child) = &node.star {
            self.visit(child, next, below_hash);
        }
    }

    /// Lets a `#` swallow every number of words from `at` on.
    fn enter(&mut self, hash: &Trie, at: usize, below_hash: bool) {
        let mut end = self.key.len() + 1;
        if below_hash {
            let earliest = self.entered.entry(hash).or_insert(usize::MAX);
            if *earliest <= at {
                return;
            }
            end = end.min(*earliest - 1);
            *earliest = at;
        }
        self.any |= self.found.add_all(&hash.here);
        if hash.is_leaf() {
            return;
        }
        let mut position = at;
        while position <= end {
            self.visit(hash, position, true);
            match self.key.get(position..) {
                Some(rest) => position += rest.split('.').next().unwrap_or_default().len() + 1,
                None => break,
            }
        }
    }
}

/// The words of a key or pattern.
fn words(key: &str) -> impl Iterator<Item = &str> {
    key.split('.').filter(move |_| !key.is_empty())
}

#[cfg(test)]
mod tests;
