//! `Exchange` → exchange.

use operator_api::Exchange;
use operator_topology::Object;

use crate::object::What;
use crate::topology::kind::{Kind, arguments};
use crate::verdict::Verdict;

impl Kind for Exchange {
    fn object(&self) -> Result<Object, Verdict> {
        Ok(Object::Exchange(operator_topology::Exchange {
            name: self.broker_name(),
            kind: self.spec.type_.clone(),
            durable: self.spec.durable,
            auto_delete: self.spec.auto_delete,
            internal: self.spec.internal,
            arguments: arguments(&self.spec.declare_arguments())?,
        }))
    }

    fn what(&self) -> What {
        What::Exchange(self.broker_name())
    }

    fn name_in_broker(&self) -> Option<String> {
        Some(self.broker_name())
    }
}
