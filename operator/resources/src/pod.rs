//! The pod of one broker: command line, mounts, and what it is not allowed to do.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        Affinity, Capabilities, ConfigMapEnvSource, Container, EnvFromSource, EnvVar, EnvVarSource,
        KeyToPath, ObjectFieldSelector, PodAffinityTerm, PodAntiAffinity, PodSecurityContext,
        PodSpec, ResourceRequirements, SeccompProfile, SecretVolumeSource, SecurityContext, Volume,
        VolumeMount, WeightedPodAffinityTerm,
    },
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::LabelSelector},
};
use operator_api::BrokerCluster;

use crate::{
    labels, names,
    ports::{self, AMQP, MANAGEMENT, METRICS},
    probes, tls,
};

/// Name of the broker's container.
pub const CONTAINER: &str = "broker";
/// Name of the claim for, and the volume with, the broker's data.
pub const DATA_VOLUME: &str = "data";
/// Where the broker keeps its data.
pub const DATA_DIR: &str = "/var/lib/warren";
/// Where the broker reads the user and the password, and sees it when they change.
pub const CREDENTIALS_DIR: &str = "/etc/warren/credentials";

const CREDENTIALS_VOLUME: &str = "credentials";
/// The user `nonroot` of the image, and the group that may write the volume.
const NONROOT: i64 = 65_532;
/// More than the broker takes to say goodbye to its clients; never a week.
const GRACE_SECONDS: i64 = 30;

/// The pod, running `image`.
pub fn pod(cluster: &BrokerCluster, image: &str) -> PodSpec {
    let scheduling = &cluster.spec.scheduling;
    let secrets = &cluster.spec.image_pull_secrets;
    PodSpec {
        containers: vec![container(cluster, image)],
        volumes: Some(volumes(cluster)),
        image_pull_secrets: (!secrets.is_empty()).then(|| secrets.clone()),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(NONROOT),
            run_as_group: Some(NONROOT),
            fs_group: Some(NONROOT),
            fs_group_change_policy: Some("OnRootMismatch".to_owned()),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..Default::default()
            }),
            ..PodSecurityContext::default()
        }),
        node_selector: Some(scheduling.node_selector.clone()).filter(|labels| !labels.is_empty()),
        tolerations: Some(scheduling.tolerations.clone()).filter(|list| !list.is_empty()),
        affinity: Some(scheduling.affinity.clone().unwrap_or_else(|| apart(cluster))),
        topology_spread_constraints: Some(scheduling.topology_spread_constraints.clone())
            .filter(|list| !list.is_empty()),
        priority_class_name: scheduling.priority_class_name.clone(),
        ..PodSpec::default()
    }
}

fn container(cluster: &BrokerCluster, image: &str) -> Container {
    Container {
        name: CONTAINER.to_owned(),
        image: Some(image.to_owned()),
        command: Some(vec!["/usr/local/bin/warren-broker".to_owned()]),
        args: Some(arguments(cluster)),
        env: Some(vec![
            pod_field("POD_NAME", "metadata.name"),
            pod_field("POD_NAMESPACE", "metadata.namespace"),
            pod_field("POD_IP", "status.podIP"),
        ]),
        env_from: Some(vec![EnvFromSource {
            config_map_ref: Some(ConfigMapEnvSource {
                name: names::config_map(cluster),
                optional: None,
            }),
            ..EnvFromSource::default()
        }]),
        ports: Some(ports::of(cluster).into_iter().map(|port| port.of_container()).collect()),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        startup_probe: Some(probes::startup()),
        readiness_probe: Some(probes::readiness()),
        liveness_probe: Some(probes::liveness()),
        resources: Some(cluster.spec.resources.clone().unwrap_or_else(modest)),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(mounts(cluster)),
        ..Container::default()
    }
}

fn volumes(cluster: &BrokerCluster) -> Vec<Volume> {
    let tls = cluster.spec.tls.iter().flat_map(tls::volumes);
    std::iter::once(credentials_volume(cluster)).chain(tls).collect()
}

fn mounts(cluster: &BrokerCluster) -> Vec<VolumeMount> {
    let credentials = VolumeMount {
        name: CREDENTIALS_VOLUME.to_owned(),
        mount_path: CREDENTIALS_DIR.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    let data = VolumeMount {
        name: DATA_VOLUME.to_owned(),
        mount_path: DATA_DIR.to_owned(),
        ..VolumeMount::default()
    };
    let tls = cluster.spec.tls.iter().flat_map(tls::mounts);
    [credentials, data].into_iter().chain(tls).collect()
}

/// The command line. Kubernetes replaces `$(NAME)` by the variable's value.
fn arguments(cluster: &BrokerCluster) -> Vec<String> {
    let mut arguments = vec![
        format!("--listen=$(POD_IP):{}", AMQP.number),
        format!("--management-listen=$(POD_IP):{}", MANAGEMENT.number),
        format!("--metrics-listen=$(POD_IP):{}", METRICS.number),
        format!("--data-dir={DATA_DIR}"),
        format!("--credentials-dir={CREDENTIALS_DIR}"),
        "--node-name=$(POD_NAME)".to_owned(),
        format!("--cluster-name={}", names::cluster(cluster)),
    ];
    arguments.extend(cluster.spec.tls.iter().flat_map(tls::arguments));
    arguments
}

fn pod_field(name: &str, path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector { field_path: path.to_owned(), api_version: None }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

/// The credentials as files. Kubernetes renews them in place, so a new password restarts nothing.
fn credentials_volume(cluster: &BrokerCluster) -> Volume {
    let file =
        |key: &str| KeyToPath { key: key.to_owned(), path: key.to_owned(), ..KeyToPath::default() };
    Volume {
        name: CREDENTIALS_VOLUME.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(names::secret(cluster)),
            items: Some(vec![file("username"), file("password")]),
            default_mode: Some(0o440),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// What a broker asks for when nobody says: little, so that it fits anywhere, and no limit.
fn modest() -> ResourceRequirements {
    let quantities = [("cpu", "100m"), ("memory", "128Mi")];
    ResourceRequirements {
        requests: Some(
            quantities
                .map(|(name, value)| (name.to_owned(), Quantity(value.to_owned())))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        ),
        ..ResourceRequirements::default()
    }
}

/// Brokers of one cluster on different nodes, where there are enough.
fn apart(cluster: &BrokerCluster) -> Affinity {
    let others = PodAffinityTerm {
        topology_key: "kubernetes.io/hostname".to_owned(),
        label_selector: Some(LabelSelector {
            match_labels: Some(labels::selector(cluster)),
            ..LabelSelector::default()
        }),
        ..PodAffinityTerm::default()
    };
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![
                WeightedPodAffinityTerm { weight: 100, pod_affinity_term: others },
            ]),
            ..PodAntiAffinity::default()
        }),
        ..Affinity::default()
    }
}
