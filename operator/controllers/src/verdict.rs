//! What became of one attempt, and how that reads as conditions.
//!
//! A reason fixes every condition, so that two resources with the same trouble always look the same:
//!
//! | reason                                    | Accepted | Programmed | Ready   | also        |
//! |-------------------------------------------|----------|------------|---------|-------------|
//! | Programmed, Running                       | True     | True       | True    |             |
//! | ClusterNotFound                           | False    | False      | False   | Reconciling |
//! | NamespaceNotAllowed, Conflict, AlreadyExists, InvalidArguments, ReplicationUnavailable | False | False | False | Stalled |
//! | WaitingForCluster, WaitingForVhost, ReferenceNotFound, ResourceLocked | True | False | False | Reconciling |
//! | BrokerUnreachable                         | True     | Unknown    | Unknown | Reconciling |
//! | ImmutableMismatch, AccessRefused, BrokerRefused, ApplyFailed | True | False | False | Stalled |
//! | DeletionBlocked, Pending, Starting, Degraded, Unavailable, CrashLooping, Deleting | True | True | False | Reconciling |

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use operator_api::condition::{self, ACCEPTED, PROGRAMMED, READY, RECONCILING, STALLED};

/// Why a resource is as it is: the closed list behind every `reason` of a `Ready` condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    // Of topology resources.
    Programmed,
    ClusterNotFound,
    NamespaceNotAllowed,
    Conflict,
    AlreadyExists,
    InvalidArguments,
    ReplicationUnavailable,
    WaitingForCluster,
    WaitingForVhost,
    ReferenceNotFound,
    ResourceLocked,
    BrokerUnreachable,
    ImmutableMismatch,
    AccessRefused,
    BrokerRefused,
    DeletionBlocked,
    // Of clusters.
    Running,
    Pending,
    Starting,
    Degraded,
    Unavailable,
    CrashLooping,
    ApplyFailed,
    Deleting,
}

/// A reason and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

/// How the broker came to have the object: the reason of a true `Programmed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feat {
    /// For the first time, or with a changed manifest.
    Declared,
    /// Again, because the broker had started anew.
    Reprogrammed,
    /// Again, because somebody had deleted it.
    DriftCorrected,
}

/// Whether anything happens without somebody's help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// All is well.
    Settled,
    /// It is being worked on, or will be when what it waits for appears.
    Reconciling,
    /// Somebody has to change something.
    Stalled,
}

/// The statuses that a reason fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) accepted: &'static str,
    pub(crate) programmed: &'static str,
    pub(crate) ready: &'static str,
    pub(crate) outlook: Outlook,
}

const TRUE: &str = "True";
const FALSE: &str = "False";
const UNKNOWN: &str = "Unknown";

// === impl Reason ===

impl Reason {
    /// As it stands in a condition.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Programmed => "Programmed",
            Self::ClusterNotFound => "ClusterNotFound",
            Self::NamespaceNotAllowed => "NamespaceNotAllowed",
            Self::Conflict => "Conflict",
            Self::AlreadyExists => "AlreadyExists",
            Self::InvalidArguments => "InvalidArguments",
            Self::ReplicationUnavailable => "ReplicationUnavailable",
            Self::WaitingForCluster => "WaitingForCluster",
            Self::WaitingForVhost => "WaitingForVhost",
            Self::ReferenceNotFound => "ReferenceNotFound",
            Self::ResourceLocked => "ResourceLocked",
            Self::BrokerUnreachable => "BrokerUnreachable",
            Self::ImmutableMismatch => "ImmutableMismatch",
            Self::AccessRefused => "AccessRefused",
            Self::BrokerRefused => "BrokerRefused",
            Self::DeletionBlocked => "DeletionBlocked",
            Self::Running => "Running",
            Self::Pending => "Pending",
            Self::Starting => "Starting",
            Self::Degraded => "Degraded",
            Self::Unavailable => "Unavailable",
            Self::CrashLooping => "CrashLooping",
            Self::ApplyFailed => "ApplyFailed",
            Self::Deleting => "Deleting",
        }
    }

    /// What the conditions say.
    pub(crate) fn shape(self) -> Shape {
        let shape =
            |accepted, programmed, ready, outlook| Shape { accepted, programmed, ready, outlook };
        match self {
            Self::Programmed | Self::Running => shape(TRUE, TRUE, TRUE, Outlook::Settled),
            Self::ClusterNotFound => shape(FALSE, FALSE, FALSE, Outlook::Reconciling),
            Self::NamespaceNotAllowed
            | Self::Conflict
            | Self::AlreadyExists
            | Self::InvalidArguments
            | Self::ReplicationUnavailable => shape(FALSE, FALSE, FALSE, Outlook::Stalled),
            Self::WaitingForCluster
            | Self::WaitingForVhost
            | Self::ReferenceNotFound
            | Self::ResourceLocked => shape(TRUE, FALSE, FALSE, Outlook::Reconciling),
            Self::BrokerUnreachable => shape(TRUE, UNKNOWN, UNKNOWN, Outlook::Reconciling),
            Self::ImmutableMismatch
            | Self::AccessRefused
            | Self::BrokerRefused
            | Self::ApplyFailed => shape(TRUE, FALSE, FALSE, Outlook::Stalled),
            Self::DeletionBlocked
            | Self::Pending
            | Self::Starting
            | Self::Degraded
            | Self::Unavailable
            | Self::CrashLooping
            | Self::Deleting => shape(TRUE, TRUE, FALSE, Outlook::Reconciling),
        }
    }

    /// Whether it says nothing about the object, because there is no broker to ask.
    pub(crate) fn is_wait_for_broker(self) -> bool {
        matches!(self, Self::ClusterNotFound | Self::WaitingForCluster | Self::BrokerUnreachable)
    }

    /// Whether to try again although nothing changed in Kubernetes: what the broker refused today it may
    /// grant tomorrow. The other reasons end by a change that wakes the resource.
    pub(crate) fn is_retried(self) -> bool {
        matches!(
            self,
            Self::AlreadyExists
                | Self::WaitingForVhost
                | Self::ReferenceNotFound
                | Self::ResourceLocked
                | Self::BrokerUnreachable
                | Self::ImmutableMismatch
                | Self::AccessRefused
                | Self::BrokerRefused
                | Self::DeletionBlocked
                | Self::ApplyFailed
        )
    }
}

// === impl Feat ===

impl Feat {
    /// As it stands in a condition, and in the event.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "Declared",
            Self::Reprogrammed => "Reprogrammed",
            Self::DriftCorrected => "DriftCorrected",
        }
    }
}

// === impl Verdict ===

impl Verdict {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// Records this verdict for `generation` among `conditions`; returns whether anything changed.
    ///
    /// `programmed` replaces reason and message of a true `Programmed`.
    pub(crate) fn record(
        &self,
        conditions: &mut Vec<Condition>,
        generation: Option<i64>,
        programmed: Option<(&str, &str)>,
        now: Timestamp,
    ) -> bool {
        let shape = self.reason.shape();
        let condition = |type_: &str, status: &str, reason: &str, message: &str| Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            observed_generation: generation,
            last_transition_time: Time(now),
        };
        let (reason, message) = (self.reason.as_str(), self.message.as_str());
        let accepted = match shape.accepted {
            TRUE => condition(ACCEPTED, TRUE, "Accepted", "the manifest can be carried out"),
            status => condition(ACCEPTED, status, reason, message),
        };
        let (feat, told) = programmed.unwrap_or((reason, message));
        let mut changed =
            condition::set(conditions, condition(READY, shape.ready, reason, message));
        changed |= condition::set(conditions, accepted);
        changed |= condition::set(conditions, condition(PROGRAMMED, shape.programmed, feat, told));
        for (type_, outlook) in [(RECONCILING, Outlook::Reconciling), (STALLED, Outlook::Stalled)] {
            changed |= if shape.outlook == outlook {
                condition::set(conditions, condition(type_, TRUE, reason, message))
            } else {
                condition::clear(conditions, type_)
            };
        }
        changed
    }
}

#[cfg(test)]
mod tests;
