//! TLS between clients and brokers.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the brokers show their clients, and ask of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.clientAuth == 'None' || has(self.caSecretName)")
    .message("clientAuth asks clients for certificates: spec.tls.caSecretName has to say who signs them")
    .reason(Reason::FieldValueInvalid)
    .field_path(".caSecretName"))]
pub struct Tls {
    /// The Secret with the brokers' certificate and key, `tls.crt` and `tls.key`, as cert-manager
    /// writes it. A renewed one is used at once: nothing restarts.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,

    /// The Secret with `ca.crt`: the authorities that sign the certificates of clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub ca_secret_name: Option<String>,

    /// Whether clients are asked for a certificate. Who has one may log in without a password.
    #[serde(default)]
    pub client_auth: ClientAuth,

    /// What of a client's certificate is the user's name.
    #[serde(default)]
    pub login_from: LoginFrom,

    /// The lowest version of TLS that clients may speak.
    #[serde(default)]
    pub min_version: MinVersion,
}

/// Whether clients are asked for a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClientAuth {
    /// They are not.
    #[default]
    None,
    /// They are, and may have none.
    Optional,
    /// They are, and must have one.
    Required,
}

/// The part of a certificate that names a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LoginFrom {
    /// The whole subject, as in `CN=app,O=Example`.
    #[default]
    DistinguishedName,
    /// The common name, as in `app`.
    CommonName,
    /// The first DNS name among the alternative names.
    DnsName,
    /// The first e-mail address among the alternative names.
    EmailAddress,
    /// The first URI among the alternative names, as a SPIFFE id is.
    Uri,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MinVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

// === impl ClientAuth ===

impl ClientAuth {
    /// As the broker's `--tls-verify` has it.
    pub fn as_flag(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

// === impl LoginFrom ===

impl LoginFrom {
    /// As the broker's `--tls-login-from` has it.
    pub fn as_flag(self) -> &'static str {
        match self {
            Self::DistinguishedName => "distinguished_name",
            Self::CommonName => "common_name",
            Self::DnsName => "subject_alternative_name_dns",
            Self::EmailAddress => "subject_alternative_name_email",
            Self::Uri => "subject_alternative_name_uri",
        }
    }
}

// === impl MinVersion ===

impl MinVersion {
    /// As the broker's `--tls-min-version` has it.
    pub fn as_flag(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}
