//! What the brokers' state means for the cluster's status. Pure: pods and answers in, status out.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use operator_api::BrokerCluster;
use operator_api::cluster::status::{BrokerClusterStatus, Member, MemberState, Phase, Restart};
use operator_resources::names;
use operator_resources::ports::AMQP;

use crate::cluster::members::Seen;
use crate::verdict::{Outlook, Reason, Verdict};

/// A broker pod, and what the broker in it said about itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Broker {
    pub(crate) seen: Seen,
    /// Epoch and version; `None` while its management API does not answer.
    pub(crate) identity: Option<Identity>,
}

/// Who a broker process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) epoch: String,
    pub(crate) version: String,
    pub(crate) totals: Totals,
}

/// How many objects a broker has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) exchanges: u64,
    pub(crate) queues: u64,
}

/// What a broker did since the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incident {
    /// Its process ended by itself.
    Ended { member: String, told: String },
    /// It answers, and is another process than before.
    StartedAnew { member: String, epoch: String },
}

/// What makes a manifest impossible to carry out.
pub(crate) fn flaw(cluster: &BrokerCluster) -> Option<Verdict> {
    let replicas = cluster.spec.replicas;
    (replicas > 1).then(|| {
        Verdict::new(
            Reason::ReplicationUnavailable,
            format!(
                "spec.replicas: {replicas} asks for a mirrored cluster, which this release cannot provide: set it to 1"
            ),
        )
    })
}

/// The verdict on a cluster whose objects are applied and whose brokers are these.
pub(crate) fn verdict(wanted: i32, brokers: &[Broker], answered_before: bool) -> Verdict {
    let ready = count(brokers.iter().filter(|broker| broker.is_up()));
    if ready >= wanted {
        let verb = if wanted == 1 { "broker answers" } else { "brokers answer" };
        return Verdict::new(Reason::Running, format!("{ready} of {wanted} {verb}"));
    }
    let troubles: Vec<_> =
        brokers.iter().filter(|broker| !broker.is_up()).map(Broker::trouble).collect();
    let told = match troubles.is_empty() {
        true => "no broker pod exists yet".to_owned(),
        false => troubles.join("; "),
    };
    let in_state = |state| brokers.iter().any(|broker| broker.seen.state == state);
    let reason = if ready > 0 {
        Reason::Degraded
    } else if in_state(MemberState::CrashLooping) {
        Reason::CrashLooping
    } else if answered_before {
        Reason::Unavailable
    } else if in_state(MemberState::Starting) || in_state(MemberState::Running) {
        Reason::Starting
    } else {
        Reason::Pending
    };
    Verdict::new(reason, told)
}

/// The status after this look.
pub(crate) fn status(
    cluster: &BrokerCluster,
    verdict: &Verdict,
    brokers: &[Broker],
    now: Timestamp,
) -> BrokerClusterStatus {
    let before = cluster.status.clone().unwrap_or_default();
    let wanted = cluster.spec.replicas;
    let ready = count(brokers.iter().filter(|broker| broker.is_up()));
    let oldest =
        brokers.iter().filter_map(|broker| Some(broker.identity.as_ref()?.version.clone())).min();
    let mut after = BrokerClusterStatus {
        observed_generation: cluster.metadata.generation,
        phase: Some(phase(verdict.reason)),
        replicas: count(brokers.iter()),
        ready_replicas: ready,
        ready: Some(format!("{ready}/{wanted}")),
        version: oldest.or(before.version),
        endpoint: Some(format!("{}:{}", names::host(cluster), AMQP.number)),
        secret_name: Some(names::secret(cluster)),
        last_restart: brokers
            .iter()
            .find_map(|broker| restart(&before.members, &broker.seen, now))
            .or(before.last_restart),
        members: brokers.iter().map(|broker| broker.member(&before.members)).collect(),
        conditions: before.conditions,
    };
    let told = Some(("Applied", "every object of the cluster is as the manifest asks"));
    let told = told.filter(|_| verdict.reason.shape().programmed == "True");
    verdict.record(&mut after.conditions, cluster.metadata.generation, told, now);
    after
}

/// What happened since `before`.
pub(crate) fn incidents(before: &[Member], brokers: &[Broker]) -> Vec<Incident> {
    let mut incidents = Vec::new();
    for Broker { seen, identity } in brokers {
        let Some(old) = before.iter().find(|member| member.name == seen.name) else { continue };
        let member = seen.name.clone();
        if seen.restarts > old.restarts {
            let end = seen.ended.as_ref().map_or_else(String::new, |ended| format!(" {ended}"));
            let told = format!("broker {member} ended{end} and is started again");
            incidents.push(Incident::Ended { member: member.clone(), told });
        }
        let old_epoch = old.epoch.as_ref();
        if let Some(identity) =
            identity.as_ref().filter(|new| old_epoch.is_some_and(|old| *old != new.epoch))
        {
            incidents.push(Incident::StartedAnew { member, epoch: identity.epoch.clone() });
        }
    }
    incidents
}

fn phase(reason: Reason) -> Phase {
    match reason {
        Reason::Running => Phase::Running,
        Reason::Degraded => Phase::Degraded,
        Reason::Unavailable | Reason::CrashLooping => Phase::Unavailable,
        Reason::Deleting => Phase::Deleting,
        _ if reason.shape().outlook == Outlook::Stalled => Phase::Failed,
        _ => Phase::Pending,
    }
}

fn restart(before: &[Member], seen: &Seen, now: Timestamp) -> Option<Restart> {
    let old = before.iter().find(|member| member.name == seen.name)?;
    (seen.restarts > old.restarts).then(|| Restart {
        member: seen.name.clone(),
        time: Time(now),
        reason: seen.ended.as_ref().and_then(|ended| ended.reason.clone()),
        exit_code: seen.ended.as_ref().map(|ended| ended.exit_code),
    })
}

fn count(items: impl Iterator) -> i32 {
    i32::try_from(items.count()).unwrap_or(i32::MAX)
}

// === impl Broker ===

impl Broker {
    /// Ready, and it said who it is.
    pub(crate) fn is_up(&self) -> bool {
        self.seen.is_ready() && self.identity.is_some()
    }

    fn trouble(&self) -> String {
        if self.seen.is_ready() {
            format!("broker {} does not answer on its management API yet", self.seen.name)
        } else {
            self.seen.trouble()
        }
    }

    fn member(&self, before: &[Member]) -> Member {
        let old = before.iter().find(|member| member.name == self.seen.name);
        let identity = self.identity.as_ref();
        Member {
            name: self.seen.name.clone(),
            ready: self.is_up(),
            state: self.seen.state,
            version: identity
                .map(|identity| identity.version.clone())
                .or_else(|| old?.version.clone()),
            epoch: identity.map(|identity| identity.epoch.clone()).or_else(|| old?.epoch.clone()),
            restarts: self.seen.restarts,
        }
    }
}

#[cfg(test)]
mod tests;
