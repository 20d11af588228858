//! The patches that replace or merge; server-side apply is in `fields`.

mod strategic;

use json_patch::{Patch, PatchOperation};
use serde_json::Value;

pub(crate) use self::strategic::strategic;
use crate::apiserver::status::{ApiError, Result};

/// Applies an RFC 7386 merge patch.
pub(crate) fn merge(live: &Value, patch: &Value) -> Value {
    let mut patched = live.clone();
    json_patch::merge(&mut patched, patch);
    patched
}

/// Applies an RFC 6902 patch. As in Kubernetes, a `test` for `null` holds where there is nothing.
pub(crate) fn json(live: &Value, patch: &Value) -> Result<Value> {
    let patch: Patch = serde_json::from_value(patch.clone())
        .map_err(|error| ApiError::bad_request(format!("error decoding patch: {error}")))?;
    let mut patched = live.clone();
    for operation in patch.0 {
        if let PatchOperation::Test(test) = &operation
            && test.value.is_null()
            && test.path.resolve(&patched).is_err()
        {
            continue;
        }
        let message = |error| {
            ApiError::unprocessable(format!(
                "the server rejected our request due to an error in our request: {error}"
            ))
        };
        json_patch::patch(&mut patched, &[operation]).map_err(message)?;
    }
    Ok(patched)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_test_for_null_holds_where_there_is_nothing() {
        let patch = json!([
            {"op": "test", "path": "/metadata/finalizers", "value": null},
            {"op": "add", "path": "/metadata/finalizers", "value": ["x"]},
        ]);
        let patched = json(&json!({"metadata": {}}), &patch).unwrap();
        assert_eq!(patched, json!({"metadata": {"finalizers": ["x"]}}));
        let error = json(&patched, &patch).unwrap_err();
        assert_eq!(error.code, 422);
    }

    #[test]
    fn a_merge_patch_removes_with_null() {
        let live = json!({"a": {"b": 1, "c": 2}});
        assert_eq!(merge(&live, &json!({"a": {"b": null}})), json!({"a": {"c": 2}}));
    }
}
