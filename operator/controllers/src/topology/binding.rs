//! `Binding` → binding.

use operator_api::Binding;
use operator_api::binding::DestinationType;
use operator_topology::{Destination, Object};

use crate::object::What;
use crate::topology::kind::{Kind, arguments};
use crate::verdict::Verdict;

impl Kind for Binding {
    fn object(&self) -> Result<Object, Verdict> {
        let destination = self.spec.destination.clone();
        Ok(Object::Binding(operator_topology::Binding {
            source: self.spec.source.clone(),
            destination: match self.spec.destination_type {
                DestinationType::Queue => Destination::Queue(destination),
                DestinationType::Exchange => Destination::Exchange(destination),
            },
            routing_key: self.spec.routing_key.clone(),
            arguments: arguments(&self.spec.arguments)?,
        }))
    }

    fn what(&self) -> What {
        What::Binding {
            source: self.spec.source.clone(),
            destination: Box::new(destination(self)),
            routing_key: self.spec.routing_key.clone(),
            arguments: serde_json::to_string(&self.spec.arguments).unwrap_or_default(),
        }
    }

    fn needs(&self) -> Vec<What> {
        vec![What::Exchange(self.spec.source.clone()), destination(self)]
    }

    fn name_in_broker(&self) -> Option<String> {
        None
    }
}

fn destination(binding: &Binding) -> What {
    let name = binding.spec.destination.clone();
    match binding.spec.destination_type {
        DestinationType::Queue => What::Queue(name),
        DestinationType::Exchange => What::Exchange(name),
    }
}
