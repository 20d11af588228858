//! TLS in a broker's pod: the Secrets it mounts and the flags that name their files.

use k8s_openapi::api::core::v1::{KeyToPath, SecretVolumeSource, Volume, VolumeMount};
use operator_api::cluster::tls::{ClientAuth, Tls};

use crate::ports::{AMQPS, MANAGEMENT_TLS};

/// Where the broker reads its certificate and key, and sees it when they change.
pub const TLS_DIR: &str = "/etc/warren/tls";
/// Where the broker reads who signs the certificates of clients.
pub const CLIENT_CA_DIR: &str = "/etc/warren/client-ca";

const TLS_VOLUME: &str = "tls";
const CLIENT_CA_VOLUME: &str = "client-ca";

/// One Secret in the pod: volume, Secret, folder and the files in it.
struct Mounted<'a> {
    volume: &'static str,
    secret: &'a str,
    folder: &'static str,
    files: &'static [&'static str],
}

/// The broker's flags.
pub fn arguments(tls: &Tls) -> Vec<String> {
    let mut arguments = vec![
        format!("--amqps-listen=$(POD_IP):{}", AMQPS.number),
        format!("--management-tls-listen=$(POD_IP):{}", MANAGEMENT_TLS.number),
        format!("--tls-cert={TLS_DIR}/tls.crt"),
        format!("--tls-key={TLS_DIR}/tls.key"),
        format!("--tls-min-version={}", tls.min_version.as_flag()),
    ];
    if tls.client_auth != ClientAuth::None {
        arguments.extend([
            format!("--tls-client-ca={CLIENT_CA_DIR}/ca.crt"),
            format!("--tls-verify={}", tls.client_auth.as_flag()),
            format!("--tls-login-from={}", tls.login_from.as_flag()),
        ]);
    }
    arguments
}

/// The Secrets as volumes. Kubernetes renews their files in place.
pub fn volumes(tls: &Tls) -> impl Iterator<Item = Volume> {
    mounted(tls).map(|Mounted { volume, secret, files, .. }| {
        let item = |file: &&str| KeyToPath {
            key: (*file).to_owned(),
            path: (*file).to_owned(),
            ..KeyToPath::default()
        };
        Volume {
            name: volume.to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(secret.to_owned()),
                items: Some(files.iter().map(item).collect()),
                default_mode: Some(0o440),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        }
    })
}

/// Where the container has them.
pub fn mounts(tls: &Tls) -> impl Iterator<Item = VolumeMount> {
    mounted(tls).map(|Mounted { volume, folder, .. }| VolumeMount {
        name: volume.to_owned(),
        mount_path: folder.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    })
}

fn mounted(tls: &Tls) -> impl Iterator<Item = Mounted<'_>> {
    let own = Mounted {
        volume: TLS_VOLUME,
        secret: &tls.secret_name,
        folder: TLS_DIR,
        files: &["tls.crt", "tls.key"],
    };
    let asks = tls.client_auth != ClientAuth::None;
    let clients = tls.ca_secret_name.as_deref().filter(|_| asks).map(|secret| Mounted {
        volume: CLIENT_CA_VOLUME,
        secret,
        folder: CLIENT_CA_DIR,
        files: &["ca.crt"],
    });
    std::iter::once(own).chain(clients)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tls(spec: serde_json::Value) -> Tls {
        serde_json::from_value(spec).expect("a valid spec")
    }

    #[test]
    fn the_broker_has_every_flag() {
        let flags = include_str!("../../../broker/server/src/args/tls.rs");
        let all = json!({ "secretName": "s", "caSecretName": "ca", "clientAuth": "Required" });
        for argument in arguments(&tls(all)) {
            let name = argument.trim_start_matches("--").split('=').next().unwrap_or_default();
            let field = format!("pub {}:", name.replace('-', "_"));
            assert!(flags.contains(&field), "no flag {argument}");
        }
    }

    #[test]
    fn clients_are_asked_only_if_somebody_signs_their_certificates() {
        let plain = tls(json!({ "secretName": "s", "caSecretName": "ca" }));
        assert_eq!((volumes(&plain).count(), mounts(&plain).count()), (1, 1));
        assert!(!arguments(&plain).iter().any(|argument| argument.contains("client-ca")));
        let asked = json!({
            "secretName": "s", "caSecretName": "ca", "clientAuth": "Optional", "loginFrom": "Uri",
        });
        let asked = tls(asked);
        assert_eq!((volumes(&asked).count(), mounts(&asked).count()), (2, 2));
        let arguments = arguments(&asked);
        for expected in [
            "--tls-client-ca=/etc/warren/client-ca/ca.crt",
            "--tls-verify=optional",
            "--tls-login-from=subject_alternative_name_uri",
        ] {
            assert!(arguments.iter().any(|argument| argument == expected), "{arguments:?}");
        }
    }
}
