//! One policy: `GET`, `PUT` and `DELETE /api/policies/{vhost}/{name}`, and the same of
//! `/api/operator-policies`.

use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;

/// A policy or operator policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The vhost it belongs to. In a request the path says it.
    #[serde(default)]
    pub vhost: String,
    /// Its name. In a request the path says it.
    #[serde(default)]
    pub name: String,
    /// The regular expression that a name must match somewhere.
    pub pattern: String,
    /// `all`, `queues`, `classic_queues`, `quorum_queues`, `streams` or `exchanges`.
    #[serde(default = "all", rename = "apply-to")]
    pub apply_to: String,
    /// Keys and values, as in `{"max-length": 1000}`.
    pub definition: Arguments,
    /// Of several that match, the one with the highest priority applies.
    #[serde(default)]
    pub priority: i64,
}

fn all() -> String {
    "all".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_a_default() {
        let short = r#"{"pattern": "^q", "definition": {"max-length": 7}}"#;
        let policy: Policy = serde_json::from_str(short).unwrap();
        assert_eq!((&*policy.apply_to, policy.priority), ("all", 0));
        let long = serde_json::to_value(&policy).unwrap();
        assert_eq!(long["apply-to"], "all");
        assert_eq!(serde_json::from_value::<Policy>(long).unwrap(), policy);
    }
}
