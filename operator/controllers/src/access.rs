//! Whether a cluster lets a namespace use it.

use k8s_openapi::api::core::v1::Namespace;
use kube::core::{Selector, SelectorExt};
use kube::{Api, ResourceExt};
use operator_api::cluster::access::{AllowedNamespaces, NamespacesFrom};

use crate::context::Context;
use crate::named::Named;

/// What there is to check.
#[derive(Debug, PartialEq)]
enum Rule {
    Allowed,
    Refused,
    /// The namespace's labels decide.
    Labels(Selector),
}

impl Context {
    /// Whether resources in `namespace` may name `cluster`.
    ///
    /// # Errors
    ///
    /// When the namespace's labels matter and cannot be read.
    pub(crate) async fn allows(
        &self,
        cluster: &Named,
        access: &AllowedNamespaces,
        namespace: &str,
    ) -> Result<bool, kube::Error> {
        Ok(match rule(cluster, access, namespace) {
            Rule::Allowed => true,
            Rule::Refused => false,
            Rule::Labels(selector) => {
                let namespaces: Api<Namespace> = Api::all(self.client.clone());
                let metadata = namespaces.get_metadata_opt(namespace).await?;
                metadata.is_some_and(|found| selector.matches(found.labels()))
            }
        })
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
}
