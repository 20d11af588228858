//! Questions that are answered and not stored: whoever has the token may do everything.

use http::Method;
use serde_json::json;

use crate::apiserver::{
    exchange::Response,
    status::{ApiError, Result},
    verbs::Call,
};

impl Call<'_> {
    /// `SelfSubjectAccessReview` and `SelfSubjectRulesReview`.
    pub(super) fn review(&self) -> Result<Response> {
        if self.request.method != Method::POST || self.target.name.is_some() {
            return Err(ApiError::method_not_allowed());
        }
        let mut review = self.document()?;
        let rule = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]});
        review["status"] = if self.resource.kind == "SelfSubjectRulesReview" {
            json!({
                "incomplete": false,
                "resourceRules": [rule],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            })
        } else {
            json!({"allowed": true, "reason": "the only user may do everything"})
        };
        Ok(Response::json(201, &review))
    }
}
