//! Files that are missing, wrong, or replaced while the broker runs.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;
use crate::args::tls::Verify;

/// Writes a new certificate and key into `folder`.
fn issue(folder: &Path) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.join("tls.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
}

fn args(folder: &Path) -> TlsArgs {
    TlsArgs {
        tls_cert: Some(folder.join("tls.crt")),
        tls_key: Some(folder.join("tls.key")),
        ..TlsArgs::default()
    }
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    issue(folder.path());
    folder
}

#[test]
fn a_new_certificate_is_offered_and_a_broken_one_is_not() {
    let folder = folder();
    let tls = Tls::new(&args(folder.path())).unwrap().unwrap();
    let first = tls.offer(None).config;
    assert!(Arc::ptr_eq(&first, &tls.offer(None).config), "nothing has changed");
    issue(folder.path());
    let second = tls.offer(None).config;
    assert!(!Arc::ptr_eq(&first, &second), "the files have changed");
    let certificate = folder.path().join("tls.crt");
    let whole = fs::read(&certificate).unwrap();
    fs::write(&certificate, "-----BEGIN CERTIFICATE-----\nhalf").unwrap();
    assert!(Arc::ptr_eq(&second, &tls.offer(None).config), "the last good one holds");
    fs::write(&certificate, whole).unwrap();
    assert!(!Arc::ptr_eq(&second, &tls.offer(None).config), "it is whole again");
    assert!(!Arc::ptr_eq(&second, &tls.management()));
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let (right, other) = (folder(), folder());
    let path = |name: &str| right.path().join(name);
    fs::write(path("empty"), "").unwrap();
    fs::write(path("big"), vec![b'x'; 2 << 20]).unwrap();
    let base = || args(right.path());
    let cert = |file| TlsArgs { tls_cert: Some(file), ..base() };
    let key = |file| TlsArgs { tls_key: Some(file), ..base() };
    let ca = |file| TlsArgs { tls_client_ca: Some(file), ..base() };
    #[rustfmt::skip]
    let cases = [
        (cert(path("missing")),               "missing: No such file"),
        (cert(path("empty")),                 "no certificate is in it"),
        (cert(path("tls.key")),               "no certificate is in it"),
        (cert(path("big")),                   "larger than 1 MiB"),
        (key(path("tls.crt")),                "no private key is in it"),
        (key(other.path().join("tls.key")),   "does not belong to the key"),
        (ca(path("tls.key")),                 "no certificate is in it"),
        (TlsArgs { tls_verify: Some(Verify::Required), ..base() }, "--tls-client-ca"),
    ];
    for (args, expected) in cases {
        let error = Tls::new(&args).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    assert!(Tls::new(&TlsArgs::default()).unwrap().is_none());
}
