//! StatefulSets and Deployments.

use serde_json::{Value, json};

use crate::apiserver::{
    admission::{fill, pods},
    status::FieldError,
};

/// What may change in the `spec` of a StatefulSet.
const STATEFUL_SET_MUTABLE: &[&str] = &[
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// Defaults of a StatefulSet.
pub(super) fn stateful_set(object: &mut Value) {
    let spec = &mut object["spec"];
    fill(spec, "replicas", json!(1));
    fill(spec, "podManagementPolicy", json!("OrderedReady"));
    fill(spec, "revisionHistoryLimit", json!(10));
    fill(spec, "updateStrategy", json!({"type": "RollingUpdate"}));
    fill(&mut spec["updateStrategy"], "type", json!("RollingUpdate"));
    if spec["updateStrategy"]["type"] == "RollingUpdate" {
        fill(&mut spec["updateStrategy"], "rollingUpdate", json!({"partition": 0}));
    }
    let retain = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
    fill(spec, "persistentVolumeClaimRetentionPolicy", retain);
    pods::default_spec(&mut spec["template"]["spec"]);
    for claim in spec["volumeClaimTemplates"].as_array_mut().into_iter().flatten() {
        fill(claim, "apiVersion", json!("v1"));
        fill(claim, "kind", json!("PersistentVolumeClaim"));
        fill(&mut claim["spec"], "volumeMode", json!("Filesystem"));
    }
}

/// Defaults of a Deployment.
pub(super) fn deployment(object: &mut Value) {
    let spec = &mut object["spec"];
    fill(spec, "replicas", json!(1));
    fill(spec, "revisionHistoryLimit", json!(10));
    fill(spec, "progressDeadlineSeconds", json!(600));
    fill(spec, "strategy", json!({"type": "RollingUpdate"}));
    fill(&mut spec["strategy"], "type", json!("RollingUpdate"));
    if spec["strategy"]["type"] == "RollingUpdate" {
        let quarter = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
        fill(&mut spec["strategy"], "rollingUpdate", quarter);
    }
    pods::default_spec(&mut spec["template"]["spec"]);
}

/// Selector and template must agree; most of a StatefulSet never changes.
pub(super) fn check(kind: &str, old: Option<&Value>, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let spec = &object["spec"];
    let labels = &spec["template"]["metadata"]["labels"];
    let selected = spec["selector"]["matchLabels"].as_object().into_iter().flatten();
    for (key, value) in selected {
        if labels[key.as_str()] != *value {
            let why = "`selector` does not match template `labels`";
            errors.push(FieldError::invalid("spec.template.metadata.labels", labels, why));
            break;
        }
    }
    let Some(old) = old else { return errors };
    if kind == "StatefulSet" {
        let frozen = |spec: &Value| {
            let mut spec = spec.as_object().cloned().unwrap_or_default();
            spec.retain(|field, _| !STATEFUL_SET_MUTABLE.contains(&field.as_str()));
            spec
        };
        if frozen(&old["spec"]) != frozen(spec) {
            let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', \
                       'template', 'updateStrategy', 'revisionHistoryLimit', \
                       'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
            errors.push(FieldError::forbidden("spec", why));
        }
    } else if old["spec"]["selector"] != spec["selector"] {
        let why = "field is immutable";
        errors.push(FieldError::invalid("spec.selector", &spec["selector"], why));
    }
    errors
}
