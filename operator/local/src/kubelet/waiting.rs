//! Why a container has not been started yet.

use std::io;
use std::path::{Path, PathBuf};

/// What `kubectl get pods` and `kubectl describe` show of a container that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Kubernetes' word for it, such as `CreateContainerConfigError`.
    pub(super) reason: &'static str,
    /// What the event about it is called.
    pub(super) event: &'static str,
    /// What is missing and, where that helps, what to do.
    pub(super) message: String,
}

// === impl Waiting ===

impl Waiting {
    /// The ordinary beginning of a container's life.
    pub(super) fn creating() -> Self {
        Self { reason: "ContainerCreating", event: "Pending", message: String::new() }
    }

    /// A volume cannot be mounted yet.
    pub(super) fn mount(message: impl Into<String>) -> Self {
        Self { reason: "ContainerCreating", event: "FailedMount", message: message.into() }
    }

    /// The container's environment refers to something that is not there.
    pub(super) fn config(message: impl Into<String>) -> Self {
        Self { reason: "CreateContainerConfigError", event: "Failed", message: message.into() }
    }

    /// The container asks for something that the process kubelet does not do.
    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self { reason: "NotSupported", event: "Failed", message: message.into() }
    }

    /// This machine's file system refused.
    pub(super) fn disk(op: &str, path: &Path, error: &io::Error) -> Self {
        Self {
            reason: "ContainerCreating",
            event: "FailedMount",
            message: format!("cannot {op} {}: {error}", path.display()),
        }
    }

    /// No program on this machine stands for the container's command.
    pub(super) fn program(command: &str, looked_in: &[PathBuf]) -> Self {
        let places: Vec<_> = looked_in.iter().map(|place| place.display().to_string()).collect();
        let message = format!(
            "`dev` runs a container as a process of this machine and found no program for `{command}` at {}",
            places.join(", ")
        );
        Self { reason: "ProgramNotFound", event: "Failed", message }
    }
}
