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
