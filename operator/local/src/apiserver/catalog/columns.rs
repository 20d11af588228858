//! Columns of a custom resource: `additionalPrinterColumns`.

use serde_json::{Value, json};

use crate::apiserver::jsonpath::JsonPath;

/// One column of `kubectl get`.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// The heading.
    pub(crate) name: String,
    /// As in `string`, `integer`, `date`.
    pub(crate) kind: String,
    /// As in `name`.
    pub(crate) format: String,
    /// For `kubectl explain` and the like.
    pub(crate) description: String,
    /// 0 is always shown, more only with `-o wide`.
    pub(crate) priority: i64,
    path: JsonPath,
}

// === impl Column ===

impl Column {
    /// The columns of one version; `Age` alone when it names none.
    pub(crate) fn of_version(version: &Value) -> Vec<Self> {
        let listed = version["additionalPrinterColumns"].as_array();
        let columns: Vec<Self> = listed.into_iter().flatten().filter_map(Self::parse).collect();
        if !columns.is_empty() {
            return columns;
        }
        let age = json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"});
        Self::parse(&age).into_iter().collect()
    }

    fn parse(column: &Value) -> Option<Self> {
        let text = |name: &str| column[name].as_str().unwrap_or_default().to_owned();
        Some(Self {
            name: text("name"),
            kind: text("type"),
            format: text("format"),
            description: text("description"),
            priority: column["priority"].as_i64().unwrap_or(0),
            path: JsonPath::parse(&text("jsonPath"))?,
        })
    }

    /// What the column holds for `object`; several values are joined by commas.
    pub(crate) fn value(&self, object: &Value) -> Value {
        let found = self.path.find(object);
        match found.as_slice() {
            [] => Value::Null,
            [one] => (*one).clone(),
            several => {
                let text = |value: &&Value| match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                Value::String(several.iter().map(text).collect::<Vec<_>>().join(","))
            }
        }
    }
}
