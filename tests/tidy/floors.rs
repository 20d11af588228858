//! The floors of the house: which crate may know which.
//!
//! ```text
//! 5  broker (main)                      operator (main)
//! 4  server                             controllers, local
//! 3  session                            resources, topology
//! 2  core          replication          operator/api
//! 1  protocol      storage              broker/api
//! ```

use serde_json::Value;

use crate::{Violation, source::Tree};

/// What one crate may import of ours, and what it must never import of others'.
struct Floor {
    name: &'static str,
    ours: &'static [&'static str],
    never: &'static [&'static str],
}

const FLOORS: [Floor; 12] = [
    Floor { name: "broker-protocol", ours: &[], never: &["tokio", "kube"] },
    Floor { name: "broker-storage", ours: &[], never: &["tokio", "kube"] },
    Floor { name: "broker-api", ours: &[], never: &["tokio", "kube"] },
    Floor { name: "broker-core", ours: &["broker-protocol"], never: &["tokio", "rand", "kube"] },
    Floor {
        name: "broker-session",
        ours: &["broker-core", "broker-protocol"],
        never: &["tokio", "rand", "kube"],
    },
    Floor { name: "broker-replication", ours: &["broker-storage"], never: &["kube"] },
    Floor {
        name: "broker-server",
        ours: &[
            "broker-api",
            "broker-core",
            "broker-protocol",
            "broker-replication",
            "broker-session",
            "broker-storage",
        ],
        never: &["kube"],
    },
    Floor { name: "operator-api", ours: &[], never: &["tokio"] },
    Floor { name: "operator-resources", ours: &["operator-api"], never: &["tokio", "futures"] },
    Floor { name: "operator-topology", ours: &["broker-api"], never: &["kube"] },
    Floor {
        name: "operator-controllers",
        ours: &["operator-api", "operator-resources", "operator-topology"],
        never: &[],
    },
    Floor { name: "operator-local", ours: &["operator-api"], never: &["lapin"] },
];

/// Sources that must not touch the world, and the names by which they would.
const PURE: [&str; 4] =
    ["broker/protocol/src", "broker/core/src", "broker/session/src", "operator/resources/src"];
const WORLD: [&str; 8] = [
    "Instant::now",
    "SystemTime",
    "std::fs",
    "std::net::Tcp",
    "std::thread",
    "std::process",
    "std::env",
    "tokio::",
];

pub(crate) fn upward_arrows(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &tree.packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(floor) = FLOORS.iter().find(|floor| floor.name == name) else { continue };
        for import in imports(package) {
            let own = import.starts_with("broker-") || import.starts_with("operator-");
            let allowed = if own {
                floor.ours.contains(&import.as_str())
            } else {
                !floor.never.contains(&import.as_str())
            };
            if !allowed {
                violations.push(format!("{name} imports {import}"));
            }
        }
    }
    violations
}

/// Names of the packages that `package` itself is built from; test dependencies do not count.
fn imports(package: &Value) -> Vec<String> {
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    dependencies
        .filter(|dependency| dependency["kind"].is_null())
        .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
        .collect()
}

pub(crate) fn impure_sources(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    let pure = tree.sources.iter().filter(|s| PURE.iter().any(|floor| s.path.starts_with(floor)));
    for source in pure {
        for (number, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for name in WORLD.iter().filter(|name| code.contains(**name)) {
                violations.push(format!("{}: {name}", source.at(number + 1)));
            }
        }
    }
    violations
}
