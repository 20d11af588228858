//! What to do about one resource, from what is known. No I/O: facts in, decision out.
//!
//! ```text
//!  live      flawed? ─ rival? ─ cluster? ─ allowed? ─ up? ──▶ Program
//!               └────────┴─────────┴──────────┴───────┴─────▶ Settle(why not)
//!
//!  deleting  finalizer? ─ cluster gone, retained, inherited, not ours, forced ──▶ Release
//!               │                     └─ up? ──▶ Remove, Withdraw, or Settle(an heir is to take it over)
//!               └──▶ Nothing                └──▶ Settle(unreachable; how to escape)
//! ```

use std::sync::Arc;

use operator_api::group::FORCE_DELETE_ANNOTATION;

use crate::named::Named;
use crate::registry::{Broker, Cluster, State};
use crate::topology::claim::{Rival, Stake};
use crate::verdict::{Reason, Verdict};

/// What is known about a resource and what it depends on.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The resource is being deleted.
    pub(crate) deleting: bool,
    /// Our finalizer is on it, so something of it may be in a broker.
    pub(crate) finalizer: bool,
    /// Somebody asked to let it go whatever becomes of the broker object.
    pub(crate) forced: bool,
    /// The broker object is to outlive the resource.
    pub(crate) retain: bool,
    /// A broker confirmed the object at some time.
    pub(crate) programmed: bool,
    /// The broker has something else under this name, which is not ours to remove.
    pub(crate) foreign: bool,
    /// The broker last answered that it does not take the object.
    pub(crate) refused: bool,
    /// What makes the manifest impossible whatever the cluster.
    pub(crate) flaw: Option<Verdict>,
    /// The oldest of the older resources that stand for the same object, may and can.
    pub(crate) rival: Option<Named>,
    /// Another resource, older or not, that stands for the same object, and has it or is about to.
    pub(crate) heir: Option<Rival>,
    /// The cluster that the resource names.
    pub(crate) cluster_name: Named,
    /// What is known about it; `None` when it does not exist.
    pub(crate) cluster: Option<Arc<Cluster>>,
    /// Whether the cluster lets the resource's namespace use it.
    pub(crate) allowed: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// Nothing, and nothing to say: a change will come.
    Nothing,
    /// Nothing but to say why.
    Settle(Verdict),
    /// Make the broker agree.
    Program(Broker),
    /// Remove the object from the broker, then let the resource go.
    Remove(Broker),
    /// The same, if the object is there and is what the manifest describes: nobody confirmed it, and yet
    /// it may have been declared.
    Withdraw(Broker),
    /// Let the resource go and leave the broker alone.
    Release(Release),
}

/// Why a resource is let go without touching the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// `deletionPolicy: Retain`.
    Retained,
    /// Another resource stands for the object and goes on managing it.
    Shared,
    /// The cluster is gone or going, and everything in it.
    ClusterGone,
    /// The broker has something else under this name.
    Foreign,
    /// The annotation asked for it.
    Forced,
    /// Nothing of it can be in a broker of ours.
    NeverProgrammed,
}

// === impl Facts ===

impl Facts {
    /// Decides.
    pub(crate) fn decide(&self) -> Decision {
        if self.deleting { self.decide_deletion() } else { self.decide_life() }
    }

    fn decide_life(&self) -> Decision {
        if let Some(flaw) = &self.flaw {
            return Decision::Settle(flaw.clone());
        }
        let name = &self.cluster_name;
        let settle = |reason, message: String| Decision::Settle(Verdict::new(reason, message));
        let Some(cluster) = &self.cluster else {
            return settle(
                Reason::ClusterNotFound,
                format!(
                    "BrokerCluster {name} does not exist: create it, or correct spec.clusterRef"
                ),
            );
        };
        if !self.allowed {
            return settle(
                Reason::NamespaceNotAllowed,
                format!(
                    "BrokerCluster {name} does not allow this namespace: ask its owner to extend \
                     spec.allowedNamespaces, or use a cluster in this namespace"
                ),
            );
        }
        if let Some(rival) = &self.rival {
            return settle(
                Reason::Conflict,
                format!(
                    "{rival} stands for the same object in BrokerCluster {name} and is older: \
                     delete one of the two, or give this one another name"
                ),
            );
        }
        match &cluster.state {
            State::Unobserved => Decision::Nothing,
            State::Up(broker) => Decision::Program(broker.clone()),
            State::Deleting => settle(
                Reason::ClusterNotFound,
                format!(
                    "BrokerCluster {name} is being deleted: correct spec.clusterRef, or delete this resource"
                ),
            ),
            State::Rejected(why) => settle(
                Reason::WaitingForCluster,
                format!("BrokerCluster {name} is not accepted: {why}"),
            ),
            State::Down if self.programmed => settle(Reason::BrokerUnreachable, self.silent()),
            State::Down => settle(Reason::WaitingForCluster, self.silent()),
        }
    }

    fn decide_deletion(&self) -> Decision {
        if !self.finalizer {
            return Decision::Nothing;
        }
        let cluster = self.cluster.as_deref().map_or(&State::Deleting, |cluster| &cluster.state);
        if let Some(release) = self.release(cluster) {
            return Decision::Release(release);
        }
        match (cluster, &self.heir) {
            (State::Up(_), Some(_)) if self.forced => Decision::Release(Release::Forced),
            (State::Up(_), Some(heir)) => Decision::Settle(inherited(heir)),
            (State::Up(broker), None) if self.programmed => Decision::Remove(broker.clone()),
            (State::Up(broker), None) => Decision::Withdraw(broker.clone()),
            _ if self.forced => Decision::Release(Release::Forced),
            (State::Down, _) => Decision::Settle(still_there(&self.silent())),
            (State::Rejected(why), _) => {
                let why = format!("BrokerCluster {} is not accepted: {why}", self.cluster_name);
                Decision::Settle(still_there(&why))
            }
            (State::Unobserved | State::Deleting, _) => Decision::Nothing,
        }
    }

    /// Why the broker need not be asked.
    fn release(&self, cluster: &State) -> Option<Release> {
        let held = self.heir.as_ref().is_some_and(|heir| heir.stake == Stake::Holds);
        match cluster {
            State::Deleting => Some(Release::ClusterGone),
            _ if self.retain => Some(Release::Retained),
            _ if held => Some(Release::Shared),
            _ if self.foreign => Some(Release::Foreign),
            _ if self.refused && !self.programmed => Some(Release::NeverProgrammed),
            _ => None,
        }
    }

    fn silent(&self) -> String {
        let Named { namespace, name } = &self.cluster_name;
        format!(
            "no broker of BrokerCluster {namespace}/{name} answers; `kubectl describe brokercluster {name} \
             --namespace {namespace}` tells why"
        )
    }
}

/// The verdict on a resource that goes once another one has taken the object over. Until then somebody has to
/// see to the object's end, should the heir go too.
fn inherited(heir: &Rival) -> Verdict {
    Verdict::new(
        Reason::Deleting,
        format!(
            "{} stands for the same object and is about to take it over; then this resource goes, and the object stays. \
             To let it go now, annotate it with {FORCE_DELETE_ANNOTATION}=true",
            heir.resource
        ),
    )
}

/// The verdict on a resource that cannot go yet because its broker cannot be asked.
pub(crate) fn still_there(why: &str) -> Verdict {
    Verdict::new(
        Reason::BrokerUnreachable,
        format!(
            "cannot be removed from the broker yet: {why}. It is tried again; to let the resource go and leave the \
             object in the broker, annotate it with {FORCE_DELETE_ANNOTATION}=true"
        ),
    )
}

// === impl Release ===

impl Release {
    /// The event's reason and text.
    pub(crate) fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Retained => {
                ("Retained", "released; deletionPolicy: Retain leaves the object in the broker")
            }
            Self::Shared => {
                ("Released", "released; another resource stands for the same object and keeps it")
            }
            Self::ClusterGone => (
                "Released",
                "released; the BrokerCluster is gone, and the object with it unless its volumes are kept",
            ),
            Self::Foreign => (
                "Released",
                "released; what the broker has under this name differs from the manifest and stays",
            ),
            Self::Forced => (
                "ForceDeleted",
                "released as the annotation asks; the object may still be in the broker",
            ),
            Self::NeverProgrammed => ("Released", "released; it never was in the broker"),
        }
    }
}

#[cfg(test)]
mod tests;
