//! The real `kubectl` and `helm`, with a kubeconfig of the server's.

use std::{path::PathBuf, process::Stdio};

use operator_local::apiserver::ApiServer;
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    process::Command,
    time::{Duration, timeout},
};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home for the tools: kubeconfig, caches, charts.
pub(crate) struct Tools {
    pub(crate) home: TempDir,
}

// === impl Tools ===

impl Tools {
    pub(crate) fn new(server: &ApiServer) -> Self {
        let home = tempfile::tempdir().unwrap();
        server.write_kubeconfig(&home.path().join("config")).unwrap();
        Self { home }
    }

    /// What `kubectl` prints, or its complaint.
    pub(crate) async fn kubectl(&self, arguments: &str) -> Result<String, String> {
        self.run("kubectl", arguments, "").await
    }

    /// As [`Tools::kubectl`], reading manifests from `input`.
    pub(crate) async fn kubectl_with(
        &self,
        arguments: &str,
        input: &str,
    ) -> Result<String, String> {
        self.run("kubectl", arguments, input).await
    }

    /// What `helm` prints, or its complaint.
    pub(crate) async fn helm(&self, arguments: &str) -> Result<String, String> {
        self.run("helm", arguments, "").await
    }

    async fn run(&self, tool: &str, arguments: &str, input: &str) -> Result<String, String> {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.cache/bin").join(tool);
        assert!(program.exists(), "{tool} is missing: `make tools` fetches it");
        let mut child = Command::new(program)
            .args(arguments.split_whitespace())
            .env("KUBECONFIG", self.home.path().join("config"))
            .env("HOME", self.home.path())
            .env("KUBE_EDITOR", "sed -i s/before/after/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).await.unwrap();
        drop(stdin);
        let output = timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }
}
