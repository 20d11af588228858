//! The CustomResourceDefinitions: derived from the types, then made plain.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;

use crate::{binding::Binding, cluster::BrokerCluster, exchange::Exchange, queue::Queue};

/// Every definition, in the order in which they are best applied.
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![
        plain(BrokerCluster::crd()),
        plain(Exchange::crd()),
        plain(Queue::crd()),
        plain(Binding::crd()),
    ]
}

/// The definitions as files: name and YAML of each, as `crds/` holds them.
///
/// # Errors
///
/// None in practice: YAML can express every definition.
pub fn files() -> Result<Vec<(String, String)>, serde_yaml::Error> {
    crds()
        .iter()
        .map(|crd| Ok((format!("{}.yaml", crd.spec.names.plural), serde_yaml::to_string(crd)?)))
        .collect()
}

/// The definitions as one YAML stream, for `kubectl apply --server-side -f -`.
///
/// # Errors
///
/// As [`files`].
pub fn yaml() -> Result<String, serde_yaml::Error> {
    Ok(files()?.into_iter().map(|(_, yaml)| format!("---\n{yaml}")).collect())
}

/// A definition without the traces of Rust: an optional field may be left out, but is never null
/// (the API server then drops a null and puts the default in its place), and no format that
/// Kubernetes does not know.
fn plain(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        if let Some(schema) =
            version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut())
        {
            tidy(schema);
        }
    }
    crd
}

fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(description) = &mut schema.description {
        *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        tidy(property);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => tidy(item),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(tidy),
        None => {}
    }
}

#[cfg(test)]
mod tests;
