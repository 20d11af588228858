//! What the API server does for a request.

use std::sync::Arc;

use crate::apiserver::{
    exchange::{Request, Response},
    logs::PodLogs,
    route::Route,
    status::ApiError,
};

/// Everything a request can reach.
pub(crate) struct Api {
    #[expect(dead_code)]
    pod_logs: Option<Arc<dyn PodLogs>>,
}

// === impl Api ===

impl Api {
    /// An empty cluster.
    pub(crate) fn new(pod_logs: Option<Arc<dyn PodLogs>>) -> Self {
        Self { pod_logs }
    }

    /// Answers one request.
    pub(crate) async fn handle(self: &Arc<Self>, request: Request) -> Response {
        match Route::parse(&request.path) {
            Route::Health => Response::whole(200, "text/plain", "ok"),
            _ => ApiError::no_such_path().into(),
        }
    }
}
