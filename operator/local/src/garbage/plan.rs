//! Which objects go because of their owners, and which owners may go. Pure.

use std::collections::{HashMap, HashSet};

/// Finalizer of an owner that waits for what it owns.
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Finalizer of an owner that lets go of what it owns.
pub(super) const ORPHAN: &str = "orphan";

/// The part of an object that matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) uid: String,
    pub(super) owners: Vec<Owner>,
    pub(super) deleting: bool,
    pub(super) finalizers: Vec<String>,
}

/// One entry of `metadata.ownerReferences`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: String,
    /// Whether the owner's foreground deletion waits for this object.
    pub(super) blocks: bool,
}

/// What to do about the object with the number it had in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Every owner is gone or waits for this object: delete it.
    Delete { object: usize, foreground: bool },
    /// These owners are gone or let go of it, and others remain: forget them.
    Disown { object: usize, owners: HashSet<String> },
    /// Nothing holds this owner any more: take the finalizer off.
    Finish { object: usize, finalizer: &'static str },
}

/// The next steps. `absent` says of an owner that is not among `nodes` whether it is really gone.
pub(super) fn plan(nodes: &[Node], absent: &HashSet<String>) -> Vec<Step> {
    let by_uid: HashMap<&str, &Node> = nodes.iter().map(|node| (node.uid.as_str(), node)).collect();
    let mut steps = Vec::new();
    for (object, node) in nodes.iter().enumerate() {
        steps.extend(dependent(object, node, &by_uid, absent));
        if node.deleting {
            steps.extend(owner(object, node, nodes));
        }
    }
    steps
}

/// What an object's owners mean for it.
fn dependent(
    object: usize,
    node: &Node,
    by_uid: &HashMap<&str, &Node>,
    absent: &HashSet<String>,
) -> Option<Step> {
    if node.owners.is_empty() || (node.deleting && !node.has(FOREGROUND)) {
        return None;
    }
    let (mut waiting, mut gone) = (false, HashSet::new());
    let mut solid = false;
    for owner in &node.owners {
        match by_uid.get(owner.uid.as_str()) {
            Some(found) if found.deleting && found.has(ORPHAN) => {
                gone.insert(owner.uid.clone());
                // Orphans are let go, never deleted.
                solid = true;
            }
            Some(found) if found.deleting && found.has(FOREGROUND) => waiting = true,
            Some(_) => solid = true,
            None if absent.contains(&owner.uid) => drop(gone.insert(owner.uid.clone())),
            // Not seen yet, or of a kind that cannot be seen: it may well exist.
            None => solid = true,
        }
    }
    if solid {
        return (!gone.is_empty()).then_some(Step::Disown { object, owners: gone });
    }
    (!node.deleting).then_some(Step::Delete { object, foreground: waiting })
}

/// Whether an owner that is being deleted may go.
fn owner(object: usize, node: &Node, nodes: &[Node]) -> Option<Step> {
    let owned = |blocking: bool| {
        nodes.iter().any(|other| {
            other.owners.iter().any(|owner| owner.uid == node.uid && (owner.blocks || !blocking))
        })
    };
    if node.has(ORPHAN) && !owned(false) {
        return Some(Step::Finish { object, finalizer: ORPHAN });
    }
    (node.has(FOREGROUND) && !owned(true)).then_some(Step::Finish { object, finalizer: FOREGROUND })
}

// === impl Node ===

impl Node {
    fn has(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|name| name == finalizer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(uid: &str, owners: &[&str]) -> Node {
        let owners =
            owners.iter().map(|uid| Owner { uid: (*uid).to_owned(), blocks: true }).collect();
        Node { uid: uid.to_owned(), owners, ..Node::default() }
    }

    fn deleting(uid: &str, finalizer: &str) -> Node {
        Node { deleting: true, finalizers: vec![finalizer.to_owned()], ..node(uid, &[]) }
    }

    fn absent(uids: &[&str]) -> HashSet<String> {
        uids.iter().map(|uid| (*uid).to_owned()).collect()
    }

    #[test]
    fn an_object_goes_when_its_last_owner_is_gone() {
        let gone = absent(&["x", "y"]);
        let nodes =
            [node("a", &["x"]), node("b", &["x", "y"]), node("c", &["x", "d"]), node("d", &[])];
        let expected = [
            Step::Delete { object: 0, foreground: false },
            Step::Delete { object: 1, foreground: false },
            Step::Disown { object: 2, owners: absent(&["x"]) },
        ];
        assert_eq!(plan(&nodes, &gone), expected);
    }

    #[test]
    fn an_owner_that_is_only_unknown_is_taken_to_exist() {
        assert_eq!(plan(&[node("a", &["x"])], &absent(&[])), []);
    }

    #[test]
    fn an_owner_in_the_background_is_not_waited_for() {
        let owner = Node {
            deleting: true,
            finalizers: vec!["warren.dev/topology".to_owned()],
            ..node("o", &[])
        };
        assert_eq!(plan(&[owner, node("a", &["o"])], &absent(&[])), []);
    }

    #[test]
    fn foreground_deletes_the_dependents_first() {
        let nodes = [deleting("o", FOREGROUND), node("a", &["o"])];
        assert_eq!(plan(&nodes, &absent(&[])), [Step::Delete { object: 1, foreground: true }]);
        let going = Node { deleting: true, ..node("a", &["o"]) };
        assert_eq!(plan(&[deleting("o", FOREGROUND), going], &absent(&[])), []);
        let finish = Step::Finish { object: 0, finalizer: FOREGROUND };
        let alone = plan(&[deleting("o", FOREGROUND)], &absent(&[]));
        assert_eq!(alone, std::slice::from_ref(&finish));
        let mut loose = node("a", &["o"]);
        loose.owners[0].blocks = false;
        let steps = plan(&[deleting("o", FOREGROUND), loose], &absent(&[]));
        assert_eq!(steps, [finish, Step::Delete { object: 1, foreground: true }]);
    }

    #[test]
    fn orphans_are_let_go_and_never_deleted() {
        let nodes = [deleting("o", ORPHAN), node("a", &["o"])];
        assert_eq!(
            plan(&nodes, &absent(&[])),
            [Step::Disown { object: 1, owners: absent(&["o"]) }]
        );
        let finish = Step::Finish { object: 0, finalizer: ORPHAN };
        assert_eq!(plan(&[deleting("o", ORPHAN), node("a", &[])], &absent(&[])), [finish]);
    }

    #[test]
    fn a_living_second_owner_keeps_an_object_from_a_foreground_deletion() {
        let nodes = [deleting("o", FOREGROUND), node("p", &[]), node("a", &["o", "p"])];
        assert!(!plan(&nodes, &absent(&[])).iter().any(|step| matches!(step, Step::Delete { .. })));
    }
}
