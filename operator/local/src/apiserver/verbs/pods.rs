//! Subresources of pods: `log`, `binding`, `eviction`.

use std::convert::Infallible;

use futures::StreamExt;
use serde_json::json;

use crate::apiserver::{
    exchange::{JSON, Response},
    logs::{LogError, LogRequest},
    meta,
    status::{self, ApiError, Result},
    verbs::{Call, Deletion, delete::remove},
};

impl Call<'_> {
    /// Streams the log of a container.
    pub(super) async fn log(&self) -> Result<Response> {
        let key = self.key()?;
        let pod = self.live(&key)?;
        let params = &self.request.params;
        let containers = pod.value["spec"]["containers"].as_array().map_or(&[][..], Vec::as_slice);
        let names: Vec<&str> = containers.iter().filter_map(|c| c["name"].as_str()).collect();
        let container = params.text("container").map(str::to_owned);
        if let Some(wanted) = container.as_deref().filter(|wanted| !names.contains(wanted)) {
            return Err(ApiError::bad_request(format!(
                "container {wanted} is not valid for pod {}",
                key.name
            )));
        }
        if container.is_none() && names.len() > 1 {
            return Err(ApiError::bad_request(format!(
                "a container name must be specified for pod {}, choose one of: [{}]",
                key.name,
                names.join(" ")
            )));
        }
        let logs = self.api.pod_logs.as_ref().ok_or_else(|| {
            ApiError::internal("nothing that runs containers is attached to this API server")
        })?;
        let request = LogRequest {
            container: container.or_else(|| names.first().map(|&name| name.to_owned())),
            namespace: key.namespace,
            pod: key.name,
            previous: params.flag("previous"),
            follow: params.flag("follow"),
            tail_lines: params.number("tailLines")?,
            limit_bytes: params.number("limitBytes")?,
            since_seconds: params.number("sinceSeconds")?,
            timestamps: params.flag("timestamps"),
        };
        let log = logs.open(request).await.map_err(|error| match error {
            LogError::BadRequest(why) => ApiError::bad_request(why),
            LogError::Unavailable(why) => ApiError::internal(why),
        })?;
        let pieces = log.take_while(|piece| futures::future::ready(piece.is_ok()));
        let pieces = pieces.map(|piece| Ok::<_, Infallible>(piece.unwrap_or_default()));
        Ok(Response::stream("text/plain", pieces.boxed()))
    }

    /// Assigns a pod to a node.
    pub(super) fn bind(&self) -> Result<Response> {
        let key = self.key()?;
        let node = self.document()?["target"]["name"].clone();
        loop {
            let live = self.live(&key)?;
            let mut bound = live.value.clone();
            bound["spec"]["nodeName"] = node.clone();
            if self.store(&key, Some(&live), bound).is_ok() {
                return Ok(Response::json(201, &success()));
            }
        }
    }

    /// Deletes a pod on behalf of a drain.
    pub(super) fn evict(&self) -> Result<Response> {
        let key = self.key()?;
        remove(self.api, &self.resource, &key, &Deletion::default())?;
        Ok(Response::whole(201, JSON, success().to_string()))
    }
}

fn success() -> serde_json::Value {
    let names = status::Names { group: "", plural: "pods", kind: "Pod" };
    let mut status = status::success(names, "", "");
    status["details"] = json!({});
    meta::metadata(&mut status);
    status
}
