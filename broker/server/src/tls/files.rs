//! The files that TLS is set up from, and noticing that they have changed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_core::time::Timestamp;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::args::tls::{MinVersion, TlsArgs, Verify};
use crate::tls::certificate::Certificate;

/// Without TLS 1.2.
static ONLY_TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

/// A file larger than this holds no certificates or key.
const MAX_BYTES: u64 = 1 << 20;

/// Which files, and what is made of them.
#[derive(Debug)]
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    verify: Verify,
    min_version: MinVersion,
}

/// What tells that a file was replaced or rewritten. A mounted Secret is a link to a folder that is
/// replaced as a whole, hence the number of the file.
pub(super) type Stamp = [Option<(i64, i64, u64, u64)>; 3];

/// Why clients cannot be offered TLS. Each names the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} {problem}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificates of clients cannot be verified.
    #[error(
        "--tls-verify asks clients for certificates; --tls-client-ca has to say whose are right"
    )]
    NoAuthority,
}

// === impl Files ===

impl Files {
    /// None without a certificate.
    pub(super) fn of(args: &TlsArgs) -> Option<Self> {
        Some(Self {
            certificate: args.tls_cert.clone()?,
            key: args.tls_key.clone()?,
            client_ca: args.tls_client_ca.clone(),
            verify: args.verify(),
            min_version: args.tls_min_version,
        })
    }

    pub(super) fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The files as they are now.
    pub(super) fn stamp(&self) -> Stamp {
        let files = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        files.map(|file| {
            let file = fs::metadata(file?).ok()?;
            Some((file.mtime(), file.mtime_nsec(), file.len(), file.ino()))
        })
    }

    /// When the certificate ends to hold.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        let certificates = certificates(&self.certificate).ok()?;
        Certificate::parse(certificates.first()?)?.expires()
    }

    /// What AMQP clients are offered.
    pub(super) fn amqp(&self) -> Result<ServerConfig, Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier = self.verifier(&provider)?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions())
            .map_err(|error| self.unusable(error))?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        builder
            .with_single_cert(certificates(&self.certificate)?, key(&self.key)?)
            .map_err(|error| self.unusable(error))
    }

    /// What clients of the management API are offered, who log in with a password.
    pub(super) fn management(&self) -> Result<ServerConfig, Error> {
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions())
            .map_err(|error| self.unusable(error))?
            .with_no_client_auth()
            .with_single_cert(certificates(&self.certificate)?, key(&self.key)?)
            .map_err(|error| self.unusable(error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        match self.min_version {
            MinVersion::Tls12 => rustls::ALL_VERSIONS,
            MinVersion::Tls13 => &ONLY_TLS13,
        }
    }

    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, Error> {
        if self.verify == Verify::None {
            return Ok(None);
        }
        let path = self.client_ca.as_ref().ok_or(Error::NoAuthority)?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| unusable(path, error))?;
        }
        let provider = Arc::clone(provider);
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = match self.verify {
            Verify::Required => builder,
            _ => builder.allow_unauthenticated(),
        };
        builder.build().map(Some).map_err(|error| unusable(path, error))
    }

    fn unusable(&self, problem: rustls::Error) -> Error {
        let problem = match problem {
            rustls::Error::InconsistentKeys(_) => {
                format!("does not belong to the key in {}", self.key.display())
            }
            problem => format!("cannot be used: {problem}"),
        };
        Error::Unusable { path: self.certificate.clone(), problem }
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(unusable(path, "no certificate is in it")),
        Err(error) => Err(unusable(path, error)),
    }
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => unusable(path, "no private key is in it"),
        error => unusable(path, error),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
        return Err(unusable(path, "it is larger than 1 MiB"));
    }
    fs::read(path).map_err(unreadable)
}

fn unusable(path: &Path, problem: impl std::fmt::Display) -> Error {
    Error::Unusable { path: path.to_owned(), problem: format!("cannot be used: {problem}") }
}
