//! What the reconciler has to know of a kind, beyond what all topology kinds share.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use operator_api::group::TOPOLOGY_FINALIZER;
use operator_api::topology::{TopologyResource, TopologyStatus};
use operator_topology::{Arguments, Object, Removal};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::named::Named;
use crate::object::{ObjectKey, What};
use crate::topology::claim::{Claim, Stake};
use crate::topology::history;
use crate::verdict::{Reason, Verdict};

/// A resource that stands for an object in a broker. One small file a kind implements it.
pub(crate) trait Kind:
    TopologyResource
    + Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + fmt::Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// What the broker should have.
    ///
    /// # Errors
    ///
    /// The verdict on a manifest that no broker could carry out.
    fn object(&self) -> Result<Object, Verdict>;

    /// The verdict on a manifest that cannot be carried out as it is now. An object that was declared before, from an
    /// earlier manifest, is known all the same.
    fn flaw(&self) -> Option<Verdict> {
        self.object().err()
    }

    /// What AMQP tells the object apart by.
    fn what(&self) -> What;

    /// Objects that must exist first.
    fn needs(&self) -> Vec<What> {
        Vec::new()
    }

    /// The broker's name for the object, where it has one.
    fn name_in_broker(&self) -> Option<String>;

    /// Under which conditions the object may be removed.
    fn removal(&self) -> Removal {
        Removal::default()
    }

    /// The whole status around the common part; `member` is the broker that confirmed it.
    fn status(&self, common: &TopologyStatus, member: Option<&str>) -> Value {
        let _ = member;
        serde_json::to_value(common).unwrap_or_default()
    }

    /// The namespace and name of the cluster that the resource names.
    fn cluster(&self) -> Named {
        let own = self.namespace().unwrap_or_default();
        let reference = self.cluster_ref();
        Named::new(reference.namespace_or(&own), reference.name.clone())
    }

    /// The object it stands for, among those of all brokers.
    fn object_key(&self) -> ObjectKey {
        self.key_of(self.what())
    }

    /// Another object of the same vhost.
    fn key_of(&self, what: What) -> ObjectKey {
        ObjectKey { cluster: self.cluster(), vhost: self.vhost().to_owned(), what }
    }

    /// What the resource says to the others of its kind.
    fn claim(&self) -> Claim {
        let created = self.creation_timestamp().map_or(Timestamp::MAX, |time| time.0);
        Claim {
            object: self.object_key(),
            needs: self.needs().into_iter().map(|what| self.key_of(what)).collect(),
            birth: (created, self.uid().unwrap_or_default()),
            stake: self.stake(),
        }
    }

    /// How far the resource is with its object.
    fn stake(&self) -> Stake {
        let status = self.topology_status();
        if self.meta().deletion_timestamp.is_some() {
            Stake::Going
        } else if self.is_held() && history::is_programmed(&status) && !history::is_foreign(&status)
        {
            Stake::Holds
        } else if self.flaw().is_some() {
            Stake::Flawed
        } else if history::is_refused(&status) {
            Stake::Refused
        } else {
            Stake::Coming
        }
    }

    /// Whether our finalizer is on the resource. It comes before anything is declared, so what is not held has
    /// nothing in a broker.
    fn is_held(&self) -> bool {
        self.finalizers().iter().any(|held| held == TOPOLOGY_FINALIZER)
    }
}

/// Converts declare or bind arguments.
pub(crate) fn arguments(arguments: &BTreeMap<String, Value>) -> Result<Arguments, Verdict> {
    Arguments::from_json(arguments).map_err(|error| {
        Verdict::new(Reason::InvalidArguments, format!("{error}: correct spec.arguments"))
    })
}
