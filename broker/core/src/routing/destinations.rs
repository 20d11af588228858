//! A set of binding targets, each with the number of bindings that lead to it.

use imbl::OrdMap;

use crate::id::QueueId;
use crate::name::Name;

/// Sets up to this size are a plain sorted list, copied as a whole on change.
const FEW: usize = 16;

/// What a binding leads to, as routing needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Queue(QueueId),
    Exchange(Name),
}

/// Targets in a fixed order. A target stays until it was removed as often as it was added.
#[derive(Debug, Clone)]
pub(crate) enum Destinations {
    Few(Vec<(Target, u32)>),
    Many(OrdMap<Target, u32>),
}

// === impl Destinations ===

impl Default for Destinations {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Destinations {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Few(list) => list.is_empty(),
            Self::Many(map) => map.is_empty(),
        }
    }

    pub(crate) fn add(&mut self, target: Target) {
        match self {
            Self::Few(list) => match list.binary_search_by(|(other, _)| other.cmp(&target)) {
                Ok(at) => list[at].1 += 1,
                Err(at) if list.len() < FEW => {
                    list.reserve_exact(1);
                    list.insert(at, (target, 1));
                }
                Err(_) => {
                    let mut map: OrdMap<_, _> = list.drain(..).collect();
                    map.insert(target, 1);
                    *self = Self::Many(map);
                }
            },
            Self::Many(map) => *map.entry(target).or_insert(0) += 1,
        }
    }

    pub(crate) fn remove(&mut self, target: &Target) {
        match self {
            Self::Few(list) => {
                if let Ok(at) = list.binary_search_by(|(other, _)| other.cmp(target)) {
                    list[at].1 -= 1;
                    if list[at].1 == 0 {
                        list.remove(at);
                    }
                }
            }
            Self::Many(map) => {
                if let Some(count) = map.get_mut(target) {
                    *count -= 1;
                    if *count == 0 {
                        map.remove(target);
                    }
                }
            }
        }
    }

    pub(crate) fn for_each(&self, mut visit: impl FnMut(&Target)) {
        match self {
            Self::Few(list) => list.iter().for_each(|(target, _)| visit(target)),
            Self::Many(map) => map.keys().for_each(visit),
        }
    }
}
