//! CustomResourceDefinitions: from the definition to kinds that are served.

use serde_json::{Value, json};

use crate::apiserver::{
    catalog::{Resource, Scale, columns::Column, definitions, priority},
    meta,
    schema::{Rules, Schema, SchemaError},
    status::FieldError,
};

/// Keeps a definition until its objects are gone.
pub(crate) const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Where definitions are stored.
pub(crate) const TABLE: &str = "apiextensions.k8s.io/customresourcedefinitions";

/// The kinds of a definition, one a served version; or everything that is wrong with it.
pub(crate) fn compile(definition: &Value) -> Result<Vec<Resource>, Vec<FieldError>> {
    let spec = &definition["spec"];
    let mut errors = check(definition);
    let mut resources = Vec::new();
    for (index, version) in spec["versions"].as_array().into_iter().flatten().enumerate() {
        match resource(spec, version) {
            Ok(resource) if version["served"] == true => resources.push(resource),
            Ok(_) => {}
            Err(error) => {
                let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
                let path =
                    if error.path.is_empty() { path } else { format!("{path}.{}", error.path) };
                errors.push(FieldError::invalid(path, &Value::Null, &error.why));
            }
        }
    }
    if errors.is_empty() { Ok(resources) } else { Err(errors) }
}

/// Defaults of a definition: names that follow from the kind, and the conversion strategy.
pub(crate) fn default(definition: &mut Value) {
    let spec = &mut definition["spec"];
    let kind = spec["names"]["kind"].as_str().unwrap_or_default().to_owned();
    if spec["names"].is_object() {
        if spec["names"]["singular"].is_null() {
            spec["names"]["singular"] = json!(kind.to_lowercase());
        }
        if spec["names"]["listKind"].is_null() {
            spec["names"]["listKind"] = json!(format!("{kind}List"));
        }
    }
    if spec.is_object() && spec["conversion"].is_null() {
        spec["conversion"] = json!({"strategy": "None"});
    }
}

/// Status of a definition that is served: names accepted, established.
pub(crate) fn established(definition: &Value) -> Value {
    let spec = &definition["spec"];
    let old = &definition["status"];
    let condition = |kind: &str, reason: &str, message: &str| {
        let mut known = old["conditions"].as_array().into_iter().flatten();
        let known = known.find(|c| c["type"] == kind && c["status"] == "True");
        let since = known.map_or_else(meta::now, |c| {
            c["lastTransitionTime"].as_str().unwrap_or_default().to_owned()
        });
        json!({
            "type": kind, "status": "True", "reason": reason, "message": message,
            "lastTransitionTime": since,
        })
    };
    let versions = spec["versions"].as_array().into_iter().flatten();
    let stored: Vec<&Value> =
        versions.filter(|version| version["storage"] == true).map(|v| &v["name"]).collect();
    json!({
        "acceptedNames": spec["names"],
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "storedVersions": stored,
    })
}

fn check(definition: &Value) -> Vec<FieldError> {
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut errors = Vec::new();
    let wanted = format!("{}.{}", text(&spec["names"]["plural"]), text(&spec["group"]));
    if meta::text(definition, "name") != wanted {
        let name = &definition["metadata"]["name"];
        let why = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", name, why));
    }
    if !matches!(spec["scope"].as_str(), Some("Namespaced" | "Cluster")) {
        let allowed = [json!("Cluster"), json!("Namespaced")];
        errors.push(FieldError::not_supported("spec.scope", &spec["scope"], &allowed));
    }
    let versions = spec["versions"].as_array().map_or(&[][..], Vec::as_slice);
    if versions.iter().filter(|version| version["storage"] == true).count() != 1 {
        let why = "must have exactly one version marked as storage version";
        errors.push(FieldError::invalid("spec.versions", &json!([]), why));
    }
    for (index, version) in versions.iter().enumerate() {
        if !version["schema"]["openAPIV3Schema"].is_object() {
            let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
            errors.push(FieldError::required(path, "schemas are required"));
        }
    }
    errors
}

fn resource(spec: &Value, version: &Value) -> Result<Resource, SchemaError> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let names = &spec["names"];
    let (group, kind, plural) =
        (text(&spec["group"]), text(&names["kind"]), text(&names["plural"]));
    let version_name = text(&version["name"]);
    let document = &version["schema"]["openAPIV3Schema"];
    let mut schema = Schema::parse(document, &())?;
    let metadata = definitions().schema("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");
    schema.properties.insert("metadata".into(), metadata);
    for name in ["apiVersion", "kind"] {
        schema.properties.entry(name.into()).or_default();
    }
    let scale = &version["subresources"]["scale"];
    let reversed: Vec<&str> = group.split('.').rev().collect();
    Ok(Resource {
        singular: text(&names["singular"]),
        list_kind: text(&names["listKind"]),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        rules: Rules::compile(document, &group, &version_name, &kind)?,
        schema: schema.into(),
        status: version["subresources"]["status"].is_object(),
        scale: scale.is_object().then(|| Scale {
            spec: text(&scale["specReplicasPath"]),
            status: text(&scale["statusReplicasPath"]),
            selector: scale["labelSelectorPath"].as_str().map(str::to_owned),
        }),
        extra: &[],
        columns: Column::of_version(version),
        table: format!("{group}/{plural}"),
        definition: format!("{}.{version_name}.{kind}", reversed.join(".")),
        document: Some(document.clone()),
        ephemeral: false,
        counts: true,
        version: version_name,
        group,
        kind,
        plural,
    })
}

/// The version in which objects of a definition are shown when nobody asked for another.
pub(crate) fn preferred_version(definition: &Value) -> Option<String> {
    let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
    let served = versions.filter(|version| version["served"] == true);
    served
        .filter_map(|version| version["name"].as_str())
        .max_by_key(|v| priority(v))
        .map(str::to_owned)
}
