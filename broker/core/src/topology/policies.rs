//! The rules of setting and deleting policies.

use std::sync::Arc;

use crate::name::Name;
use crate::policy::{Policy, Rank};
use crate::refusal::Refusal;
use crate::topology::command::Outcome;
use crate::topology::{Topology, Vhost};

// === impl Topology ===

impl Topology {
    pub(super) fn set_policy(
        &mut self,
        vhost: &Name,
        rank: Rank,
        policy: Arc<Policy>,
    ) -> Result<Outcome, Refusal> {
        let vhost = self.vhost_mut(vhost)?;
        let changed = vhost.policies_mut().set(rank, policy);
        Ok(outcome(vhost, changed))
    }

    pub(super) fn delete_policy(
        &mut self,
        vhost: &Name,
        rank: Rank,
        name: &Name,
    ) -> Result<Outcome, Refusal> {
        let vhost = self.vhost_mut(vhost)?;
        let changed = vhost.policies_mut().remove(rank, name);
        Ok(outcome(vhost, changed))
    }
}

fn outcome(vhost: &mut Vhost, changed: bool) -> Outcome {
    if !changed {
        return Outcome::Done { changed };
    }
    let different = vhost.govern().into_iter();
    let queues = different.map(|queue| (queue.id, Arc::clone(&queue.settings))).collect();
    Outcome::Governed { queues }
}
