//! The example `tls`, step by step as its README has them: Secrets that come after the cluster, a client
//! that logs in with a certificate, and a certificate that is renewed under it.

use std::{fs, path::Path, process::Command};

use warren_tests::{
    binaries::{root, tool},
    patience::until,
};

use crate::dev::{Dev, READY};

/// Makes an authority and certificates in `folder`, or new certificates of the authority that is there.
fn certify(folder: &Path, user: &str) {
    let made = Command::new("timeout")
        .arg("60")
        .arg(root().join("examples/tls/certificates"))
        .arg(folder)
        .arg(user)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Runs the example's client; what it printed.
fn pay(address: &str, certificates: &Path) -> Option<String> {
    let Some(python) = tool("venv/bin/python") else {
        println!("skipped: .cache/venv is missing; `make tools` puts it there");
        return None;
    };
    let mut command = Command::new("timeout");
    command.arg("60").arg(python).arg(root().join("examples/tls/pay.py"));
    let output = command.arg(address).arg(certificates).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_client_with_a_certificate_pays_before_and_after_it_is_renewed() {
    let dev = Dev::start("tls", &[]);
    let kubectl = dev.kubectl();
    let secret = "go-template={{.data.username | base64decode}}";
    let ask = ["get", "secret", "bank-credentials", "-n", "vault", "-o", secret];
    let user = until("the broker's user is there", READY, || kubectl.run(&ask));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    certify(folder.path(), &user);
    let (certificate, key) =
        (format!("--cert={}", path("broker.crt")), format!("--key={}", path("broker.key")));
    let tls = ["create", "secret", "tls", "bank-tls", "-n", "vault", &certificate, &key];
    kubectl.must(&tls);
    let authority = format!("--from-file=ca.crt={}", path("ca.crt"));
    kubectl.must(&["create", "secret", "generic", "bank-clients", "-n", "vault", &authority]);
    let both = ["brokercluster/bank", "queue/payments"];
    let wait = ["wait", "--for=condition=Ready", "-n", "vault", "--timeout=60s"];
    kubectl.must(&[&wait[..], &both].concat());
    let pod = ["get", "pod", "bank-0", "-n", "vault", "-o", "jsonpath={.status.podIP}"];
    let address = kubectl.must(&pod);
    let Some(paid) = pay(&address, folder.path()) else { return };
    assert_eq!(paid.trim(), "paid, and on disk");

    let before = fs::read_to_string(path("broker.crt")).unwrap();
    certify(folder.path(), &user);
    assert_ne!(fs::read_to_string(path("broker.crt")).unwrap(), before);
    let renewed = kubectl.must(&[&tls[..], &["--dry-run=client", "-o", "yaml"]].concat());
    kubectl.apply(&renewed).unwrap();
    until("the broker has read the new certificate", READY, || {
        let log = kubectl.run(&["logs", "bank-0", "-n", "vault"])?;
        if log.contains("certificate for TLS read") { Ok(()) } else { Err(log) }
    });
    assert_eq!(pay(&address, folder.path()).unwrap().trim(), "paid, and on disk");
}
