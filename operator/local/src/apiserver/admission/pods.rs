//! Pods and pod templates.

use serde_json::{Value, json};

use crate::apiserver::{admission::fill, status::FieldError};

/// Defaults of a pod.
pub(super) fn default_pod(old: Option<&Value>, pod: &mut Value) {
    default_spec(&mut pod["spec"]);
    fill(&mut pod["spec"], "enableServiceLinks", json!(true));
    if old.is_none() {
        pod["status"] = json!({"phase": "Pending", "qosClass": quality(&pod["spec"])});
    }
}

/// Defaults of the `spec` of a pod or of a pod template.
pub(super) fn default_spec(spec: &mut Value) {
    fill(spec, "restartPolicy", json!("Always"));
    fill(spec, "terminationGracePeriodSeconds", json!(30));
    fill(spec, "dnsPolicy", json!("ClusterFirst"));
    fill(spec, "securityContext", json!({}));
    fill(spec, "schedulerName", json!("default-scheduler"));
    for list in ["initContainers", "containers"] {
        if let Some(containers) = spec.get_mut(list).and_then(Value::as_array_mut) {
            containers.iter_mut().for_each(container);
        }
    }
    let volumes = spec.get_mut("volumes").and_then(Value::as_array_mut);
    for volume in volumes.into_iter().flatten() {
        for kind in ["secret", "configMap", "projected"] {
            if volume[kind].is_object() {
                fill(&mut volume[kind], "defaultMode", json!(0o644));
            }
        }
    }
}

fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let moving = image.ends_with(":latest") || !image.contains([':', '@']);
    fill(container, "imagePullPolicy", json!(if moving { "Always" } else { "IfNotPresent" }));
    fill(container, "resources", json!({}));
    fill(container, "terminationMessagePath", json!("/dev/termination-log"));
    fill(container, "terminationMessagePolicy", json!("File"));
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = &mut container[probe];
        let numbers = [
            ("failureThreshold", 3),
            ("periodSeconds", 10),
            ("successThreshold", 1),
            ("timeoutSeconds", 1),
        ];
        for (field, number) in numbers {
            fill(probe, field, json!(number));
        }
        if let Some(http) = probe.get_mut("httpGet") {
            fill(http, "scheme", json!("HTTP"));
            fill(http, "path", json!("/"));
        }
    }
    for variable in container["env"].as_array_mut().into_iter().flatten() {
        if let Some(field) = variable["valueFrom"].get_mut("fieldRef") {
            fill(field, "apiVersion", json!("v1"));
        }
    }
}

/// How the pod's memory is guarded: `BestEffort` asks for nothing, `Guaranteed` gets what it is
/// limited to.
fn quality(spec: &Value) -> &'static str {
    let containers = spec["containers"].as_array().map_or(&[][..], Vec::as_slice);
    let set = |container: &Value, field: &str| {
        container["resources"][field].as_object().is_some_and(|map| !map.is_empty())
    };
    let guaranteed = |container: &Value| {
        let resources = &container["resources"];
        let limits = &resources["limits"];
        ["cpu", "memory"].iter().all(|name| {
            let asked = resources["requests"].get(*name).unwrap_or(&limits[*name]);
            !limits[*name].is_null() && *asked == limits[*name]
        })
    };
    if !containers.iter().any(|c| set(c, "requests") || set(c, "limits")) {
        "BestEffort"
    } else if containers.iter().all(guaranteed) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// What no kubelet could run.
pub(super) fn check_pod(pod: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let containers = pod["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
    if containers.is_empty() {
        errors.push(FieldError::required("spec.containers", ""));
    }
    errors
}
