//! What the attempts of one kind share, and what comes of one.

use std::sync::Arc;

use crate::context::Context;
use crate::memory::Memory;
use crate::registry::Broker;
use crate::topology::claim::Claims;
use crate::verdict::{Feat, Verdict};

/// The reconciler of one kind.
pub(crate) struct Reconciler {
    pub(crate) context: Arc<Context>,
    pub(crate) claims: Claims,
    pub(crate) memory: Memory,
}

/// What came of an attempt: a verdict, and what the broker had to do with it.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    /// The broker that confirmed the object, and what that added.
    pub(super) confirmed: Option<(Broker, Option<(Feat, String)>)>,
}
