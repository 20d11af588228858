//! The ConfigMap: settings as the environment variables the broker reads, and their fingerprint.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use operator_api::{
    BrokerCluster,
    cluster::settings::{LogFormat, LogLevel, ServerIdentity, Settings},
    size::Size,
};

use crate::{names, owner};

/// The settings of a cluster's brokers.
pub fn config_map(cluster: &BrokerCluster) -> ConfigMap {
    ConfigMap {
        metadata: owner::child(cluster, names::config_map(cluster)),
        data: Some(variables(&cluster.spec.config)),
        ..ConfigMap::default()
    }
}

/// Changes exactly when the settings do; put on the pod template, it restarts the brokers then.
///
/// FNV-1a: the same on every platform and in every release, unlike the standard library's hasher,
/// so that a new operator does not restart every broker.
pub fn fingerprint(cluster: &BrokerCluster) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for (name, value) in variables(&cluster.spec.config) {
        for byte in name.bytes().chain([b'=']).chain(value.bytes()).chain([b'\n']) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

/// What is set, as environment variables. What is not set is the broker's own default.
fn variables(settings: &Settings) -> BTreeMap<String, String> {
    let bytes = |size: &Size| size.bytes().map(|bytes| bytes.to_string());
    let variables = [
        ("WARREN_CHANNEL_MAX", settings.channel_max.map(|count| count.to_string())),
        ("WARREN_FRAME_MAX", settings.frame_max.map(|bytes| bytes.to_string())),
        (
            "WARREN_HEARTBEAT",
            settings.heartbeat.map(|every| Duration::from(every).as_secs().to_string()),
        ),
        ("WARREN_LOG_FORMAT", settings.log_format.map(|format| log_format(format).to_owned())),
        ("WARREN_LOG_LEVEL", settings.log_level.map(|level| log_level(level).to_owned())),
        ("WARREN_MAX_CONNECTIONS", settings.max_connections.map(|count| count.to_string())),
        ("WARREN_MAX_MESSAGE_SIZE", settings.max_message_size.as_ref().and_then(bytes)),
        ("WARREN_MEMORY_WATERMARK", settings.memory_watermark.as_ref().and_then(bytes)),
        (
            "WARREN_SERVER_IDENTITY",
            settings.server_identity.map(|identity| server_identity(identity).to_owned()),
        ),
    ];
    variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn log_format(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    }
}

fn log_level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

fn server_identity(identity: ServerIdentity) -> &'static str {
    match identity {
        ServerIdentity::Rabbitmq => "rabbitmq",
        ServerIdentity::Warren => "warren",
    }
}

#[cfg(test)]
mod tests {
    use operator_api::{BrokerCluster, cluster::BrokerClusterSpec};
    use serde_json::{Value, json};

    use super::{config_map, fingerprint};

    fn cluster(config: Value) -> BrokerCluster {
        let spec: BrokerClusterSpec =
            serde_json::from_value(json!({ "config": config })).expect("a valid spec");
        BrokerCluster::new("orders", spec)
    }

    /// Every setting there is.
    fn all() -> Value {
        json!({
            "logLevel": "debug",
            "logFormat": "json",
            "maxConnections": 500,
            "channelMax": 100,
            "frameMax": 8192,
            "maxMessageSize": "16Mi",
            "memoryWatermark": "1G",
            "heartbeat": "2m",
            "serverIdentity": "warren",
        })
    }

    #[test]
    fn the_broker_reads_every_variable() {
        let flags = include_str!("../../../broker/server/src/args.rs");
        for name in config_map(&cluster(all())).data.expect("data").keys() {
            assert!(flags.contains(&format!("env = \"{name}\"")), "no flag reads {name}");
        }
    }

    #[test]
    fn settings_become_variables() {
        assert_eq!(
            json!(config_map(&cluster(all())).data),
            json!({
                "WARREN_CHANNEL_MAX": "100",
                "WARREN_FRAME_MAX": "8192",
                "WARREN_HEARTBEAT": "120",
                "WARREN_LOG_FORMAT": "json",
                "WARREN_LOG_LEVEL": "debug",
                "WARREN_MAX_CONNECTIONS": "500",
                "WARREN_MAX_MESSAGE_SIZE": "16777216",
                "WARREN_MEMORY_WATERMARK": "1000000000",
                "WARREN_SERVER_IDENTITY": "warren",
            })
        );
    }

    #[test]
    fn the_fingerprint_follows_the_settings_and_nothing_else() {
        let plain = cluster(json!({}));
        let verbose = cluster(json!({ "logLevel": "debug" }));
        let mut larger = plain.clone();
        larger.spec.replicas = 3;

        assert_eq!(fingerprint(&plain), "cbf29ce484222325", "the same in every release");
        assert_eq!(fingerprint(&verbose), fingerprint(&verbose.clone()));
        assert_ne!(fingerprint(&verbose), fingerprint(&plain));
        assert_eq!(fingerprint(&larger), fingerprint(&plain));
    }
}
