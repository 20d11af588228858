//! `Queue` → queue.

use operator_api::Queue;
use operator_api::queue::QueueStatus;
use operator_api::topology::TopologyStatus;
use operator_topology::{Object, Removal};
use serde_json::Value;

use crate::object::What;
use crate::topology::kind::{Kind, arguments};
use crate::verdict::{Reason, Verdict};

impl Kind for Queue {
    fn object(&self) -> Result<Object, Verdict> {
        Ok(Object::Queue(operator_topology::Queue {
            name: self.broker_name(),
            durable: self.spec.durable,
            auto_delete: self.spec.auto_delete,
            arguments: arguments(&self.spec.declare_arguments())?,
        }))
    }

    fn flaw(&self) -> Option<Verdict> {
        if self.spec.replicas > 1 {
            return Some(Verdict::new(
                Reason::ReplicationUnavailable,
                format!(
                    "spec.replicas: {} asks for a mirrored queue, which this release cannot provide: set it to 1",
                    self.spec.replicas
                ),
            ));
        }
        self.object().err()
    }

    fn what(&self) -> What {
        What::Queue(self.broker_name())
    }

    fn name_in_broker(&self) -> Option<String> {
        Some(self.broker_name())
    }

    fn removal(&self) -> Removal {
        Removal { if_empty: self.spec.only_if_empty, if_unused: self.spec.only_if_unused }
    }

    fn status(&self, common: &TopologyStatus, member: Option<&str>) -> Value {
        let status =
            QueueStatus { topology: common.clone(), leader: member.map(ToOwned::to_owned) };
        serde_json::to_value(status).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use operator_api::queue::QueueSpec;

    use super::*;

    #[test]
    fn a_queue_whose_manifest_became_impossible_can_still_be_removed() {
        let queue = Queue::new("billing", QueueSpec { replicas: 3, ..QueueSpec::default() });
        assert_eq!(queue.flaw().map(|flaw| flaw.reason), Some(Reason::ReplicationUnavailable));
        assert!(matches!(queue.object(), Ok(Object::Queue(queue)) if queue.name == "billing"));
    }
}
