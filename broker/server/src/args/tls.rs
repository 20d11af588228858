//! TLS: which certificate clients are shown, and which are asked of them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;

/// Settings of TLS. Without a certificate there is none.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TlsArgs {
    /// Address to accept AMQP clients on that speak TLS. May be given several times, or separated
    /// by commas. Default with --tls-cert: port 5671 on loopback.
    #[arg(
        long,
        env = "WARREN_AMQPS_LISTEN",
        value_name = "ADDR:PORT",
        value_delimiter = ',',
        requires = "tls_cert"
    )]
    pub amqps_listen: Vec<SocketAddr>,

    /// Address to serve the management API on over TLS, beside --management-listen.
    #[arg(
        long,
        env = "WARREN_MANAGEMENT_TLS_LISTEN",
        value_name = "ADDR:PORT",
        requires = "tls_cert"
    )]
    pub management_tls_listen: Option<SocketAddr>,

    /// Accepts no AMQP client that does not speak TLS: --listen is not used.
    #[arg(long, env = "WARREN_TLS_ONLY", requires = "tls_cert")]
    pub tls_only: bool,

    /// PEM file with the certificate of this broker, then those between it and the authority. Read
    /// again when it changes, as are the other files: no restart, and open connections stay.
    #[arg(long, env = "WARREN_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the private key of the certificate: PKCS #8, PKCS #1 or SEC 1.
    #[arg(long, env = "WARREN_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// PEM file with the authorities that may sign the certificates of clients.
    #[arg(long, env = "WARREN_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,

    /// Whether AMQP clients are asked for a certificate. One that is shown has to be right in any
    /// case. Default: optional with --tls-client-ca, else none.
    #[arg(long, env = "WARREN_TLS_VERIFY", value_enum)]
    pub tls_verify: Option<Verify>,

    /// The lowest version of TLS that clients may speak.
    #[arg(long, env = "WARREN_TLS_MIN_VERSION", value_enum, default_value_t)]
    pub tls_min_version: MinVersion,

    /// What of a client's certificate is the user's name, for the mechanism EXTERNAL.
    #[arg(long, env = "WARREN_TLS_LOGIN_FROM", value_enum, default_value_t)]
    pub tls_login_from: LoginFrom,
}

/// Whether clients are asked for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Verify {
    /// They are not.
    None,
    /// They are, and may have none.
    Optional,
    /// They are, and must have one.
    Required,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum MinVersion {
    /// TLS 1.2.
    #[default]
    #[value(name = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[value(name = "1.3")]
    Tls13,
}

/// The part of a certificate that names a user, by RabbitMQ's names (`ssl_cert_login_from`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum LoginFrom {
    /// The whole subject as RFC 4514 writes it, as in `CN=app,O=Example`.
    #[default]
    DistinguishedName,
    /// The common names of the subject, as in `app`.
    CommonName,
    /// The first DNS name among the alternative names.
    SubjectAlternativeNameDns,
    /// The first e-mail address among the alternative names.
    SubjectAlternativeNameEmail,
    /// The first URI among the alternative names, as a SPIFFE id is.
    SubjectAlternativeNameUri,
}

// === impl TlsArgs ===

impl TlsArgs {
    /// Where AMQP clients that speak TLS are accepted.
    pub(crate) fn amqps_addresses(&self) -> Vec<SocketAddr> {
        if self.tls_cert.is_some() && self.amqps_listen.is_empty() {
            return vec![([127, 0, 0, 1], 5671).into(), ([0, 0, 0, 0, 0, 0, 0, 1], 5671).into()];
        }
        self.amqps_listen.clone()
    }

    /// Whether clients are asked for a certificate, whatever was left to the default.
    pub(crate) fn verify(&self) -> Verify {
        let default = if self.tls_client_ca.is_some() { Verify::Optional } else { Verify::None };
        self.tls_verify.unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Args;

    #[test]
    fn a_certificate_and_its_key_belong_together() {
        #[rustfmt::skip]
        let cases: [(&[&str], bool); 5] = [
            (&["--tls-cert=c", "--tls-key=k"],            true),
            (&["--tls-cert=c"],                           false),
            (&["--tls-key=k"],                            false),
            (&["--amqps-listen=127.0.0.1:0"],             false),
            (&["--tls-only"],                             false),
        ];
        for (flags, fits) in cases {
            let args = Args::try_parse_from([&["warren-broker"], flags].concat());
            assert_eq!(args.is_ok(), fits, "{flags:?}");
        }
    }

    #[test]
    fn an_authority_is_there_to_be_used() {
        let none = TlsArgs::default();
        assert_eq!((none.verify(), none.amqps_addresses().len()), (Verify::None, 0));
        let some = TlsArgs {
            tls_cert: Some("c".into()),
            tls_client_ca: Some("ca".into()),
            ..TlsArgs::default()
        };
        assert_eq!((some.verify(), some.amqps_addresses().len()), (Verify::Optional, 2));
    }
}
