//! The Helm chart, judged by the real helm.

use std::{fs, path::Path, process::Command};

use warren_tests::binaries::{root, tool};

fn helm(arguments: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let helm = tool("bin/helm").expect("helm is missing: `make tools` fetches it");
    let mut command = Command::new("timeout");
    command.arg("60").arg(helm).args(arguments).env("HOME", home.path()).current_dir(root());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "helm {}: {text}{error}", arguments.join(" "));
    text
}

/// The sets of values that the chart is tried with: none, and each file in `ci/`.
fn values() -> Vec<Vec<String>> {
    let mut sets = vec![Vec::new()];
    for entry in fs::read_dir(root().join("charts/warren/ci")).into_iter().flatten().flatten() {
        sets.push(vec!["--values".to_owned(), entry.path().display().to_string()]);
    }
    sets
}

#[test]
fn lint_and_template_pass_with_all_values() {
    for set in values() {
        let set: Vec<_> = set.iter().map(String::as_str).collect();
        helm(&[&["lint", "--strict", "charts/warren"][..], &set].concat());
        let rendered = helm(&[&["template", "warren", "charts/warren"][..], &set].concat());
        assert!(rendered.contains("kind: Deployment"), "{set:?}: {rendered}");
    }
}

#[test]
fn the_chart_carries_the_current_definitions() {
    for entry in fs::read_dir(root().join("crds")).unwrap().flatten() {
        let copy = Path::new("charts/warren/files/crds").join(entry.file_name());
        let (ours, theirs) = (fs::read(entry.path()).unwrap(), fs::read(root().join(&copy)));
        assert!(theirs.is_ok_and(|theirs| theirs == ours), "{} is out of date", copy.display());
    }
}

/// What the operator may do, as `group/resource: verbs`, from the rendered chart.
fn rights(rendered: &str) -> Vec<String> {
    let list = |line: &str| line.split(['[', ']']).nth(1).unwrap_or_default().replace('"', "");
    let (mut rights, mut group, mut resources) = (Vec::new(), String::new(), String::new());
    for line in rendered.lines().map(str::trim) {
        if line.starts_with("- apiGroups:") {
            group = list(line);
        } else if line.starts_with("resources:") {
            resources = list(line);
        } else if line.starts_with("verbs:") {
            let verbs = list(line);
            let each = resources.split(", ").map(|resource| format!("{group}/{resource}: {verbs}"));
            rights.extend(each);
        }
    }
    rights
}

#[test]
fn the_operator_may_do_what_it_does_and_no_more() {
    let set = ["template", "warren", "charts/warren", "--set", "rbac.aggregate=false"];
    #[rustfmt::skip]
    let expected = [
        "warren.dev/brokerclusters: list, watch",
        "warren.dev/exchanges: list, watch, patch",
        "warren.dev/queues: list, watch, patch",
        "warren.dev/bindings: list, watch, patch",
        "warren.dev/brokerclusters/status: patch",
        "warren.dev/exchanges/status: patch",
        "warren.dev/queues/status: patch",
        "warren.dev/bindings/status: patch",
        "warren.dev/brokerclusters/finalizers: update",
        "apps/statefulsets: list, watch, create, patch",
        "/services: list, watch, create, patch",
        "/configmaps: list, watch, create, patch",
        "policy/poddisruptionbudgets: list, watch, create, patch",
        "/secrets: get, list, watch, create, patch",
        "/pods: list, watch",
        "events.k8s.io/events: create, patch",
        "/namespaces: get, list, watch",
        "coordination.k8s.io/leases: create",
        "coordination.k8s.io/leases: get, patch",
    ];
    assert_eq!(rights(&helm(&set)), expected);
}
