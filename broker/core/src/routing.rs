//! Which queues a message goes to: the matching behind each exchange type, and the walk over them.
//!
//! Everything here is a persistent structure: a copy is cheap, and a change to one copy touches
//! only the path that leads to it. A reader keeps a whole consistent picture for as long as it likes.

mod copies;
mod destinations;
mod hash;
mod headers;
mod keyed;
mod router;
mod targets;
mod topic;
mod walk;

pub(crate) use crate::routing::destinations::Target;
pub(crate) use crate::routing::router::Router;
pub use crate::routing::targets::Targets;
pub use crate::topology::Routes;
