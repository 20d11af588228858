//! Whether a cluster lets a namespace use it, and who has to hear when that changes.
//!
//! Only labels matter of a namespace, so only metadata is followed. An operator that looks after one namespace
//! cannot and need not: its clusters and their resources share that namespace.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::{PartialObjectMeta, Selector, SelectorExt};
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use operator_api::cluster::access::{AllowedNamespaces, NamespacesFrom};
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::warn;

use crate::named::Named;
use crate::registry::{Notice, Registry};
use crate::watch::{Change, Known};

/// How long the first list of namespaces is waited for. Without it they are read one by one.
const FIRST_LIST: Duration = Duration::from_secs(5);

/// The labels of every namespace, as far as a watch has told.
#[derive(Debug, Default)]
pub(crate) struct Namespaces {
    labels: RwLock<HashMap<String, Labels>>,
    listed: watch::Sender<bool>,
}

type Labels = BTreeMap<String, String>;

/// What there is to check.
#[derive(Debug, PartialEq)]
enum Rule {
    Allowed,
    Refused,
    /// The namespace's labels decide.
    Labels(Selector),
}

// === impl Namespaces ===

impl Namespaces {
    /// Follows the namespaces until `shutdown`, or those of nobody where there is only one.
    pub(crate) async fn follow(
        &self,
        all: Option<Api<PartialObjectMeta<Namespace>>>,
        config: watcher::Config,
        registry: &Registry,
        shutdown: impl Future<Output = ()>,
    ) {
        let Some(all) = all else {
            self.listed.send_replace(true);
            return;
        };
        let mut events = pin!(watcher(all, config).default_backoff().take_until(shutdown));
        let mut known = Known::default();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.take_in(&mut known, &event, registry),
                Err(error) => warn!(%error, kind = "Namespace", "the watch was interrupted"),
            }
        }
    }

    /// Waits until the namespaces are known, but not for ever.
    pub(crate) async fn listed(&self) {
        let mut listed = self.listed.subscribe();
        // Late or never: they are read one by one then.
        let _ = timeout(FIRST_LIST, listed.wait_for(|listed| *listed)).await;
    }

    /// Whether resources in `namespace` may name `cluster`.
    ///
    /// # Errors
    ///
    /// When the namespace's labels matter, are not known yet, and cannot be read.
    pub(crate) async fn allow(
        &self,
        client: &Client,
        cluster: &Named,
        access: &AllowedNamespaces,
        namespace: &str,
    ) -> Result<bool, kube::Error> {
        let selector = match rule(cluster, access, namespace) {
            Rule::Allowed => return Ok(true),
            Rule::Refused => return Ok(false),
            Rule::Labels(selector) => selector,
        };
        if let Some(labels) = self.labels_of(namespace) {
            return Ok(selector.matches(&labels));
        }
        let all: Api<Namespace> = Api::all(client.clone());
        let metadata = all.get_metadata_opt(namespace).await?;
        Ok(metadata.is_some_and(|found| selector.matches(found.labels())))
    }

    fn labels_of(&self, namespace: &str) -> Option<Labels> {
        self.labels.read().unwrap_or_else(PoisonError::into_inner).get(namespace).cloned()
    }

    fn take_in(
        &self,
        known: &mut Known,
        event: &Event<PartialObjectMeta<Namespace>>,
        registry: &Registry,
    ) {
        known.observe(event, |change| match change {
            Change::Applied(found) => {
                self.put(&found.name_any(), Some(found.labels().clone()), registry);
            }
            Change::Gone(key) => self.put(&key.name, None, registry),
        });
        if matches!(event, Event::InitDone) {
            self.listed.send_replace(true);
        }
    }

    /// Records the labels of a namespace, or its end, and wakes the resources in it that may now do what they might not
    /// before, or the reverse.
    fn put(&self, namespace: &str, labels: Option<Labels>, registry: &Registry) {
        let mut known = self.labels.write().unwrap_or_else(PoisonError::into_inner);
        let before = match labels.clone() {
            Some(labels) => known.insert(namespace.to_owned(), labels),
            None => known.remove(namespace),
        };
        drop(known);
        if before == labels {
            return;
        }
        for (cluster, access) in registry.selecting() {
            let Rule::Labels(selector) = rule(&cluster, &access, namespace) else { continue };
            let allowed =
                |labels: &Option<Labels>| labels.as_ref().is_some_and(|l| selector.matches(l));
            if allowed(&before) != allowed(&labels) {
                registry.tell(Notice::Access { cluster, namespace: namespace.to_owned() });
            }
        }
    }
}

fn rule(cluster: &Named, access: &AllowedNamespaces, namespace: &str) -> Rule {
    let selector = || access.selector.clone().and_then(|selector| selector.try_into().ok());
    match access.from {
        _ if cluster.namespace == namespace => Rule::Allowed,
        NamespacesFrom::All => Rule::Allowed,
        NamespacesFrom::Same => Rule::Refused,
        NamespacesFrom::Selector => selector().map_or(Rule::Refused, Rule::Labels),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

    use super::*;

    #[test]
    fn another_namespace_needs_leave() {
        let cluster = Named::new("infra", "main");
        let access = |from| AllowedNamespaces { from, selector: None };
        #[rustfmt::skip]
        let cases = [
            (NamespacesFrom::Same,     "infra", Rule::Allowed),
            (NamespacesFrom::Same,     "shop",  Rule::Refused),
            (NamespacesFrom::All,      "shop",  Rule::Allowed),
            (NamespacesFrom::Selector, "infra", Rule::Allowed),
            (NamespacesFrom::Selector, "shop",  Rule::Refused),
        ];
        for (from, namespace, expected) in cases {
            assert_eq!(rule(&cluster, &access(from), namespace), expected, "{from:?} {namespace}");
        }
        let labels = [("team".to_owned(), "shop".to_owned())];
        let selector =
            LabelSelector { match_labels: Some(labels.clone().into()), ..LabelSelector::default() };
        let access = AllowedNamespaces { from: NamespacesFrom::Selector, selector: Some(selector) };
        let Rule::Labels(selector) = rule(&cluster, &access, "shop") else { panic!("no selector") };
        assert!(selector.matches(&labels.into()));
    }

    fn namespace(name: &str, labels: &[(&str, &str)]) -> PartialObjectMeta<Namespace> {
        let mut found = PartialObjectMeta::<Namespace>::default();
        found.metadata.name = Some(name.into());
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        found.metadata.labels = Some(labels.collect());
        found
    }

    #[test]
    fn only_a_label_that_matters_wakes_a_namespace() {
        let (registry, namespaces) = (Registry::default(), Namespaces::default());
        let labels = [("team".to_owned(), "shop".to_owned())];
        let selector =
            LabelSelector { match_labels: Some(labels.into()), ..LabelSelector::default() };
        let selecting =
            AllowedNamespaces { from: NamespacesFrom::Selector, selector: Some(selector) };
        registry.seen(&Named::new("infra", "main"), "1", selecting, false);
        registry.seen(&Named::new("infra", "open"), "2", AllowedNamespaces::default(), false);

        let mut known = Known::default();
        let mut notices = registry.subscribe();
        let mut woken = |event| {
            namespaces.take_in(&mut known, &event, &registry);
            std::iter::from_fn(|| notices.try_recv().ok()).collect::<Vec<_>>()
        };
        let other = || namespace("shop", &[("tier", "1")]);
        let shop = || namespace("shop", &[("tier", "1"), ("team", "shop")]);
        #[rustfmt::skip]
        let cases = [
            (Event::Apply(other()),                                  false, "it may not, as before"),
            (Event::Apply(shop()),                                   true,  "now it may"),
            (Event::Apply(shop()),                                   false, "nothing new"),
            (Event::Apply(namespace("shop", &[("team", "shop")])),   false, "a label that nobody asks for"),
            (Event::Apply(namespace("infra", &[("team", "shop")])),  false, "the cluster's own may anyway"),
            (Event::Apply(other()),                                  true,  "it may no longer"),
            (Event::Delete(other()),                                 false, "it might not"),
            (Event::Apply(shop()),                                   true,  "it is there again"),
            (Event::Init,                                            false, "the watch begins anew"),
            (Event::InitDone,                                        true,  "it went meanwhile"),
        ];
        for (event, expected, because) in cases {
            let notices = woken(event);
            let concerned = matches!(
                &notices[..],
                [Notice::Access { cluster, namespace }] if cluster.name == "main" && namespace == "shop"
            );
            assert_eq!((concerned, notices.is_empty()), (expected, !expected), "{because}");
        }
        assert!(*namespaces.listed.borrow());
    }
}
