//! Who owns which field: `metadata.managedFields` and server-side apply.
//!
//! ```text
//!  apply ──▶ its fields ──▶ conflicts with other owners? ──▶ 409, or taken by force
//!                      └──▶ merged into the live object ──▶ minus what it applied before only
//!  update ─▶ what changed ─▶ owned by the updater, nobody else
//! ```
//!
//! The rules are those of `sigs.k8s.io/structured-merge-diff`.

mod managers;
mod merge;
mod set;
mod walk;

pub(crate) use self::{
    managers::{Actor, Managers, Operation},
    merge::{merge, remove},
    set::Set,
};

#[cfg(test)]
mod tests;
