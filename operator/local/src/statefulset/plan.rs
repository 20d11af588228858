//! What a StatefulSet needs next. Pure.
//!
//! Kubernetes' order: missing and failed pods from the lowest ordinal up, each waiting for the
//! one before it; then superfluous pods from the highest down; then pods of an old revision from
//! the highest down, one at a time. With `podManagementPolicy: Parallel` nothing waits but the
//! update. One rule is better than the original: a pod of an old revision that never became
//! ready is replaced at once, so a bad template can be corrected by a good one.

/// What the StatefulSet's author asked for.
#[derive(Debug, Clone)]
pub(super) struct Desired {
    /// First ordinal.
    pub(super) start: i32,
    pub(super) replicas: i32,
    /// `OrderedReady`, the default, as opposed to `Parallel`.
    pub(super) ordered: bool,
    /// Pods from this ordinal on are updated; none at all with `OnDelete`.
    pub(super) update_from: Option<i32>,
    /// Name of the current template.
    pub(super) revision: String,
}

/// One pod of the set, as it is.
#[derive(Debug, Clone)]
pub(super) struct Observed {
    pub(super) ordinal: i32,
    pub(super) revision: String,
    pub(super) ready: bool,
    pub(super) terminating: bool,
    /// Its containers are over for good.
    pub(super) finished: bool,
}

/// One thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create(i32),
    Delete(i32),
}

/// Everything that may be done now; the rest follows once these have shown effect.
pub(super) fn plan(desired: &Desired, pods: &[Observed]) -> Vec<Action> {
    let mut actions = Vec::new();
    let wanted = desired.start..desired.start.saturating_add(desired.replicas);
    for ordinal in wanted.clone() {
        let pod = pods.iter().find(|pod| pod.ordinal == ordinal);
        let settled = match pod {
            None => {
                actions.push(Action::Create(ordinal));
                false
            }
            Some(pod) if pod.terminating => false,
            Some(pod) if pod.finished || (!pod.ready && desired.is_outdated(pod)) => {
                actions.push(Action::Delete(ordinal));
                false
            }
            Some(pod) => pod.ready,
        };
        if !settled && desired.ordered {
            return actions;
        }
    }
    let mut superfluous: Vec<_> =
        pods.iter().filter(|pod| !wanted.contains(&pod.ordinal)).collect();
    superfluous.sort_by_key(|pod| std::cmp::Reverse(pod.ordinal));
    for pod in superfluous {
        if !pod.terminating {
            actions.push(Action::Delete(pod.ordinal));
        }
        if desired.ordered {
            return actions;
        }
    }
    if actions.is_empty() {
        actions.extend(next_update(desired, pods));
    }
    actions
}

/// The pod to replace next; none while one that was replaced is not ready yet.
fn next_update(desired: &Desired, pods: &[Observed]) -> Option<Action> {
    let mut pods: Vec<_> = pods.iter().collect();
    pods.sort_by_key(|pod| std::cmp::Reverse(pod.ordinal));
    for pod in pods {
        if pod.terminating {
            return None;
        }
        if desired.is_outdated(pod) {
            return Some(Action::Delete(pod.ordinal));
        }
        if !pod.ready {
            return None;
        }
    }
    None
}

// === impl Desired ===

impl Desired {
    /// Whether `pod` is of an old revision and may be replaced for it.
    fn is_outdated(&self, pod: &Observed) -> bool {
        self.update_from.is_some_and(|first| pod.ordinal >= first) && pod.revision != self.revision
    }
}

#[cfg(test)]
mod tests {
    use super::Action::{Create, Delete};
    use super::*;

    fn desired(replicas: i32) -> Desired {
        Desired {
            start: 0,
            replicas,
            ordered: true,
            update_from: Some(0),
            revision: "new".to_owned(),
        }
    }

    /// One pod from a word: its ordinal, then what is special about it.
    fn pod(word: &str) -> Observed {
        let (ordinal, facts) = word.split_at(1);
        Observed {
            ordinal: ordinal.parse().unwrap(),
            revision: if facts.contains('o') { "old" } else { "new" }.to_owned(),
            ready: !facts.contains('u'),
            terminating: facts.contains('t'),
            finished: facts.contains('f'),
        }
    }

    #[test]
    fn pods_come_go_and_change_in_order() {
        #[rustfmt::skip]
        let cases = [
            // (o)ld (u)nready (t)erminating (f)inished
            // replicas  pods           actions                  because
            (2,          "",            vec![Create(0)],         "the first comes first"),
            (2,          "0u",          vec![],                  "the second waits for the first"),
            (2,          "0",           vec![Create(1)],         "the first is ready"),
            (2,          "0 1",         vec![],                  "all is well"),
            (2,          "1",           vec![Create(0)],         "a hole is filled"),
            (2,          "0t 1",        vec![],                  "a terminating pod is waited for"),
            (2,          "0fu 1",       vec![Delete(0)],         "a finished pod is replaced"),
            (1,          "0 1 2",       vec![Delete(2)],         "the highest goes first"),
            (1,          "0 1 2t",      vec![],                  "one at a time"),
            (0,          "0u",          vec![Delete(0)],         "down to none"),
            (2,          "0o 1o",       vec![Delete(1)],         "an update begins at the highest"),
            (2,          "0o 1t",       vec![],                  "and waits for the deletion"),
            (2,          "0o 1u",       vec![],                  "and for the new pod to be ready"),
            (2,          "0o 1",        vec![Delete(0)],         "and goes on"),
            (2,          "0ou 1o",      vec![Delete(0)],         "a pod that never got ready is no obstacle"),
        ];
        for (replicas, pods, actions, because) in cases {
            let pods: Vec<_> = pods.split_whitespace().map(pod).collect();
            assert_eq!(plan(&desired(replicas), &pods), actions, "{pods:?}: {because}");
        }
    }

    #[test]
    fn a_parallel_set_does_not_wait() {
        let desired = Desired { ordered: false, ..desired(3) };
        assert_eq!(plan(&desired, &[pod("1u")]), [Create(0), Create(2)]);
        assert_eq!(
            plan(&desired, &[pod("0"), pod("1"), pod("2"), pod("3"), pod("4")]),
            [Delete(4), Delete(3)]
        );
    }

    #[test]
    fn what_may_not_be_updated_is_left_alone() {
        let on_delete = Desired { update_from: None, ..desired(2) };
        assert_eq!(plan(&on_delete, &[pod("0o"), pod("1ou")]), []);
        let partition = Desired { update_from: Some(1), ..desired(2) };
        assert_eq!(plan(&partition, &[pod("0o"), pod("1o")]), [Delete(1)]);
        assert_eq!(plan(&partition, &[pod("0o"), pod("1")]), []);
    }

    #[test]
    fn ordinals_may_begin_anywhere() {
        let desired = Desired { start: 5, ..desired(1) };
        assert_eq!(plan(&desired, &[]), [Create(5)]);
        assert_eq!(plan(&desired, &[pod("0"), pod("5")]), [Delete(0)]);
    }
}
