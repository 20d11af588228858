//! A picture of the topology at one moment.

use imbl::OrdMap;

use crate::access::Access;
use crate::name::Name;
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
}
