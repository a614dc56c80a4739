//! Cloud Run's data plane: an image started as a process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::images::ImageManifest;
use super::process::Processes;

/// The containers of one local cloud.
#[derive(Debug)]
pub(crate) struct Containers {}

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct ContainerSpec {
    /// Unique, of letters, digits, `-`, `_` and `.`.
    pub(crate) id: String,
    /// The image.
    pub(crate) image: ImageManifest,
    /// Replaces ENTRYPOINT (and drops CMD) when not empty.
    pub(crate) command: Vec<String>,
    /// Replaces CMD when not empty.
    pub(crate) arguments: Vec<String>,
    /// Set over the image's own.
    pub(crate) environment: BTreeMap<String, String>,
    /// The value of PORT; none for jobs.
    pub(crate) port: Option<u16>,
    /// Replaces WORKDIR.
    pub(crate) working_directory: Option<String>,
    /// Receives standard output and error, appended.
    pub(crate) log: PathBuf,
}

/// How a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It ended by itself with this code.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

/// A started container. Clones are the same container; dropping one does not stop it.
#[derive(Debug, Clone)]
pub(crate) struct Container {}

/// What came of a job's task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Completion {
    /// How it ended.
    pub(crate) exit: Exit,
    /// True when it was stopped for having run too long.
    pub(crate) timed_out: bool,
    /// The last lines of its log.
    pub(crate) log: Vec<String>,
}

/// A startup probe, with Cloud Run's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    /// What is tried.
    pub(crate) check: Check,
    /// Wait before the first try.
    pub(crate) initial_delay: Duration,
    /// Time between tries.
    pub(crate) period: Duration,
    /// How long one try may take.
    pub(crate) timeout: Duration,
    /// Tries before giving up.
    pub(crate) failure_threshold: u32,
}

/// What a probe tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    /// A connection to 127.0.0.1 on this port.
    Tcp(u16),
    /// `GET path` answers 200 to 399.
    Http {
        /// Port on 127.0.0.1.
        port: u16,
        /// Path with a leading slash.
        path: String,
        /// Additional request headers.
        headers: Vec<(String, String)>,
    },
}

/// Why a container did not start or get ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContainerError {
    /// It ended before it was ready.
    #[error("the container ended ({exit:?}) before it was ready\n{}", log.join("\n"))]
    Ended {
        /// How it ended.
        exit: Exit,
        /// The last lines of its log.
        log: Vec<String>,
    },
}

impl Containers {
    /// Opens the container directory; call [`Self::stop_all`] to end what a crash left.
    pub(crate) async fn open(directory: PathBuf, processes: Processes) -> Result<Self, ContainerError> {
        let _ = (directory, processes);
        todo!()
    }
    /// Starts a container.
    pub(crate) async fn start(&self, spec: ContainerSpec) -> Result<Container, ContainerError> {
        let _ = spec;
        todo!()
    }
    /// Runs a container to its end, or stops it after `timeout`.
    pub(crate) async fn run(
        &self,
        spec: ContainerSpec,
        timeout: Duration,
    ) -> Result<Completion, ContainerError> {
        let _ = (spec, timeout);
        todo!()
    }
    /// Ends all containers, also those of an earlier run of the daemon.
    pub(crate) async fn stop_all(&self, grace: Duration) -> Result<(), ContainerError> {
        let _ = grace;
        todo!()
    }
}

impl Container {
    /// The id given at the start.
    pub(crate) fn id(&self) -> &str {
        todo!()
    }
    /// The process id of the group's leader.
    pub(crate) fn pid(&self) -> u32 {
        todo!()
    }
    /// The log file.
    pub(crate) fn log(&self) -> &Path {
        todo!()
    }
    /// How it ended, or `None` while it runs.
    pub(crate) fn exit(&self) -> Option<Exit> {
        todo!()
    }
    /// Waits for its end.
    pub(crate) async fn wait(&self) -> Exit {
        todo!()
    }
    /// SIGTERM, then SIGKILL after `grace`; returns how it ended.
    pub(crate) async fn stop(&self, grace: Duration) -> Result<Exit, ContainerError> {
        let _ = grace;
        todo!()
    }
    /// Waits until the probe succeeds; fails as soon as the container ends.
    pub(crate) async fn ready(&self, probe: &Probe) -> Result<(), ContainerError> {
        let _ = probe;
        todo!()
    }
}
