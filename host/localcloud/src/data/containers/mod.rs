//! Cloud Run's data plane: an image started as a process group.
//!
//! A container gets a private directory with a copy of the image's files, which it may change and
//! which goes with it, as on Cloud Run; of the rest of the machine it may write `/tmp`, `/var/tmp`
//! and `/dev/shm` only. Its environment is empty but for the image's, the given one, `PORT`,
//! `PATH`, `HOME`, `TMPDIR` and `LANG`. The program (the first word) is looked up in the image:
//! by `PATH`, or as an absolute path where it exists inside; arguments are passed as they are, so
//! an absolute path among them is this machine's. A memory limit is not enforced.

mod command;
mod probe;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::file::{self, Context, FileError};
use super::images::{self, ImageManifest};
use super::process::{self, ProcessError, Processes, StopSignal};
use super::sandbox::{self, SandboxError};
pub(crate) use probe::{Check, Probe};

/// Begins the name of every container's process record.
const PROCESS_PREFIX: &str = "container-";

/// How many lines of a log an error or a completion repeats.
const TAIL: usize = 30;

/// Shared directories that programs write to by fixed paths.
const SHARED: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Cloud Run's time between SIGTERM and SIGKILL.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(10);

/// The containers of one local cloud.
#[derive(Debug)]
pub(crate) struct Containers {
    directory: PathBuf,
    processes: Processes,
}

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct ContainerSpec {
    /// Unique among running containers.
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
pub(crate) struct Container {
    started: Arc<Started>,
    exit: watch::Receiver<Option<Exit>>,
}

#[derive(Debug)]
struct Started {
    id: String,
    pid: u32,
    log: PathBuf,
    processes: Processes,
}

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

/// Why a container did not start or get ready.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContainerError {
    /// The image has neither ENTRYPOINT nor CMD, and none was given.
    #[error("the image has no command: add CMD to its Dockerfile, or set the container's command")]
    NoCommand,
    /// The program is not in the image.
    #[error("executable file {program:?} not found in the image: searched {path}")]
    NotFound {
        /// The first word of the command.
        program: String,
        /// The directories searched.
        path: String,
    },
    /// WORKDIR is not in the image.
    #[error("the working directory {0} does not exist in the image")]
    NoDirectory(String),
    /// It ended before it was ready.
    #[error("the container ended with {exit} before it was ready; the end of its log:\n{}", log.join("\n"))]
    Ended {
        /// How it ended.
        exit: Exit,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// The probe never succeeded.
    #[error("the startup probe failed {tries} times, last with: {reason}; the end of the log:\n{}", log.join("\n"))]
    NotReady {
        /// How often it was tried.
        tries: u32,
        /// The last failure.
        reason: String,
        /// The last lines of its log.
        log: Vec<String>,
    },
    /// It could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: SandboxError,
    },
    /// Its process could not be recorded or ended.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal(signal) => write!(formatter, "signal {signal}"),
        }
    }
}

impl Exit {
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Code(-1),
        }
    }

    /// True for exit code 0.
    pub(crate) fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl Containers {
    /// Opens the container directory, and ends what an earlier run of the daemon left behind.
    pub(crate) async fn open(directory: PathBuf, processes: Processes) -> Result<Self, ContainerError> {
        processes.stop_all(PROCESS_PREFIX, STOP_GRACE).await?;
        file::remove_directory(&directory)?;
        std::fs::create_dir_all(&directory).context("create", &directory)?;
        let directory = std::fs::canonicalize(&directory).context("find", &directory)?;
        Ok(Self { directory, processes })
    }

    /// Starts a container.
    pub(crate) async fn start(&self, spec: ContainerSpec) -> Result<Container, ContainerError> {
        let private = self.directory.join(file::component(&spec.id));
        let started = self.start_in(&private, spec).await;
        if started.is_err() {
            file::remove_directory(&private)?;
        }
        started
    }

    async fn start_in(&self, private: &Path, spec: ContainerSpec) -> Result<Container, ContainerError> {
        let root = private.join("root");
        let temporary = private.join("tmp");
        for directory in [&root, &temporary] {
            std::fs::create_dir_all(directory).context("create", directory)?;
        }
        images::copy_tree(&spec.image.root, &root).await?;
        let log = open_log(&spec.log)?;
        let log_copy = log.try_clone().context("open", &spec.log)?;
        let mut command = command::prepare(&spec, &root, &temporary)?;
        command.stdin(Stdio::null()).stdout(Stdio::from(log_copy)).stderr(Stdio::from(log)).process_group(0);
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let mut writable = vec![private.to_path_buf()];
        writable.extend(SHARED.iter().map(PathBuf::from));
        let (mut child, _) = sandbox::spawn(command, writable)
            .await
            .map_err(|source| ContainerError::Start { program, source })?;

        let pid = child.id().unwrap_or_default();
        let name = format!("{PROCESS_PREFIX}{}", spec.id);
        self.processes.record(&name, pid, StopSignal::Terminate, private)?;
        let (sender, exit) = watch::channel(None);
        let processes = self.processes.clone();
        let private = private.to_path_buf();
        tokio::spawn(async move {
            let exit = child.wait().await.map_or(Exit::Code(-1), Exit::of);
            if let Err(error) = clear(&name, pid, &processes, &private).await {
                tracing::warn!(%error, container = name, "something of an ended container stays behind");
            }
            let _ = sender.send(Some(exit));
        });
        Ok(Container {
            started: Arc::new(Started { id: spec.id, pid, log: spec.log, processes: self.processes.clone() }),
            exit,
        })
    }

    /// Runs a container to its end, or stops it after `timeout`.
    pub(crate) async fn run(
        &self,
        spec: ContainerSpec,
        timeout: Duration,
    ) -> Result<Completion, ContainerError> {
        let container = self.start(spec).await?;
        let (exit, timed_out) = match tokio::time::timeout(timeout, container.wait()).await {
            Ok(exit) => (exit, false),
            Err(_) => (container.stop(STOP_GRACE).await?, true),
        };
        Ok(Completion { exit, timed_out, log: container.tail() })
    }

    /// Ends all containers at the same time.
    pub(crate) async fn stop_all(&self, grace: Duration) -> Result<(), ContainerError> {
        self.processes.stop_all(PROCESS_PREFIX, grace).await?;
        Ok(())
    }
}

impl Container {
    /// The id given at the start.
    pub(crate) fn id(&self) -> &str {
        &self.started.id
    }

    /// The process id of the group's leader.
    pub(crate) fn pid(&self) -> u32 {
        self.started.pid
    }

    /// The log file.
    pub(crate) fn log(&self) -> &Path {
        &self.started.log
    }

    /// The last lines of its log.
    pub(crate) fn tail(&self) -> Vec<String> {
        file::tail(&self.started.log, TAIL)
    }

    /// How it ended, or `None` while it runs.
    pub(crate) fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits for its end.
    pub(crate) async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::Code(-1)),
            // The task that watches the process went down with its runtime.
            Err(_) => Exit::Code(-1),
        }
    }

    /// SIGTERM, then SIGKILL after `grace`; returns how it ended.
    pub(crate) async fn stop(&self, grace: Duration) -> Result<Exit, ContainerError> {
        let name = format!("{PROCESS_PREFIX}{}", self.started.id);
        if self.exit().is_none() {
            self.started.processes.stop(&name, grace).await?;
        }
        Ok(self.wait().await)
    }

    /// Waits until the probe succeeds; fails as soon as the container ends.
    pub(crate) async fn ready(&self, probe: &Probe) -> Result<(), ContainerError> {
        tokio::select! {
            exit = self.wait() => Err(ContainerError::Ended { exit, log: self.tail() }),
            result = probe.succeed() => result.map_err(|reason| ContainerError::NotReady {
                tries: probe.failure_threshold,
                reason,
                log: self.tail(),
            }),
        }
    }
}

fn open_log(path: &Path) -> Result<std::fs::File, FileError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).context("create", parent)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).open(path).context("open", path)
}

/// After the leader's end: what is left of its group gets its time too, then nothing of it stays,
/// neither record nor files.
async fn clear(name: &str, pid: u32, processes: &Processes, private: &Path) -> Result<(), ContainerError> {
    processes.stop(name, STOP_GRACE).await?;
    // A child that emptied its environment is not recognised, but is in the group all the same.
    process::signal_group(name, pid, rustix::process::Signal::KILL)?;
    file::remove_directory(private)?;
    Ok(())
}
