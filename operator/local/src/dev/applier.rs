//! Making the API server hold what the manifests say.
//!
//! Server-side apply as field manager `warren-dev`, namespaces and definitions before everything
//! else. A manifest is applied again only when it changed, or when it was refused. What no
//! manifest asks for any more is deleted, unless the file it came from cannot be read just now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::discovery::{ApiCapabilities, Scope, pinned_kind};
use kube::runtime::{conditions, wait::await_condition};
use kube::{Client, Resource, ResourceExt};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::dev::manifest::{Loaded, Manifest, Problem};

/// Field manager of everything that comes from a manifest.
const MANAGER: &str = "warren-dev";
/// How long a definition may take to be served.
const ESTABLISH: Duration = Duration::from_secs(10);

/// An object, whatever version of its kind a manifest speaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) group: String,
    pub(super) kind: String,
    /// Empty for an object of the whole cluster.
    pub(super) namespace: String,
    pub(super) name: String,
}

/// A kind as the API server serves it.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) resource: ApiResource,
    pub(super) namespaced: bool,
    pub(super) has_status: bool,
}

/// An object that was put there for a manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Applied {
    version: String,
    file: PathBuf,
    /// What was applied last, if it was accepted.
    #[serde(skip)]
    accepted: Option<DynamicObject>,
    /// Why it was not accepted.
    #[serde(skip)]
    refused: Option<String>,
}

/// What came of bringing the API server up to date.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) problems: Vec<Problem>,
    /// Things done that nobody asked for in so many words.
    pub(super) remarks: Vec<String>,
}

/// Applies, remembers what it applied, and deletes what is no longer asked for.
pub(super) struct Applier {
    client: Client,
    kinds: BTreeMap<(String, String), Served>,
    applied: BTreeMap<Key, Applied>,
    /// Where `applied` outlives this process.
    record: Option<PathBuf>,
}

// === impl Applier ===

impl Applier {
    /// Goes on from `record`, if there is one.
    pub(super) fn new(client: Client, record: Option<PathBuf>) -> Self {
        let text = record.as_ref().and_then(|path| std::fs::read_to_string(path).ok());
        let applied: Vec<(Key, Applied)> =
            text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { client, kinds: BTreeMap::new(), applied: applied.into_iter().collect(), record }
    }

    /// Everything that manifests ask for, with its kind.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (&Key, Option<&Served>)> {
        self.applied.iter().map(|(key, applied)| {
            let kind = (version_of(&key.group, &applied.version), key.kind.clone());
            (key, self.kinds.get(&kind))
        })
    }

    /// Why what the manifest says of `key` was not accepted, if it was not.
    pub(super) fn refusal(&self, key: &Key) -> Option<&str> {
        self.applied.get(key)?.refused.as_deref()
    }

    /// Applies what is new or changed and deletes what is no longer there.
    pub(super) async fn sync(&mut self, loaded: &Loaded) -> Outcome {
        let mut outcome = Outcome { problems: loaded.problems.clone(), ..Outcome::default() };
        let mut manifests: Vec<&Manifest> = loaded.manifests.iter().collect();
        manifests.sort_by_key(|manifest| rank(&manifest.object));
        let mut wanted = BTreeMap::new();
        for manifest in manifests {
            match self.key(&manifest.object).await {
                Ok((key, served)) => {
                    if let Some(first) = wanted.insert(key.clone(), &manifest.source) {
                        let message = format!("{} {} is already in {first}", key.kind, key.name);
                        outcome.problem(&manifest.source.to_string(), message);
                        continue;
                    }
                    if let Err(message) = self.apply(&key, &served, manifest, &mut outcome).await {
                        let text = format!("{} {}: {message}", key.kind, key.name);
                        outcome.problem(&manifest.source.to_string(), text);
                        if let Some(applied) = self.applied.get_mut(&key) {
                            applied.refused = Some(message);
                        }
                    }
                }
                Err(message) => outcome.problem(&manifest.source.to_string(), message),
            }
        }
        let wanted = wanted.into_keys().collect();
        self.delete_others(&wanted, loaded, &mut outcome).await;
        self.write_record();
        outcome
    }

    /// The identity of `object`, in its namespace or the default one.
    async fn key(&mut self, object: &DynamicObject) -> Result<(Key, Served), String> {
        let types = object.types.clone().unwrap_or_default();
        let kind = GroupVersionKind::try_from(&types).map_err(|error| error.to_string())?;
        let served = self.served(&types.api_version, &kind).await?;
        let namespace = match (served.namespaced, object.namespace()) {
            (true, namespace) => namespace.unwrap_or_else(|| "default".to_owned()),
            (false, _) => String::new(),
        };
        Ok((Key { group: kind.group, kind: kind.kind, namespace, name: object.name_any() }, served))
    }

    async fn served(&mut self, version: &str, kind: &GroupVersionKind) -> Result<Served, String> {
        let key = (version.to_owned(), kind.kind.clone());
        if let Some(served) = self.kinds.get(&key) {
            return Ok(served.clone());
        }
        let found = pinned_kind(&self.client, kind).await;
        let (resource, capabilities) = found.map_err(|error| match error {
            kube::Error::Api(refusal) if refusal.code != 404 => refusal.message.clone(),
            kube::Error::Api(_) | kube::Error::Discovery(_) => {
                format!(
                    "no kind {} in {version}; is its CustomResourceDefinition missing?",
                    kind.kind
                )
            }
            other => other.to_string(),
        })?;
        let served = Served::new(resource, &capabilities);
        self.kinds.insert(key, served.clone());
        Ok(served)
    }

    async fn apply(
        &mut self,
        key: &Key,
        served: &Served,
        manifest: &Manifest,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let before = self.applied.get(key).and_then(|applied| applied.accepted.as_ref());
        let unchanged = before.is_some_and(|before| same(before, &manifest.object));
        let entry = Applied {
            version: served.resource.version.clone(),
            file: manifest.source.file.clone(),
            accepted: unchanged.then(|| manifest.object.clone()),
            refused: None,
        };
        self.applied.insert(key.clone(), entry);
        if unchanged {
            return Ok(());
        }
        if !key.namespace.is_empty() && self.ensure_namespace(&key.namespace).await? {
            outcome
                .remarks
                .push(format!("created namespace {}, which no manifest does", key.namespace));
        }
        let api = served.api(&self.client, &key.namespace);
        let params = PatchParams::apply(MANAGER).force().validation_strict();
        api.patch(&key.name, &params, &Patch::Apply(&manifest.object)).await.map_err(told)?;
        if key.kind == "CustomResourceDefinition" {
            self.established(&key.name).await?;
        }
        if let Some(applied) = self.applied.get_mut(key) {
            applied.accepted = Some(manifest.object.clone());
        }
        Ok(())
    }

    /// Creates a namespace that is missing; whether it was.
    async fn ensure_namespace(&self, name: &str) -> Result<bool, String> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        if api.get_metadata_opt(name).await.map_err(told)?.is_some() {
            return Ok(false);
        }
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some(name.to_owned());
        match api.create(&PostParams::default(), &namespace).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(refusal)) if refusal.code == 409 => Ok(false),
            Err(error) => Err(told(error)),
        }
    }

    async fn established(&self, name: &str) -> Result<(), String> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let waiting = await_condition(api, name, conditions::is_crd_established());
        match timeout(ESTABLISH, waiting).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("is not served yet".to_owned()),
        }
    }

    /// Deletes in the opposite order: what was applied last goes first.
    async fn delete_others(
        &mut self,
        wanted: &BTreeSet<Key>,
        loaded: &Loaded,
        outcome: &mut Outcome,
    ) {
        let others = self.applied.iter().filter(|(key, applied)| {
            !wanted.contains(key) && !loaded.broken.contains(&applied.file)
        });
        let mut others: Vec<(Key, String)> =
            others.map(|(key, applied)| (key.clone(), applied.version.clone())).collect();
        others.sort_by_key(|(key, _)| std::cmp::Reverse(order(&key.kind)));
        for (key, version) in others {
            match self.delete(&key, &version).await {
                Ok(()) => drop(self.applied.remove(&key)),
                Err(message) => {
                    outcome.problem(
                        &format!("{} {}", key.kind, key.name),
                        format!("cannot be deleted: {message}"),
                    );
                }
            }
        }
    }

    async fn delete(&mut self, key: &Key, version: &str) -> Result<(), String> {
        let kind = GroupVersionKind::gvk(&key.group, version, &key.kind);
        // A kind that is gone has taken its objects along.
        let Ok(served) = self.served(&version_of(&key.group, version), &kind).await else {
            return Ok(());
        };
        match served
            .api(&self.client, &key.namespace)
            .delete(&key.name, &DeleteParams::background())
            .await
        {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(refusal)) if refusal.code == 404 => Ok(()),
            Err(error) => Err(told(error)),
        }
    }

    fn write_record(&self) {
        let Some(path) = &self.record else { return };
        let entries: Vec<_> = self.applied.iter().collect();
        let text = serde_json::to_vec_pretty(&entries).unwrap_or_default();
        let part = path.with_extension("part");
        if let Err(error) = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path))
        {
            tracing::warn!(path = %path.display(), %error, "what was applied is not recorded");
        }
    }
}

// === impl Served ===

impl Served {
    pub(super) fn new(resource: ApiResource, capabilities: &ApiCapabilities) -> Self {
        let has_status =
            capabilities.subresources.iter().any(|(part, _)| part.plural.ends_with("status"));
        Self { resource, namespaced: capabilities.scope == Scope::Namespaced, has_status }
    }

    fn api(&self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        if self.namespaced {
            Api::namespaced_with(client.clone(), namespace, &self.resource)
        } else {
            Api::all_with(client.clone(), &self.resource)
        }
    }
}

// === impl Outcome ===

impl Outcome {
    fn problem(&mut self, at: &str, message: String) {
        self.problems.push(Problem { at: at.to_owned(), message });
    }
}

/// Namespaces first, then definitions, then the rest as it was found.
fn rank(object: &DynamicObject) -> u8 {
    order(object.types.as_ref().map_or("", |types| types.kind.as_str()))
}

fn order(kind: &str) -> u8 {
    if kind == Namespace::kind(&()) {
        0
    } else if kind == CustomResourceDefinition::kind(&()) {
        1
    } else {
        2
    }
}

fn same(a: &DynamicObject, b: &DynamicObject) -> bool {
    serde_json::to_value(a).ok() == serde_json::to_value(b).ok()
}

fn version_of(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// The API server's own words, which say what to do.
fn told(error: kube::Error) -> String {
    match error {
        kube::Error::Api(refusal) => refusal.message.clone(),
        other => other.to_string(),
    }
}
