//! Authorities and certificates, made for one test.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType,
};

/// Signs certificates.
pub(super) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// Two PEM files.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

// === impl Authority ===

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = named("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Writes the authority's own certificate.
    pub(super) fn write(&self, path: &Path) {
        fs::write(path, &self.pem).unwrap();
    }

    /// Writes a certificate for the broker at `address`.
    pub(super) fn serve(&self, address: IpAddr, files: &Files) {
        let mut params = named("broker");
        params.subject_alt_names = vec![SanType::IpAddress(address)];
        self.sign(&params, files);
    }

    /// Writes a certificate for the user `name`.
    pub(super) fn certify(&self, name: &str, files: &Files) {
        self.sign(&named(name), files);
    }

    fn sign(&self, params: &CertificateParams, files: &Files) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(&files.certificate, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
    }
}

/// For `O=Warren, CN=name`.
fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Warren");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

// === impl Files ===

impl Files {
    /// `NAME.crt` and `NAME.key` in `folder`, to be written.
    pub(super) fn named(folder: &Path, name: &str) -> Self {
        let file = |kind| folder.join(format!("{name}.{kind}"));
        Self { certificate: file("crt"), key: file("key") }
    }
}
