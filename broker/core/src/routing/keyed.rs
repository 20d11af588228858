//! A map from words to values: small ones a sorted list, large ones a persistent hash map.
//!
//! Only looked up, never iterated, so the hash map's order shows nowhere.

use crate::name::{Name, NameMap};

/// Maps up to this size are a plain sorted list, copied as a whole on change.
const FEW: usize = 16;

/// Values by name.
#[derive(Debug, Clone)]
pub(crate) enum Keyed<V: Clone> {
    Few(Vec<(Name, V)>),
    Many(NameMap<V>),
}

// === impl Keyed ===

impl<V: Clone> Default for Keyed<V> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<V: Clone> Keyed<V> {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Few(list) => list.is_empty(),
            Self::Many(map) => map.is_empty(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&V> {
        match self {
            Self::Few(list) => {
                let at = list.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
                Some(&list[at].1)
            }
            Self::Many(map) => map.get(name),
        }
    }

    /// The value of `name`, made by `make` if there is none yet.
    pub(crate) fn get_or_insert_with(&mut self, name: &str, make: impl FnOnce() -> V) -> &mut V {
        if let Self::Few(list) = self
            && list.len() >= FEW
            && self.get(name).is_none()
        {
            let Self::Few(list) = std::mem::take(self) else { unreachable!("it was a list above") };
            *self = Self::Many(list.into_iter().collect());
        }
        match self {
            Self::Few(list) => {
                let at = match list.binary_search_by(|(other, _)| other.as_str().cmp(name)) {
                    Ok(at) => at,
                    Err(at) => {
                        list.reserve_exact(1);
                        list.insert(at, (Name::new(name), make()));
                        at
                    }
                };
                &mut list[at].1
            }
            Self::Many(map) => map.entry(Name::new(name)).or_insert_with(make),
        }
    }

    /// Changes the value of `name`, if there is one, and removes it if `change` says it is empty.
    pub(crate) fn change(&mut self, name: &str, change: impl FnOnce(&mut V) -> bool) {
        match self {
            Self::Few(list) => {
                if let Ok(at) = list.binary_search_by(|(other, _)| other.as_str().cmp(name))
                    && change(&mut list[at].1)
                {
                    list.remove(at);
                }
            }
            Self::Many(map) => {
                if let Some(value) = map.get_mut(name)
                    && change(value)
                {
                    map.remove(name);
                }
            }
        }
    }
}
