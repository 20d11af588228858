//! `delete` and `deletecollection`.
//!
//! ```text
//!  live ── nothing holds it ─────────────────────────────────▶ gone
//!    └──── finalizers, or a grace period (pods) ──▶ deletionTimestamp set ──▶ gone with the last
//! ```

use std::sync::Arc;

use serde_json::{Value, json};

use crate::apiserver::{
    catalog::Resource,
    crd,
    exchange::Response,
    meta,
    query::Params,
    status::{self, ApiError, Result},
    store::{Key, Object},
    verbs::{Api, Call, list_metadata, shown::shown},
};

/// How something is to be deleted: `DeleteOptions`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Deletion {
    grace_seconds: Option<i64>,
    uid: Option<String>,
    version: Option<String>,
    propagation: Option<String>,
    dry_run: bool,
}

/// What became of a deletion.
pub(crate) enum Removed {
    /// The object is gone; this was its last state.
    Gone(Arc<Object>),
    /// The object waits for something.
    Waiting(Arc<Object>),
}

/// Deletes one object as `deletion` says.
pub(crate) fn remove(
    api: &Api,
    resource: &Resource,
    key: &Key,
    deletion: &Deletion,
) -> Result<Removed> {
    loop {
        let live = api.store.get(&resource.table, key);
        let live = live.ok_or_else(|| ApiError::not_found(resource.names(), &key.name))?;
        deletion.check(resource, &live)?;
        let marked = deletion.mark(resource, &live.value);
        if deletion.dry_run {
            return Ok(match marked {
                Some(_) => Removed::Waiting(live),
                None => Removed::Gone(live),
            });
        }
        match marked {
            Some(marked) if marked == live.value => return Ok(Removed::Waiting(live)),
            Some(marked) => {
                let expected = Some(live.revision);
                if let Ok(marked) = api.store.commit(&resource.table, key, expected, Some(marked)) {
                    return Ok(Removed::Waiting(marked));
                }
            }
            None => {
                if let Ok(last) = api.store.commit(&resource.table, key, Some(live.revision), None)
                {
                    return Ok(Removed::Gone(last));
                }
            }
        }
    }
}

// === impl Deletion ===

impl Deletion {
    fn parse(body: &Value, params: &Params) -> Result<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let named = params.text("propagationPolicy").map(str::to_owned);
        let orphan = (body["orphanDependents"] == true).then(|| "Orphan".to_owned());
        let given = params.number("gracePeriodSeconds")?.and_then(|n| i64::try_from(n).ok());
        let propagation = text(&body["propagationPolicy"]).or(named).or(orphan);
        if let Some(policy) = &propagation
            && !matches!(policy.as_str(), "Orphan" | "Background" | "Foreground")
        {
            return Err(ApiError::bad_request(format!(
                "invalid propagationPolicy {policy:?}: must be Orphan, Background or Foreground"
            )));
        }
        Ok(Self {
            grace_seconds: body["gracePeriodSeconds"].as_i64().or(given),
            uid: text(&body["preconditions"]["uid"]),
            version: text(&body["preconditions"]["resourceVersion"]),
            propagation,
            dry_run: params.dry_run()? || body["dryRun"].as_array().is_some_and(|d| !d.is_empty()),
        })
    }

    fn check(&self, resource: &Resource, live: &Object) -> Result<()> {
        let name = meta::text(&live.value, "name");
        let uid = meta::text(&live.value, "uid");
        if resource.table == "/namespaces" && super::NAMESPACES.contains(&name) {
            let why = "this namespace may not be deleted";
            return Err(ApiError::forbidden(resource.names(), name, why));
        }
        if let Some(wanted) = self.uid.as_deref().filter(|wanted| *wanted != uid) {
            let why = format!(
                "Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"
            );
            return Err(ApiError::conflict(resource.names(), name, &why));
        }
        let version = live.revision.to_string();
        if let Some(wanted) = self.version.as_deref().filter(|wanted| *wanted != version) {
            let why = format!(
                "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion \
                 in object meta: {version}"
            );
            return Err(ApiError::conflict(resource.names(), name, &why));
        }
        Ok(())
    }

    /// The object with its deletion recorded, or `None` when it can go at once.
    fn mark(&self, resource: &Resource, live: &Value) -> Option<Value> {
        let mut finalizers: Vec<&str> = meta::finalizers(live);
        let policies = [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")];
        if let Some(propagation) = &self.propagation {
            finalizers.retain(|f| !policies.iter().any(|(_, finalizer)| f == finalizer));
            let added = policies.iter().filter(|(policy, _)| policy == propagation);
            finalizers.extend(added.map(|(_, finalizer)| *finalizer));
        }
        let grace = self.grace(resource, live);
        let namespace = resource.table == "/namespaces"
            && live["spec"]["finalizers"].as_array().is_some_and(|list| !list.is_empty());
        if finalizers.is_empty() && grace == 0 && !namespace {
            return None;
        }
        let mut marked = live.clone();
        let metadata = meta::metadata(&mut marked);
        if finalizers.is_empty() {
            metadata.remove("finalizers");
        } else {
            metadata.insert("finalizers".into(), json!(finalizers));
        }
        if !meta::deleting(live) {
            metadata.insert("deletionTimestamp".into(), json!(meta::after(grace)));
            if resource.counts {
                metadata.insert("generation".into(), json!(meta::generation(live) + 1));
            }
        }
        if resource.table == "/pods" || !meta::deleting(live) {
            metadata.insert("deletionGracePeriodSeconds".into(), json!(grace));
        }
        if namespace {
            marked["status"]["phase"] = json!("Terminating");
        }
        Some(marked)
    }

    /// Seconds that a pod's containers may take to end; nothing else is graceful.
    fn grace(&self, resource: &Resource, live: &Value) -> i64 {
        let unassigned = live["spec"]["nodeName"].as_str().is_none_or(str::is_empty);
        let ended = matches!(live["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        if resource.table != "/pods" || unassigned || ended {
            return 0;
        }
        let wanted = live["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
        let grace = self.grace_seconds.unwrap_or(wanted).max(0);
        match live["metadata"]["deletionGracePeriodSeconds"].as_i64() {
            Some(before) if meta::deleting(live) => {
                // A second request may shorten the wait, never lengthen it.
                if self.grace_seconds.is_some() { grace.min(before) } else { before }
            }
            _ => grace,
        }
    }
}

impl Call<'_> {
    fn deletion(&self) -> Result<Deletion> {
        let body = if self.request.body.is_empty() { json!({}) } else { self.document()? };
        Deletion::parse(&body, &self.request.params)
    }

    /// Deletes the named object.
    pub(super) fn delete(&self) -> Result<Response> {
        let key = self.key()?;
        match remove(self.api, &self.resource, &key, &self.deletion()?)? {
            Removed::Waiting(object) => self.respond(200, &object),
            Removed::Gone(object) if self.resource.table == "/pods" => self.respond(200, &object),
            Removed::Gone(object) => {
                self.stop_serving(&object.value);
                let uid = meta::text(&object.value, "uid");
                let status = status::success(self.resource.names(), &key.name, uid);
                Ok(Response::json(200, &status))
            }
        }
    }

    fn stop_serving(&self, last: &Value) {
        if self.resource.table == crd::TABLE {
            self.api.stop_serving(last);
        }
    }

    /// Deletes everything that is selected.
    pub(super) fn delete_collection(&self) -> Result<Response> {
        let (selector, deletion) = (self.selector()?, self.deletion()?);
        let namespace = self.target.namespace.as_deref();
        let listing = self.api.store.list(&self.resource.table, namespace, None);
        let mut items = Vec::new();
        for (key, object) in listing.objects {
            if !selector.matches(&shown(&self.resource, &object)) {
                continue;
            }
            match remove(self.api, &self.resource, &key, &deletion) {
                Ok(Removed::Gone(object)) => {
                    self.stop_serving(&object.value);
                    items.push(shown(&self.resource, &object).into_owned());
                }
                Ok(Removed::Waiting(object)) => {
                    items.push(shown(&self.resource, &object).into_owned());
                }
                Err(error) if error.code == 404 => {}
                Err(error) => return Err(error),
            }
        }
        let list = json!({
            "kind": self.resource.list_kind,
            "apiVersion": self.resource.api_version(),
            "metadata": list_metadata(self.api.store.revision()),
            "items": items,
        });
        Ok(Response::json(200, &list))
    }
}
