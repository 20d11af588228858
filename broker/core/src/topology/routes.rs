//! A picture of the topology at one moment.

use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use crate::access::Access;
use crate::id::QueueId;
use crate::name::Name;
use crate::queue::Settings;
use crate::topology::delayed::Delays;
use crate::topology::vhost::Vhost;

/// All vhosts and users at one moment: to look things up and to route on, without a lock.
///
/// Cloning costs a reference count; a later change to the topology does not show in it.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    vhosts: OrdMap<Name, Vhost>,
    access: Access,
}

// === impl Routes ===

impl Routes {
    /// The vhost of this name.
    #[must_use]
    pub fn vhost(&self, name: &str) -> Option<&Vhost> {
        self.vhosts.get(name)
    }

    /// All vhosts, by name.
    pub fn vhosts(&self) -> impl Iterator<Item = &Vhost> {
        self.vhosts.values()
    }

    /// Who may do what.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    pub(crate) fn access_mut(&mut self) -> &mut Access {
        &mut self.access
    }

    pub(crate) fn vhost_mut(&mut self, name: &str) -> Option<&mut Vhost> {
        self.vhosts.get_mut(name)
    }

    pub(crate) fn create_vhost(&mut self, name: Name) -> bool {
        let new = !self.vhosts.contains_key(&name);
        if new {
            self.vhosts.insert(name.clone(), Vhost::new(name));
        }
        new
    }

    pub(crate) fn remove_vhost(&mut self, name: &Name) -> Option<Vhost> {
        self.vhosts.remove(name)
    }

    /// The queues of exchanges that hold messages back which are in `later` and not here.
    #[must_use]
    pub fn delays_made(&self, later: &Self) -> Vec<(QueueId, Arc<Settings>)> {
        let mut made = Vec::new();
        for vhost in later.vhosts() {
            let none = Delays::new();
            let before = self.vhost(vhost.name()).map_or(&none, |before| before.delays());
            // Looks only at what the two do not share.
            made.extend(before.diff(vhost.delays()).filter_map(|difference| match difference {
                DiffItem::Add(id, settings) => Some((*id, Arc::clone(settings))),
                _ => None,
            }));
        }
        made
    }
}
