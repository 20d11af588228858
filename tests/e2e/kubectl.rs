//! The real kubectl, with a kubeconfig of `dev`'s.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use warren_tests::binaries::tool;

/// Calls kubectl; every call ends by itself.
pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

// === impl Kubectl ===

impl Kubectl {
    pub(crate) fn new(kubeconfig: &Path) -> Self {
        let program = tool("bin/kubectl").expect("kubectl is missing: `make tools` fetches it");
        Self { program, kubeconfig: kubeconfig.to_path_buf() }
    }

    /// What kubectl prints, or its complaint.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, String> {
        self.run_with(arguments, "")
    }

    /// As [`Kubectl::run`], for a call that must succeed.
    #[track_caller]
    pub(crate) fn must(&self, arguments: &[&str]) -> String {
        self.run(arguments)
            .unwrap_or_else(|error| panic!("kubectl {}: {error}", arguments.join(" ")))
    }

    /// Applies manifests.
    pub(crate) fn apply(&self, manifests: &str) -> Result<String, String> {
        self.run_with(&["apply", "-f", "-"], manifests)
    }

    /// One field of an object in the namespace `shop`, as jsonpath finds it.
    #[track_caller]
    pub(crate) fn field(&self, object: &str, path: &str) -> String {
        self.must(&["get", object, "-n", "shop", "-o", &format!("jsonpath={path}")])
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut child = Command::new("timeout")
            .arg("100")
            .arg(&self.program)
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", self.kubeconfig.parent().unwrap())
            .env("KUBE_EDITOR", "sed -i s/before/after/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        if output.status.success() { Ok(out) } else { Err(format!("{out}{error}")) }
    }
}
