//! A node as a process: `GET /api/nodes`.

use serde::{Deserialize, Serialize};

use crate::overview::{Context, Named};

/// One node of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Always `disc`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is up; the other fields are of use only then.
    pub running: bool,
    /// Its process id.
    pub os_pid: String,
    /// Milliseconds since it was started.
    pub uptime: u64,
    /// Cores that it may use.
    pub processors: u16,
    /// Tasks that wait for a core: not counted, 0.
    pub run_queue: u64,
    /// Resident bytes.
    pub mem_used: u64,
    /// Bytes of messages in memory above which publishers wait.
    pub mem_limit: u64,
    /// Whether they wait for memory.
    pub mem_alarm: bool,
    /// Always `rss`.
    pub mem_calculation_strategy: String,
    /// Bytes that are free on the disk.
    pub disk_free: u64,
    /// Bytes of that below which publishers wait.
    pub disk_free_limit: u64,
    /// Whether they wait for the disk.
    pub disk_free_alarm: bool,
    /// File descriptors in use.
    pub fd_used: u64,
    /// File descriptors that it may have.
    pub fd_total: u64,
    /// Clients' sockets in use.
    pub sockets_used: u64,
    /// Clients' sockets that there may be.
    pub sockets_total: u64,
    /// Threads.
    pub proc_used: u64,
    /// Threads that there may be.
    pub proc_total: u64,
    /// Nodes that it lost sight of.
    pub partitions: Vec<String>,
    /// Types of exchange it knows.
    pub exchange_types: Vec<Named>,
    /// Ways to log in.
    pub auth_mechanisms: Vec<Named>,
    /// What it is made of.
    pub applications: Vec<Application>,
    /// Where it serves the management API.
    pub contexts: Vec<Context>,
    /// It logs to its standard output: none.
    pub log_files: Vec<String>,
    /// Its data directory.
    pub db_dir: String,
    /// It is configured by arguments: none.
    pub config_files: Vec<String>,
    /// It has no plug-ins: none.
    pub enabled_plugins: Vec<String>,
    /// No rates are kept: `none`.
    pub rates_mode: String,
}

/// The name of the cluster: `GET /api/cluster-name`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterName {
    /// The name.
    pub name: String,
}

/// A program and its version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its version.
    pub version: String,
}
