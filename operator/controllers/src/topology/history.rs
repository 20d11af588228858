//! What a status still tells of attempts before, across restarts of the operator.

use operator_api::condition::{self, READY};
use operator_api::topology::TopologyStatus;

use crate::verdict::Reason;

/// The broker has something else under this name: only the manifest's author can tell what should become of it.
const FOREIGN: [Reason; 2] = [Reason::ImmutableMismatch, Reason::AlreadyExists];

/// The broker answered, and said no.
const REFUSALS: [Reason; 7] = [
    Reason::ImmutableMismatch,
    Reason::AlreadyExists,
    Reason::AccessRefused,
    Reason::BrokerRefused,
    Reason::ResourceLocked,
    Reason::ReferenceNotFound,
    Reason::WaitingForVhost,
];

/// A broker confirmed the object at some time.
pub(crate) fn is_programmed(status: &TopologyStatus) -> bool {
    status.epoch.is_some()
}

/// The broker last said that what it has under this name is not what the manifest describes.
pub(crate) fn is_foreign(status: &TopologyStatus) -> bool {
    last_was(status, &FOREIGN)
}

/// The broker last answered that it does not take the object.
pub(crate) fn is_refused(status: &TopologyStatus) -> bool {
    last_was(status, &REFUSALS)
}

/// The resource was last said to be well.
pub(crate) fn is_ready(status: &TopologyStatus) -> bool {
    condition::find(&status.conditions, READY).is_some_and(|ready| ready.status == "True")
}

fn last_was(status: &TopologyStatus, reasons: &[Reason]) -> bool {
    condition::find(&status.conditions, READY)
        .is_some_and(|ready| reasons.iter().any(|reason| reason.as_str() == ready.reason))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::verdict::Verdict;

    #[test]
    fn answers_are_told_from_silence() {
        #[rustfmt::skip]
        let cases = [
            // last reason                foreign  refused  ready
            (Reason::Programmed,          (false,  false,   true)),
            (Reason::ImmutableMismatch,   (true,   true,    false)),
            (Reason::AlreadyExists,       (true,   true,    false)),
            (Reason::AccessRefused,       (false,  true,    false)),
            (Reason::ReferenceNotFound,   (false,  true,    false)),
            (Reason::BrokerUnreachable,   (false,  false,   false)),
            (Reason::WaitingForCluster,   (false,  false,   false)),
            (Reason::Conflict,            (false,  false,   false)),
        ];
        for (reason, expected) in cases {
            let mut status = TopologyStatus::default();
            let verdict = Verdict::new(reason, "…");
            verdict.record(&mut status.conditions, Some(1), None, Timestamp::UNIX_EPOCH);
            let told = (is_foreign(&status), is_refused(&status), is_ready(&status));
            assert_eq!(told, expected, "{}", reason.as_str());
        }
        assert!(!is_refused(&TopologyStatus::default()), "nobody said anything yet");
    }
}
