//! A running `warren-operator dev`, and the proof that nothing is left when it has ended.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use warren_tests::{
    binaries,
    patience::{SOON, until, until_true},
    process::Process,
    uri::Uri,
};

use crate::kubectl::Kubectl;

/// How long a system may take to become Ready; it needs a few seconds.
pub(crate) const READY: Duration = Duration::from_secs(60);

/// Everything that one `dev` may touch lies in `files`.
pub(crate) struct Dev {
    pub(crate) process: Process,
    files: TempDir,
}

// === impl Dev ===

impl Dev {
    /// Starts `dev` on a copy of an example, with further `arguments`.
    pub(crate) fn start(example: &str, arguments: &[&str]) -> Self {
        let files = tempfile::Builder::new().prefix("warren-e2e-").tempdir().unwrap();
        fs::create_dir(files.path().join("tmp")).unwrap();
        copy(&binaries::root().join("examples").join(example), &files.path().join("manifests"));
        let process = launch(files.path(), arguments);
        Self { process, files }
    }

    /// Starts `dev` on an example, and waits until it has said where everything is and all is Ready.
    pub(crate) fn ready(example: &str) -> Self {
        let mut dev = Self::start(example, &[]);
        until("dev prints the AMQP address", READY, || dev.printed_uri().ok_or(dev.lived()));
        let kubectl = dev.kubectl();
        until("the example is applied", READY, || {
            let found = kubectl.run(&["get", "warren", "-n", "shop", "-o", "name"]);
            found.and_then(|names| if names.trim().is_empty() { Err(names) } else { Ok(names) })
        });
        for kind in ["brokercluster", "exchange", "queue", "binding"] {
            kubectl.must(&[
                "wait",
                "--for=condition=Ready",
                kind,
                "--all",
                "-n",
                "shop",
                "--timeout=60s",
            ]);
        }
        dev
    }

    /// The folder that `dev` watches.
    pub(crate) fn manifests(&self) -> PathBuf {
        self.files.path().join("manifests")
    }

    pub(crate) fn kubectl(&self) -> Kubectl {
        Kubectl::new(&self.files.path().join("kubeconfig"))
    }

    /// The AMQP address that was printed.
    pub(crate) fn uri(&self) -> Uri {
        self.printed_uri().unwrap_or_else(|| panic!("no address in: {}", self.process.output()))
    }

    fn printed_uri(&self) -> Option<Uri> {
        let output = self.process.output();
        let uri = output.split_whitespace().find(|word| word.starts_with("amqp://"))?;
        uri.parse().ok()
    }

    /// What was printed so far; fails if `dev` has ended.
    fn lived(&mut self) -> String {
        let output = self.process.output();
        assert!(self.process.ended().is_none(), "dev ended: {output}");
        output
    }

    /// The process ids of the brokers that belong to this `dev`.
    pub(crate) fn brokers(&self) -> Vec<u32> {
        let own = self.process.id();
        self.processes().into_iter().filter(|id| *id != own).collect()
    }

    /// Every process that names our folder on its command line.
    fn processes(&self) -> Vec<u32> {
        let folder = self.files.path().to_string_lossy().into_owned();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        ids.filter(|id| {
            let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&folder)
        })
        .collect()
    }

    /// Waits for the end, and checks that no process, no port and no file is left.
    pub(crate) fn leaves_nothing(mut self) {
        let ports = self.ports();
        self.process.wait(SOON);
        until_true("every process is gone", SOON, || self.processes().is_empty());
        for port in ports {
            assert!(TcpStream::connect(port).is_err(), "{port} still answers");
        }
        let left: Vec<_> = fs::read_dir(self.files.path().join("tmp")).unwrap().flatten().collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// The ports that it has told of so far.
    fn ports(&self) -> Vec<SocketAddr> {
        let api = fs::read_to_string(self.files.path().join("kubeconfig")).unwrap_or_default();
        let api = api.split("https://").nth(1).and_then(|rest| rest.split_whitespace().next());
        let amqp = self.printed_uri().map(|uri| uri.address());
        let ports = api.map(str::to_owned).into_iter().chain(amqp);
        ports.filter_map(|port| port.trim_matches('"').parse().ok()).collect()
    }
}

fn launch(files: &Path, arguments: &[&str]) -> Process {
    // Both programs are needed; the broker is found beside the operator.
    binaries::path("warren-broker");
    let mut command = Command::new(binaries::path("warren-operator"));
    command
        .arg("dev")
        .arg(files.join("manifests"))
        .args(["--amqp-port", "0", "--kubeconfig"])
        .arg(files.join("kubeconfig"))
        .args(arguments)
        .env("TMPDIR", files.join("tmp"));
    Process::start(command, &files.join("log")).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
