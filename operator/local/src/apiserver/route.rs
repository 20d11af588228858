//! Paths: what a URL of the Kubernetes API means.

use crate::apiserver::query;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/healthz`, `/readyz`, `/livez`.
    Health,
    /// `/version`.
    Version,
    /// `/openapi/v2`.
    OpenApiV2,
    /// `/openapi/v3`.
    OpenApiIndex,
    /// `/openapi/v3/PATH`, one document a group and version.
    OpenApi {
        /// API group; empty for the core group.
        group: String,
        /// API version.
        version: String,
    },
    /// `/api`: the versions of the core group.
    CoreVersions,
    /// `/apis`: every other group.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/v1`, `/apis/GROUP/VERSION`: the resources there.
    Resources {
        /// API group; empty for the core group.
        group: String,
        /// API version.
        version: String,
    },
    /// An object, a collection, or a subresource.
    Objects(Target),
    /// Nothing that is served here.
    Unknown,
}

/// The part of a path that names objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Target {
    /// API group; empty for the core group.
    pub(crate) group: String,
    /// API version.
    pub(crate) version: String,
    /// The namespace, absent for cluster-scoped kinds and for lists over all namespaces.
    pub(crate) namespace: Option<String>,
    /// Lower-case plural of the kind.
    pub(crate) plural: String,
    /// The object; absent for a collection.
    pub(crate) name: Option<String>,
    /// As in `status`; empty for the object itself.
    pub(crate) subresource: String,
}

// === impl Route ===

impl Route {
    /// Reads the path of a URL.
    pub(crate) fn parse(path: &str) -> Self {
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| query::decode(part, false))
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let owned = |group: &str, version: &str| (group.to_owned(), version.to_owned());
        match parts.as_slice() {
            ["healthz" | "readyz" | "livez", ..] => Self::Health,
            ["version"] => Self::Version,
            ["openapi", "v2"] => Self::OpenApiV2,
            ["openapi", "v3"] => Self::OpenApiIndex,
            ["openapi", "v3", "api", version] => {
                let (group, version) = owned("", version);
                Self::OpenApi { group, version }
            }
            ["openapi", "v3", "apis", group, version] => {
                let (group, version) = owned(group, version);
                Self::OpenApi { group, version }
            }
            ["api"] => Self::CoreVersions,
            ["apis"] => Self::Groups,
            ["apis", group] => Self::Group((*group).to_owned()),
            ["api", version] => {
                let (group, version) = owned("", version);
                Self::Resources { group, version }
            }
            ["apis", group, version] => {
                let (group, version) = owned(group, version);
                Self::Resources { group, version }
            }
            ["api", version, rest @ ..] => Self::objects("", version, rest),
            ["apis", group, version, rest @ ..] => Self::objects(group, version, rest),
            _ => Self::Unknown,
        }
    }

    fn objects(group: &str, version: &str, rest: &[&str]) -> Self {
        let mut target =
            Target { group: group.to_owned(), version: version.to_owned(), ..Target::default() };
        let core_namespace = |part: &str| group.is_empty() && matches!(part, "status" | "finalize");
        let rest = match rest {
            ["namespaces", _] if group.is_empty() => rest,
            ["namespaces", _, sub] if core_namespace(sub) => rest,
            ["namespaces", namespace, tail @ ..] if !tail.is_empty() => {
                target.namespace = Some((*namespace).to_owned());
                tail
            }
            other => other,
        };
        match rest {
            [plural] => target.plural = (*plural).to_owned(),
            [plural, name] => {
                target.plural = (*plural).to_owned();
                target.name = Some((*name).to_owned());
            }
            [plural, name, subresource] => {
                target.plural = (*plural).to_owned();
                target.name = Some((*name).to_owned());
                target.subresource = (*subresource).to_owned();
            }
            _ => return Self::Unknown,
        }
        Self::Objects(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_objects() {
        #[rustfmt::skip]
        let cases = [
            // path                                         group        namespace   plural        name        sub
            ("/api/v1/pods",                                "",          None,       "pods",       None,       ""),
            ("/api/v1/namespaces",                          "",          None,       "namespaces", None,       ""),
            ("/api/v1/namespaces/a",                        "",          None,       "namespaces", Some("a"),  ""),
            ("/api/v1/namespaces/a/status",                 "",          None,       "namespaces", Some("a"),  "status"),
            ("/api/v1/namespaces/a/pods",                   "",          Some("a"),  "pods",       None,       ""),
            ("/api/v1/namespaces/a/pods/b",                 "",          Some("a"),  "pods",       Some("b"),  ""),
            ("/api/v1/namespaces/a/pods/b/log",             "",          Some("a"),  "pods",       Some("b"),  "log"),
            ("/apis/x.y/v1/namespaces/a/queues/b%2Fc/status", "x.y",     Some("a"),  "queues",     Some("b/c"), "status"),
        ];
        for (path, group, namespace, plural, name, subresource) in cases {
            let expected = Target {
                group: group.into(),
                version: "v1".into(),
                namespace: namespace.map(str::to_owned),
                plural: plural.into(),
                name: name.map(str::to_owned),
                subresource: subresource.into(),
            };
            assert_eq!(Route::parse(path), Route::Objects(expected), "{path}");
        }
    }

    #[test]
    fn other_paths_are_discovery_or_nothing() {
        assert_eq!(Route::parse("/readyz/ping"), Route::Health);
        assert_eq!(Route::parse("/apis/apps"), Route::Group("apps".into()));
        assert_eq!(Route::parse("/api/v1/namespaces/a/pods/b/c/d"), Route::Unknown);
        assert_eq!(Route::parse("/metrics"), Route::Unknown);
    }
}
