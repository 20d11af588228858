//! Sets of field paths in the form of `fieldsV1`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A set of paths as a tree. Elements of a path are written as in `fieldsV1`: `f:NAME` for a field,
/// `k:{…}` for an entry of a list that is told apart by keys, `v:…` for an entry of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Set {
    /// Whether the path to this node is in the set.
    pub(crate) member: bool,
    /// Longer paths.
    pub(crate) children: BTreeMap<String, Set>,
}

// === impl Set ===

impl Set {
    /// Reads `fieldsV1`.
    pub(crate) fn from_json(value: &Value) -> Self {
        let Some(map) = value.as_object() else { return Self::default() };
        let mut set = Self::default();
        for (element, below) in map {
            if element == "." {
                set.member = true;
                continue;
            }
            let mut child = Self::from_json(below);
            if child.children.is_empty() {
                child.member = true;
            }
            set.children.insert(element.clone(), child);
        }
        set
    }

    /// Writes `fieldsV1`.
    pub(crate) fn to_json(&self) -> Value {
        let mut map = Map::new();
        if self.member && !self.children.is_empty() {
            map.insert(".".into(), Value::Object(Map::new()));
        }
        for (element, child) in &self.children {
            map.insert(element.clone(), child.to_json());
        }
        Value::Object(map)
    }

    /// The node of a path element, made when missing.
    pub(crate) fn child(&mut self, element: impl Into<String>) -> &mut Self {
        self.children.entry(element.into()).or_default()
    }

    /// Whether no path is in it.
    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.children.values().all(Self::is_empty)
    }

    /// Paths in either.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.member |= other.member;
        for (element, theirs) in &other.children {
            let mine = sum.child(element.clone());
            *mine = mine.union(theirs);
        }
        sum
    }

    /// Paths in both.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let both = |(element, mine): (&String, &Self)| {
            let common = mine.intersection(other.children.get(element)?);
            (!common.is_empty()).then(|| (element.clone(), common))
        };
        Self {
            member: self.member && other.member,
            children: self.children.iter().filter_map(both).collect(),
        }
    }

    /// Paths of this one that the other does not have.
    pub(crate) fn difference(&self, other: &Self) -> Self {
        let rest = |(element, mine): (&String, &Self)| {
            let rest = match other.children.get(element) {
                Some(theirs) => mine.difference(theirs),
                None => mine.clone(),
            };
            (!rest.is_empty()).then(|| (element.clone(), rest))
        };
        Self {
            member: self.member && !other.member,
            children: self.children.iter().filter_map(rest).collect(),
        }
    }

    /// Only what lies below `element`, at its place.
    pub(crate) fn only(mut self, element: &str) -> Self {
        self.children.retain(|name, _| name == element);
        self.member = false;
        self
    }

    /// Without `path` and everything below it.
    pub(crate) fn without(mut self, path: &[&str]) -> Self {
        match path {
            [] => {}
            [last] => {
                self.children.remove(*last);
            }
            [first, rest @ ..] => {
                if let Some(child) = self.children.remove(*first) {
                    let child = child.without(rest);
                    if !child.is_empty() {
                        self.children.insert((*first).to_owned(), child);
                    }
                }
            }
        }
        self
    }

    /// Every path as error texts write it, as in `.spec.ports[port=80].name`.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.add_paths("", &mut found);
        found
    }

    fn add_paths(&self, path: &str, found: &mut Vec<String>) {
        if self.member {
            found.push(path.to_owned());
        }
        for (element, child) in &self.children {
            child.add_paths(&format!("{path}{}", shown(element)), found);
        }
    }
}

fn shown(element: &str) -> String {
    if let Some(name) = element.strip_prefix("f:") {
        return format!(".{name}");
    }
    if let Some(Ok(Value::Object(keys))) = element.strip_prefix("k:").map(serde_json::from_str) {
        let pairs: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
        return format!("[{}]", pairs.join(","));
    }
    format!("[={}]", element.strip_prefix("v:").unwrap_or(element))
}
