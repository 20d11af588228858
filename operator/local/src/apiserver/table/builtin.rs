//! Columns of the built-in kinds.

use serde_json::{Value, json};

use crate::apiserver::{
    catalog::Resource,
    table::{Head, age},
};

/// A column and how its cells are made.
pub(super) struct Column {
    pub(super) head: Head,
    pub(super) cell: fn(&Value) -> Value,
}

/// The columns of a built-in kind; `None` for custom resources.
pub(super) fn find(resource: &Resource) -> Option<Vec<Column>> {
    if resource.is_custom() {
        return None;
    }
    let mut columns = vec![text("Name", |o| o["metadata"]["name"].clone())];
    columns.extend(match resource.kind.as_str() {
        "Event" => return Some(events()),
        "Pod" => pods(),
        "Service" => services(),
        "StatefulSet" => vec![
            text("Ready", |o| ready(&o["status"]["readyReplicas"], &o["spec"]["replicas"])),
            age_column(),
            wide("Containers", |o| containers(o, "name")),
            wide("Images", |o| containers(o, "image")),
        ],
        "Deployment" => vec![
            text("Ready", |o| ready(&o["status"]["readyReplicas"], &o["spec"]["replicas"])),
            number("Up-to-date", |o| count(&o["status"]["updatedReplicas"])),
            number("Available", |o| count(&o["status"]["availableReplicas"])),
            age_column(),
            wide("Containers", |o| containers(o, "name")),
            wide("Images", |o| containers(o, "image")),
        ],
        "ReplicaSet" => vec![
            number("Desired", |o| count(&o["spec"]["replicas"])),
            number("Current", |o| count(&o["status"]["replicas"])),
            number("Ready", |o| count(&o["status"]["readyReplicas"])),
            age_column(),
        ],
        "Namespace" => vec![text("Status", |o| o["status"]["phase"].clone()), age_column()],
        "ConfigMap" => vec![number("Data", |o| json!(entries(&o["data"]))), age_column()],
        "Secret" => vec![
            text("Type", |o| o["type"].clone()),
            number("Data", |o| json!(entries(&o["data"]))),
            age_column(),
        ],
        "ServiceAccount" => {
            vec![number("Secrets", |o| json!(entries(&o["secrets"]))), age_column()]
        }
        "PersistentVolumeClaim" => claims(),
        "PodDisruptionBudget" => budgets(),
        "Lease" => vec![text("Holder", |o| o["spec"]["holderIdentity"].clone()), age_column()],
        "Node" => vec![
            text("Status", |o| json!(if condition(o, "Ready") { "Ready" } else { "NotReady" })),
            text("Roles", |_| json!("<none>")),
            age_column(),
            text("Version", |o| o["status"]["nodeInfo"]["kubeletVersion"].clone()),
        ],
        "Endpoints" => vec![text("Endpoints", endpoints), age_column()],
        "EndpointSlice" => vec![
            text("AddressType", |o| o["addressType"].clone()),
            text("Ports", |o| join(&o["ports"], |port| port["port"].to_string())),
            text("Endpoints", |o| join(&o["endpoints"], |e| plain(&e["addresses"][0]))),
            age_column(),
        ],
        _ => vec![text("Created At", |o| o["metadata"]["creationTimestamp"].clone())],
    });
    Some(columns)
}

fn column(
    name: &'static str,
    kind: &'static str,
    priority: i64,
    cell: fn(&Value) -> Value,
) -> Column {
    Column { head: Head { name, kind, priority }, cell }
}

fn text(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    column(name, "string", 0, cell)
}

fn number(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    column(name, "integer", 0, cell)
}

fn wide(name: &'static str, cell: fn(&Value) -> Value) -> Column {
    column(name, "string", 1, cell)
}

fn age_column() -> Column {
    text("Age", |o| json!(age::since(&o["metadata"]["creationTimestamp"])))
}

fn pods() -> Vec<Column> {
    vec![
        text("Ready", |o| {
            let statuses = o["status"]["containerStatuses"].as_array();
            let ready = statuses.into_iter().flatten().filter(|s| s["ready"] == true).count();
            json!(format!("{ready}/{}", entries(&o["spec"]["containers"])))
        }),
        text("Status", |o| json!(pod_status(o))),
        text("Restarts", |o| json!(restarts(o))),
        age_column(),
        wide("IP", |o| or_none(&o["status"]["podIP"])),
        wide("Node", |o| or_none(&o["spec"]["nodeName"])),
        wide("Nominated Node", |_| json!("<none>")),
        wide("Readiness Gates", |_| json!("<none>")),
    ]
}

fn services() -> Vec<Column> {
    vec![
        text("Type", |o| o["spec"]["type"].clone()),
        text("Cluster-IP", |o| or_none(&o["spec"]["clusterIP"])),
        text("External-IP", |o| or_none(&o["status"]["loadBalancer"]["ingress"][0]["ip"])),
        text("Port(s)", |o| {
            join(&o["spec"]["ports"], |p| format!("{}/{}", p["port"], plain(&p["protocol"])))
        }),
        age_column(),
        wide("Selector", |o| {
            let labels = o["spec"]["selector"].as_object().into_iter().flatten();
            let pairs: Vec<String> = labels.map(|(k, v)| format!("{k}={}", plain(v))).collect();
            json!(if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") })
        }),
    ]
}

fn claims() -> Vec<Column> {
    vec![
        text("Status", |o| {
            let deleting = !o["metadata"]["deletionTimestamp"].is_null();
            if deleting { json!("Terminating") } else { o["status"]["phase"].clone() }
        }),
        text("Volume", |o| json!(plain(&o["spec"]["volumeName"]))),
        text("Capacity", |o| json!(plain(&o["status"]["capacity"]["storage"]))),
        text("Access Modes", |o| join(&o["spec"]["accessModes"], short_mode)),
        text("StorageClass", |o| json!(plain(&o["spec"]["storageClassName"]))),
        age_column(),
    ]
}

fn budgets() -> Vec<Column> {
    vec![
        text("Min Available", |o| or_na(&o["spec"]["minAvailable"])),
        text("Max Unavailable", |o| or_na(&o["spec"]["maxUnavailable"])),
        number("Allowed Disruptions", |o| count(&o["status"]["disruptionsAllowed"])),
        age_column(),
    ]
}

fn events() -> Vec<Column> {
    let last = |o: &Value| {
        let times = [
            &o["series"]["lastObservedTime"],
            &o["lastTimestamp"],
            &o["eventTime"],
            &o["deprecatedLastTimestamp"],
            &o["metadata"]["creationTimestamp"],
        ];
        let time = times.into_iter().find(|time| time.is_string()).cloned().unwrap_or_default();
        json!(age::since(&time))
    };
    let object = |o: &Value| {
        let about = if o["regarding"].is_object() { &o["regarding"] } else { &o["involvedObject"] };
        json!(format!("{}/{}", plain(&about["kind"]).to_lowercase(), plain(&about["name"])))
    };
    let message =
        |o: &Value| json!(plain(if o["note"].is_string() { &o["note"] } else { &o["message"] }));
    vec![
        text("Last Seen", last),
        text("Type", |o| o["type"].clone()),
        text("Reason", |o| o["reason"].clone()),
        text("Object", object),
        text("Message", message),
        wide("Name", |o| o["metadata"]["name"].clone()),
    ]
}

/// What `kubectl` calls the status of a pod: the most telling of phase and container states.
fn pod_status(pod: &Value) -> String {
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return "Terminating".to_owned();
    }
    let mut status = plain(&pod["status"]["phase"]);
    if let Some(reason) = pod["status"]["reason"].as_str() {
        status = reason.to_owned();
    }
    for container in pod["status"]["containerStatuses"].as_array().into_iter().flatten().rev() {
        let state = &container["state"];
        for kind in ["waiting", "terminated"] {
            if let Some(reason) = state[kind]["reason"].as_str() {
                status = reason.to_owned();
            }
        }
    }
    status
}

fn restarts(pod: &Value) -> String {
    let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let (mut total, mut last) = (0, Value::Null);
    for status in statuses {
        total += status["restartCount"].as_i64().unwrap_or(0);
        let finished = &status["lastState"]["terminated"]["finishedAt"];
        if finished.as_str() > last.as_str() {
            last = finished.clone();
        }
    }
    if total > 0 && last.is_string() {
        return format!("{total} ({} ago)", age::since(&last));
    }
    total.to_string()
}

fn ready(have: &Value, want: &Value) -> Value {
    json!(format!("{}/{}", have.as_i64().unwrap_or(0), want.as_i64().unwrap_or(1)))
}

fn count(value: &Value) -> Value {
    json!(value.as_i64().unwrap_or(0))
}

fn entries(value: &Value) -> usize {
    value.as_object().map_or_else(|| value.as_array().map_or(0, Vec::len), serde_json::Map::len)
}

fn condition(object: &Value, kind: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.into_iter().any(|c| c["type"] == kind && c["status"] == "True")
}

fn containers(object: &Value, field: &str) -> Value {
    let list = object["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten();
    json!(list.map(|container| plain(&container[field])).collect::<Vec<_>>().join(","))
}

fn endpoints(object: &Value) -> Value {
    let mut found = Vec::new();
    for subset in object["subsets"].as_array().into_iter().flatten() {
        for address in subset["addresses"].as_array().into_iter().flatten() {
            for port in subset["ports"].as_array().into_iter().flatten() {
                found.push(format!("{}:{}", plain(&address["ip"]), port["port"]));
            }
        }
    }
    json!(if found.is_empty() { "<none>".to_owned() } else { found.join(",") })
}

fn join(list: &Value, show: impl Fn(&Value) -> String) -> Value {
    let entries = list.as_array().map_or(&[][..], Vec::as_slice);
    let shown: Vec<String> = entries.iter().map(show).collect();
    json!(if shown.is_empty() { "<none>".to_owned() } else { shown.join(",") })
}

fn short_mode(mode: &Value) -> String {
    match plain(mode).as_str() {
        "ReadWriteOnce" => "RWO".to_owned(),
        "ReadOnlyMany" => "ROX".to_owned(),
        "ReadWriteMany" => "RWX".to_owned(),
        "ReadWriteOncePod" => "RWOP".to_owned(),
        other => other.to_owned(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn or_none(value: &Value) -> Value {
    let shown = plain(value);
    json!(if shown.is_empty() { "<none>".to_owned() } else { shown })
}

fn or_na(value: &Value) -> Value {
    if value.is_null() { json!("N/A") } else { json!(plain(value)) }
}
