//! The Helm chart, through the real `helm`: it lints, it renders with every set of values under
//! `charts/warren/ci/`, and what it renders are objects Kubernetes knows.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{Service, ServiceAccount},
        rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use operator_api::crds;
use serde_json::Value;

use crate::strict::{documents, read};

/// The sets of values, by name; the first is the chart's own.
const VALUES: [&str; 3] = ["", "minimal", "namespaced"];

#[test]
fn the_chart_lints() {
    let Some(helm) = Helm::find() else { return };
    for values in VALUES {
        helm.run(&["lint", "--strict", "--quiet"], values);
    }
}

#[test]
fn what_it_renders_is_known_to_kubernetes() {
    let Some(helm) = Helm::find() else { return };
    for values in VALUES {
        for document in helm.render(values) {
            let kind = document["kind"].as_str().expect("a kind");
            let place = format!("values {values:?}: {kind} {}", document["metadata"]["name"]);
            match kind {
                "ClusterRole" => drop(read::<ClusterRole>(&document, &place)),
                "ClusterRoleBinding" => drop(read::<ClusterRoleBinding>(&document, &place)),
                "CustomResourceDefinition" => {
                    drop(read::<CustomResourceDefinition>(&document, &place));
                }
                "Deployment" => hardened(&read(&document, &place)),
                "Role" => drop(read::<Role>(&document, &place)),
                "RoleBinding" => drop(read::<RoleBinding>(&document, &place)),
                "Service" => drop(read::<Service>(&document, &place)),
                "ServiceAccount" => drop(read::<ServiceAccount>(&document, &place)),
                _ => panic!("{place}: what is this?"),
            }
        }
    }
}

#[test]
fn definitions_come_with_the_chart_and_stay_when_it_goes() {
    let Some(helm) = Helm::find() else { return };
    let rendered = helm.render("");
    for mut crd in crds() {
        let name = crd.metadata.name.take().expect("a name");
        let found = rendered
            .iter()
            .find(|document| document["metadata"]["name"] == name.as_str())
            .expect(&name);
        let mut found: CustomResourceDefinition = read(found, &name);
        let annotations = found.metadata.annotations.take().unwrap_or_default();
        assert_eq!(
            annotations.get("helm.sh/resource-policy").map(String::as_str),
            Some("keep"),
            "{name}"
        );
        assert_eq!(found.spec, crd.spec, "{name}");
    }
    let none = helm.render("namespaced");
    assert!(none.iter().all(|document| document["kind"] != "CustomResourceDefinition"));
}

#[test]
fn rights_are_the_least_that_do() {
    let Some(helm) = Helm::find() else { return };
    for (values, kind) in [("", "ClusterRole"), ("namespaced", "Role")] {
        let rendered = helm.render(values);
        let role = rendered.iter().find(|document| document["kind"] == kind).expect(kind);
        let rules: Vec<PolicyRule> = serde_json::from_value(role["rules"].clone()).expect("rules");
        for rule in &rules {
            let text = format!("{values:?}: {:?} {:?}", rule.resources, rule.verbs);
            assert!(!text.contains('*'), "{text}: a wildcard");
            assert!(
                !rule.verbs.iter().any(|verb| verb.starts_with("delete")),
                "{text}: owner references delete"
            );
        }
    }
    let namespaced = helm.render("namespaced");
    let wide = namespaced.iter().filter(|document| {
        document["kind"].as_str().is_some_and(|kind| kind.starts_with("Cluster"))
    });
    assert_eq!(wide.count(), 0, "one namespace asks for nothing beyond it");
}

#[test]
fn the_operator_reads_every_variable_it_is_given() {
    let Some(helm) = Helm::find() else { return };
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/main.rs");
    let program = fs::read_to_string(program).expect("the operator's flags");
    for document in VALUES.into_iter().flat_map(|values| helm.render(values)) {
        let containers = &document["spec"]["template"]["spec"]["containers"];
        for variable in containers[0]["env"].as_array().into_iter().flatten() {
            let name = variable["name"].as_str().expect("a name");
            assert!(program.contains(&format!("env = \"{name}\"")), "no flag reads {name}");
        }
    }
}

#[test]
fn a_wrong_value_is_refused() {
    let Some(helm) = Helm::find() else { return };
    #[rustfmt::skip]
    let cases = [
        "replicas=many",
        "concurrency=0",
        "image.pullPolicy=Sometimes",
        "image.digest=latest",
        "watchNamespaces=shop",
        "log.format=xml",
    ];
    for set in cases {
        let output = helm.output(&["template", "warren"], &["--set", set]);
        assert!(!output.status.success(), "{set} was accepted");
    }
}

/// Not root, nothing to write to, nothing to gain.
fn hardened(deployment: &Deployment) {
    let pod = deployment.spec.template.spec.as_ref().expect("a pod");
    let security = pod.security_context.as_ref().expect("a security context");
    assert_eq!(security.run_as_non_root, Some(true));
    for container in &pod.containers {
        let security = container.security_context.as_ref().expect("a security context");
        assert_eq!(security.read_only_root_filesystem, Some(true));
        assert_eq!(security.allow_privilege_escalation, Some(false));
        assert!(container.liveness_probe.is_some() && container.readiness_probe.is_some());
    }
}

/// The real `helm`, with nothing of this machine's own settings.
struct Helm {
    program: PathBuf,
    chart: PathBuf,
}

// === impl Helm ===

impl Helm {
    /// `.cache/bin/helm`, where `make tools` puts it, or the one on the path; `None`, and a line that
    /// says so, where there is neither.
    fn find() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let path = env::var_os("PATH").unwrap_or_default();
        let mut places = vec![root.join(".cache/bin")];
        places.extend(env::split_paths(&path));
        let program =
            places.into_iter().map(|place| place.join("helm")).find(|program| program.is_file());
        if program.is_none() {
            eprintln!("not done: there is no helm here; `make tools` fetches it");
        }
        program.map(|program| Helm { program, chart: root.join("charts/warren") })
    }

    fn output(&self, before: &[&str], after: &[&str]) -> Output {
        let home = env::temp_dir().join("warren-chart-test");
        Command::new(&self.program)
            .args(before)
            .arg(&self.chart)
            .args(after)
            .env("HELM_CACHE_HOME", home.join("cache"))
            .env("HELM_CONFIG_HOME", home.join("config"))
            .env("HELM_DATA_HOME", home.join("data"))
            .env_remove("KUBECONFIG")
            .output()
            .expect("helm runs")
    }

    /// Standard output of a command that must succeed.
    fn run(&self, command: &[&str], values: &str) -> String {
        let file = self.chart.join(format!("ci/{values}-values.yaml")).display().to_string();
        let after: &[&str] = if values.is_empty() { &[] } else { &["--values", &file] };
        let output = self.output(command, after);
        let error = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "helm {command:?} with {values:?}: {text}{error}");
        text
    }

    fn render(&self, values: &str) -> Vec<Value> {
        documents(&self.run(&["template", "warren"], values), &format!("values {values:?}"))
    }
}
