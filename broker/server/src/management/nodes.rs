//! The node as a process: what dashboards ask for.

use std::fs;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Json};
use broker_api::{Application, ClusterName, Context, Named, Node as Shown};
use broker_core::access::Tag;
use broker_storage::fs::FileSystem;
use broker_storage::fs::real::RealFs;
use rustix::process::{Resource as Limited, getrlimit};

use crate::management::failed::Failed;
use crate::management::guard::Caller;
use crate::management::payload::Names;
use crate::management::writing::Answered;
use crate::node::Node;
use crate::{clock, grant};

type Shared = State<Arc<Node>>;

/// `GET /api/nodes`.
pub(super) async fn nodes(State(node): Shared, caller: Caller) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Monitoring)?;
    Ok(Json([describe(&node)]).into_response())
}

/// `GET /api/nodes/{name}`.
pub(super) async fn node(
    State(node): Shared,
    caller: Caller,
    Names(name): Names<String>,
) -> Answered {
    caller.needs(&node.directory.routes(), Tag::Monitoring)?;
    if name != node.identity.node {
        return Err(Failed::not_found());
    }
    Ok(Json(describe(&node)).into_response())
}

/// `GET /api/cluster-name`.
pub(super) async fn cluster_name(State(node): Shared) -> Json<ClusterName> {
    Json(ClusterName { name: node.identity.cluster.clone() })
}

/// `GET /api/extensions`: there are none.
pub(super) async fn extensions() -> Json<[(); 0]> {
    Json([])
}

fn describe(node: &Node) -> Shown {
    let identity = &node.identity;
    let shortage = node.shortage();
    let most = node.registry.most() as u64;
    Shown {
        name: identity.node.clone(),
        kind: "disc".to_owned(),
        running: !node.is_stopping(),
        os_pid: std::process::id().to_string(),
        uptime: clock::now().since(identity.started),
        processors: grant::cores(),
        run_queue: 0,
        mem_used: grant::resident(),
        mem_limit: node.memory.watermark(),
        mem_alarm: node.memory.is_above(),
        mem_calculation_strategy: "rss".to_owned(),
        disk_free: RealFs.available(&identity.data_dir).unwrap_or(0),
        disk_free_limit: identity.disk_watermark,
        disk_free_alarm: shortage.is_some() && !node.memory.is_above(),
        fd_used: count("/proc/self/fd"),
        fd_total: getrlimit(Limited::Nofile).current.unwrap_or(u64::MAX),
        sockets_used: node.registry.len() as u64,
        sockets_total: most,
        proc_used: count("/proc/self/task"),
        proc_total: getrlimit(Limited::Nproc).current.unwrap_or(u64::MAX),
        partitions: Vec::new(),
        exchange_types: exchange_types(),
        auth_mechanisms: mechanisms(node.tls.is_some()),
        applications: vec![Application {
            name: "warren".to_owned(),
            description: "Warren".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }],
        contexts: contexts(node),
        log_files: Vec::new(),
        db_dir: identity.data_dir.display().to_string(),
        config_files: Vec::new(),
        enabled_plugins: Vec::new(),
        rates_mode: "none".to_owned(),
    }
}

/// The types of exchange that there are.
pub(super) fn exchange_types() -> Vec<Named> {
    named(&[
        ("direct", "AMQP direct exchange, as per the AMQP specification"),
        ("fanout", "AMQP fanout exchange, as per the AMQP specification"),
        ("headers", "AMQP headers exchange, as per the AMQP specification"),
        ("topic", "AMQP topic exchange, as per the AMQP specification"),
        ("x-consistent-hash", "consistent hashing exchange"),
        ("x-delayed-message", "exchange that holds messages back for a time"),
    ])
}

fn mechanisms(with_certificates: bool) -> Vec<Named> {
    let mut mechanisms = named(&[
        ("PLAIN", "user name and password"),
        ("AMQPLAIN", "user name and password in a table"),
        ("EXTERNAL", "a client's certificate, over TLS"),
    ]);
    mechanisms.retain(|mechanism| with_certificates || mechanism.name != "EXTERNAL");
    mechanisms
}

fn named(all: &[(&str, &str)]) -> Vec<Named> {
    let named = all.iter().map(|(name, description)| Named {
        name: (*name).to_owned(),
        description: (*description).to_owned(),
        enabled: true,
    });
    named.collect()
}

/// Where the management API is served.
pub(super) fn contexts(node: &Node) -> Vec<Context> {
    let listeners = node.identity.listeners.iter();
    let http = listeners.filter(|listener| matches!(&*listener.protocol, "http" | "https"));
    http.map(|listener| Context {
        node: node.identity.node.clone(),
        description: "Warren management API".to_owned(),
        path: "/".to_owned(),
        ip: listener.ip_address.clone(),
        port: listener.port.to_string(),
        protocol: listener.protocol.clone(),
    })
    .collect()
}

/// How many entries a folder has; 0 where it cannot be read.
fn count(folder: &str) -> u64 {
    fs::read_dir(folder).map_or(0, |entries| entries.count() as u64)
}
