//! The garbage collector: objects whose owners are gone, in the background, foreground and orphan ways.
//!
//! It follows the metadata of every kind that the API server serves, and looks again when a
//! CustomResourceDefinition comes or goes. Before anything is deleted, each missing owner is asked
//! for by name, and only an answer that it does not exist, or exists with another uid, counts:
//! the copies here may be behind.

mod plan;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::PartialObjectMeta;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::core::{ApiResource, DynamicObject, ObjectMeta};
use kube::discovery::{Discovery, Scope, verbs};
use kube::runtime::reflector::Store;
use kube::{Api, Client};
use serde_json::json;
use tokio::time::timeout;

use crate::garbage::plan::{Node, Owner, Step, plan};
use crate::watches::{Watches, on_each_change, unless_overtaken};

/// Changes to the set of kinds that come within this time are looked at together.
const SETTLE: Duration = Duration::from_millis(100);
/// Groups whose objects own nothing, are owned by nothing that matters, and change all the time.
const IGNORED: [&str; 2] = ["events.k8s.io", "authorization.k8s.io"];

/// One kind that is followed.
struct Kind {
    resource: ApiResource,
    namespaced: bool,
    objects: Store<PartialObjectMeta<DynamicObject>>,
}

/// One object, with the kind it is of.
struct Object<'a> {
    kind: &'a Kind,
    meta: ObjectMeta,
}

/// Collects, for ever.
pub(crate) async fn run(client: Client) {
    let mut definitions = Watches::new(client.clone());
    let crds = definitions.follow::<CustomResourceDefinition>();
    let mut changed = definitions.changes();
    if crds.wait_until_ready().await.is_err() {
        return;
    }
    loop {
        changed.mark_unchanged();
        tokio::select! {
            () = collect(&client) => {}
            _ = changed.changed() => {}
        }
        // A definition changes a few times before it is established.
        while timeout(SETTLE, changed.changed()).await.is_ok_and(|change| change.is_ok()) {}
    }
}

/// Collects objects of the kinds that exist now.
async fn collect(client: &Client) {
    let mut watches = Watches::new(client.clone());
    let Ok(discovery) = Discovery::new(client.clone()).run().await else { return };
    let mut kinds = Vec::new();
    for group in discovery.groups().filter(|group| !IGNORED.contains(&group.name())) {
        for (resource, capabilities) in group.recommended_resources() {
            let usable = [verbs::LIST, verbs::WATCH, verbs::DELETE]
                .iter()
                .all(|verb| capabilities.supports_operation(verb));
            if usable && !(resource.group.is_empty() && resource.kind == "Event") {
                let objects = watches.follow_metadata(&resource);
                kinds.push(Kind {
                    resource,
                    namespaced: capabilities.scope == Scope::Namespaced,
                    objects,
                });
            }
        }
    }
    for kind in &kinds {
        if kind.objects.wait_until_ready().await.is_err() {
            return;
        }
    }
    on_each_change("garbage", watches.changes(), || pass(client, &kinds)).await;
}

async fn pass(client: &Client, kinds: &[Kind]) -> Result<(), kube::Error> {
    let objects: Vec<Object<'_>> = kinds
        .iter()
        .flat_map(|kind| {
            kind.objects
                .state()
                .into_iter()
                .map(move |object| Object { kind, meta: object.metadata.clone() })
        })
        .collect();
    let nodes: Vec<Node> = objects.iter().map(Object::node).collect();
    let absent = absent(client, kinds, &objects).await?;
    let mut outcome = Ok(());
    for step in plan(&nodes, &absent) {
        outcome = outcome.and(perform(client, &objects, step).await);
    }
    outcome
}

/// The owners that are referred to, not among `objects`, and not at the API server either.
async fn absent(
    client: &Client,
    kinds: &[Kind],
    objects: &[Object<'_>],
) -> Result<HashSet<String>, kube::Error> {
    let known: HashSet<&str> =
        objects.iter().filter_map(|object| object.meta.uid.as_deref()).collect();
    let mut asked: HashMap<&str, bool> = HashMap::new();
    for object in objects {
        for owner in object.meta.owner_references.iter().flatten() {
            if known.contains(owner.uid.as_str()) || asked.contains_key(owner.uid.as_str()) {
                continue;
            }
            let gone = is_gone(client, kinds, owner, object.meta.namespace.as_deref()).await?;
            asked.insert(&owner.uid, gone);
        }
    }
    Ok(asked.into_iter().filter(|(_, gone)| *gone).map(|(uid, _)| uid.to_owned()).collect())
}

async fn is_gone(
    client: &Client,
    kinds: &[Kind],
    owner: &OwnerReference,
    namespace: Option<&str>,
) -> Result<bool, kube::Error> {
    let group = owner.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    let kind =
        kinds.iter().find(|kind| kind.resource.group == group && kind.resource.kind == owner.kind);
    // An owner of an unknown kind is left alone, as Kubernetes does.
    let Some(kind) = kind else { return Ok(false) };
    let found = kind.api(client, namespace).get_metadata_opt(&owner.name).await?;
    Ok(found.is_none_or(|found| found.metadata.uid.as_deref() != Some(&owner.uid)))
}

async fn perform(client: &Client, objects: &[Object<'_>], step: Step) -> Result<(), kube::Error> {
    match step {
        Step::Delete { object, foreground } => {
            let object = &objects[object];
            let params =
                if foreground { DeleteParams::foreground() } else { DeleteParams::background() };
            let uid = object.meta.uid.clone();
            let params = params.preconditions(Preconditions { uid, resource_version: None });
            unless_overtaken(object.api(client).delete(object.name(), &params).await)
        }
        Step::Disown { object, owners } => {
            let object = &objects[object];
            let kept = object
                .meta
                .owner_references
                .iter()
                .flatten()
                .filter(|owner| !owners.contains(&owner.uid));
            let kept: Vec<_> = kept.collect();
            object.patch(client, json!({"ownerReferences": kept})).await
        }
        Step::Finish { object, finalizer } => {
            let object = &objects[object];
            let kept = object.meta.finalizers.iter().flatten().filter(|name| *name != finalizer);
            let kept: Vec<_> = kept.collect();
            object.patch(client, json!({"finalizers": kept})).await
        }
    }
}

// === impl Kind ===

impl Kind {
    fn api(&self, client: &Client, namespace: Option<&str>) -> Api<DynamicObject> {
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource),
            None => Api::all_with(client.clone(), &self.resource),
        }
    }
}

// === impl Object ===

impl Object<'_> {
    fn node(&self) -> Node {
        let owners = self.meta.owner_references.iter().flatten();
        let owners = owners.map(|owner| Owner {
            uid: owner.uid.clone(),
            blocks: owner.block_owner_deletion == Some(true),
        });
        Node {
            uid: self.meta.uid.clone().unwrap_or_default(),
            owners: owners.collect(),
            deleting: self.meta.deletion_timestamp.is_some(),
            finalizers: self.meta.finalizers.clone().unwrap_or_default(),
        }
    }

    fn name(&self) -> &str {
        self.meta.name.as_deref().unwrap_or_default()
    }

    fn api(&self, client: &Client) -> Api<DynamicObject> {
        self.kind.api(client, self.meta.namespace.as_deref())
    }

    /// Writes metadata, unless the object changed since it was looked at: then it comes again.
    async fn patch(
        &self,
        client: &Client,
        mut metadata: serde_json::Value,
    ) -> Result<(), kube::Error> {
        metadata["uid"] = json!(self.meta.uid);
        metadata["resourceVersion"] = json!(self.meta.resource_version);
        let patch = Patch::Merge(json!({"metadata": metadata}));
        unless_overtaken(self.api(client).patch(self.name(), &PatchParams::default(), &patch).await)
    }
}
