//! A local cloud in a process of its own: found by its endpoint file, guarded by a lock.
//!
//! `daemon.lock` is held by the serving process for as long as it lives, so there is never more
//! than one per directory. `daemon.json` says where it answers; it counts only while the lock is
//! held. `start.lock` keeps two starters apart.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::body::Body;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::data::file::{self, Context as _, FileError};

/// How long a daemon may take until it has brought everything back.
const START: Duration = Duration::from_secs(180);

/// How long a daemon may take to end everything.
const STOP: Duration = Duration::from_secs(90);

/// Time between looks at a daemon that starts or stops.
const PAUSE: Duration = Duration::from_millis(20);

/// Why a daemon could not be started, found or stopped.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// A file.
    #[error("{0}")]
    File(String),
    /// The program could not be run.
    #[error("cannot start {}: {source}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("the local cloud ended before it was ready ({status}). Its log, {}:\n{tail}", log.display())]
    Ended {
        /// How it ended.
        status: String,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// It did not get ready in time.
    #[error("the local cloud was not ready after {} seconds. Its log, {}:\n{tail}", seconds, log.display())]
    Slow {
        /// How long was waited.
        seconds: u64,
        /// Its log file.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// It did not end in time.
    #[error("the local cloud (process {pid}) did not end within {seconds} seconds after SIGTERM")]
    Stuck {
        /// Its process id.
        pid: u32,
        /// How long was waited.
        seconds: u64,
    },
    /// Another version runs there.
    #[error(
        "a local cloud of another version of mlflow-host runs in {}: stop it with `mlflow-host cloud stop`, \
         then try again",
        .0.display()
    )]
    Foreign(PathBuf),
    /// Another version runs there and does not say as which process.
    #[error(
        "a local cloud of another version of mlflow-host runs in {path}, and its daemon.json names no process: \
         end the process that holds {path}/daemon.lock (`fuser {path}/daemon.lock` names it), then try again",
        path = .0.display()
    )]
    Nameless(PathBuf),
    /// The process could not be told to end.
    #[error("cannot end process {pid} of the local cloud: {source}")]
    Signal {
        /// Its process id.
        pid: u32,
        /// The system's answer.
        source: io::Error,
    },
}

impl From<FileError> for DaemonError {
    fn from(error: FileError) -> Self {
        Self::File(error.to_string())
    }
}

/// Where a running local cloud answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// `http://127.0.0.1:PORT`, without a trailing slash.
    pub base_url: String,
    /// The port.
    pub port: u16,
    /// Its process.
    pub pid: u32,
    /// When it was started, RFC 3339.
    pub started: String,
    /// The version of the program that serves.
    pub version: String,
    /// The certificate that HTTPS clients of its proxy have to trust (PEM). As a forward proxy it
    /// answers for `*.googleapis.com`.
    pub certificate: PathBuf,
    /// A bearer token that its Cloud Run services accept from the owner.
    pub token: String,
}

/// What is known about the local cloud of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// None runs.
    Stopped,
    /// One runs but has not brought everything back yet, or does not answer.
    Starting(Endpoint),
    /// One runs.
    Running(Endpoint),
}

/// The lock that the serving process holds.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Closing the file gives the lock back, also when the process is killed.
    _file: File,
}

impl Lock {
    /// Takes the lock of `directory`; `None` when another process has it.
    pub(crate) fn take(directory: &Path) -> Result<Option<Self>, FileError> {
        let path = directory.join("daemon.lock");
        let file = open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("lock", &path),
        }
    }
}

fn open_lock(path: &Path) -> Result<File, FileError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).context("create", parent)?;
    }
    OpenOptions::new().create(true).truncate(false).write(true).open(path).context("open", path)
}

fn endpoint_file(directory: &Path) -> PathBuf {
    directory.join("daemon.json")
}

/// Writes where this process serves `directory`.
pub(crate) fn announce(directory: &Path, port: u16, token: &str) -> Result<(), FileError> {
    let endpoint = Endpoint {
        base_url: format!("http://127.0.0.1:{port}"),
        port,
        pid: std::process::id(),
        started: crate::common::clock::now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        certificate: crate::server::proxy::certificate_file(directory),
        token: token.to_owned(),
    };
    file::write_json(&endpoint_file(directory), &endpoint)
}

/// Removes what [`announce`] wrote.
pub(crate) fn withdraw(directory: &Path) -> Result<(), FileError> {
    file::remove_file(&endpoint_file(directory))
}

/// Local clouds in processes of their own.
#[derive(Debug, Clone, Copy)]
pub struct Daemon;

impl Daemon {
    /// The running local cloud of `directory`, started first if need be by running
    /// `PROGRAM cloud serve --directory DIRECTORY` in the background, with its output in
    /// `daemon.log`. Returns when everything that ran before runs again.
    pub async fn ensure_started(directory: &Path, program: &Path) -> Result<Endpoint, DaemonError> {
        Self::ensure_started_with(directory, program, &[]).await
    }

    /// As [`Daemon::ensure_started`], with further arguments for a daemon that has to be started,
    /// such as `--port`, `--latency`.
    pub async fn ensure_started_with(
        directory: &Path,
        program: &Path,
        arguments: &[String],
    ) -> Result<Endpoint, DaemonError> {
        let directory = absolute(directory)?;
        let path = directory.join("start.lock");
        let starter = open_lock(&path)?;
        // Another starter may hold it for as long as a start takes.
        let locked = tokio::task::spawn_blocking(move || starter.lock().map(|()| starter)).await;
        let _starter =
            locked.map_err(|error| DaemonError::File(error.to_string()))?.context("lock", &path)?;
        let mut child = match Lock::take(&directory)? {
            // None runs: `daemon.json`, if there is one, is left from a crash.
            Some(free) => {
                withdraw(&directory)?;
                drop(free);
                Some(spawn(&directory, program, arguments)?)
            }
            None => None,
        };
        wait_until_ready(&directory, child.as_mut()).await
    }

    /// Stops the local cloud of `directory`, with all that it started; `false` when none runs.
    pub async fn stop(directory: &Path) -> Result<bool, DaemonError> {
        let directory = absolute(directory)?;
        let deadline = Instant::now() + STOP;
        let mut told = None;
        while Lock::take(&directory)?.is_none() {
            let pid = match announced(&directory)? {
                Announced::Nothing => None,
                Announced::Here(endpoint) => Some(endpoint.pid),
                Announced::Foreign(Some(pid)) => Some(pid),
                Announced::Foreign(None) => return Err(DaemonError::Nameless(directory)),
            };
            if let Some(pid) = pid
                && told != Some(pid)
            {
                terminate(pid)?;
                told = Some(pid);
            }
            if Instant::now() > deadline {
                return Err(DaemonError::Stuck { pid: told.unwrap_or_default(), seconds: STOP.as_secs() });
            }
            tokio::time::sleep(PAUSE).await;
        }
        withdraw(&directory)?;
        Ok(told.is_some())
    }

    /// What tells the local cloud of `directory` from every other, also from one that was in the same
    /// place before a reset: eight hexadecimal digits. `None` before its first start.
    pub fn identity(directory: &Path) -> Option<String> {
        let token = std::fs::read_to_string(directory.join("token")).ok()?;
        Some(hex::encode(&Sha256::digest(token.trim())[..4]))
    }

    /// What is known about the local cloud of `directory`.
    pub async fn status(directory: &Path) -> Result<Status, DaemonError> {
        let directory = absolute(directory)?;
        if !directory.exists() || Lock::take(&directory)?.is_some() {
            return Ok(Status::Stopped);
        }
        Ok(match announced(&directory)? {
            Announced::Nothing => Status::Stopped,
            Announced::Here(endpoint) if is_ready(&endpoint).await => Status::Running(endpoint),
            Announced::Here(endpoint) => Status::Starting(endpoint),
            Announced::Foreign(_) => return Err(DaemonError::Foreign(directory)),
        })
    }

    /// Stops the local cloud of `directory` and deletes all its data.
    pub async fn reset(directory: &Path) -> Result<(), DaemonError> {
        Self::stop(directory).await?;
        let directory = absolute(directory)?;
        let Some(_lock) = Lock::take(&directory)? else {
            return Err(DaemonError::File(format!(
                "another local cloud was started in {} meanwhile; try again",
                directory.display()
            )));
        };
        let entries = std::fs::read_dir(&directory).context("list", &directory)?;
        for entry in entries {
            let path = entry.context("list", &directory)?.path();
            // The lock file goes last, with the directory: it is held.
            if path.is_dir() {
                file::remove_directory(&path)?;
            } else if path.file_name().is_none_or(|name| name != "daemon.lock") {
                file::remove_file(&path)?;
            }
        }
        file::remove_directory(&directory)?;
        Ok(())
    }
}

fn absolute(directory: &Path) -> Result<PathBuf, DaemonError> {
    std::path::absolute(directory)
        .map_err(|error| DaemonError::File(format!("{}: {error}", directory.display())))
}

/// What `daemon.json` says.
enum Announced {
    /// There is no such file.
    Nothing,
    /// Where a daemon answers.
    Here(Endpoint),
    /// It was written by another version, perhaps with the id of its process.
    Foreign(Option<u32>),
}

fn announced(directory: &Path) -> Result<Announced, DaemonError> {
    let path = endpoint_file(directory);
    let content = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Announced::Nothing),
        content => content.context("read", &path)?,
    };
    Ok(serde_json::from_slice(&content).map_or_else(
        |_| {
            let value: Value = serde_json::from_slice(&content).unwrap_or_default();
            Announced::Foreign(value["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()))
        },
        Announced::Here,
    ))
}

fn log_file(directory: &Path) -> PathBuf {
    directory.join("daemon.log")
}

fn spawn(directory: &Path, program: &Path, arguments: &[String]) -> Result<Child, DaemonError> {
    let path = log_file(directory);
    let log = OpenOptions::new().create(true).append(true).open(&path).context("open", &path)?;
    let errors = log.try_clone().context("open", &path)?;
    Command::new(program)
        .args(["cloud", "serve", "--directory"])
        .arg(directory)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        // A group of its own: Ctrl-C in the terminal is not meant for it.
        .process_group(0)
        .spawn()
        .map_err(|source| DaemonError::Spawn { program: program.to_owned(), source })
}

async fn wait_until_ready(directory: &Path, mut child: Option<&mut Child>) -> Result<Endpoint, DaemonError> {
    let deadline = Instant::now() + START;
    let log = log_file(directory);
    let tail = || file::tail(&log, 20).join("\n");
    loop {
        match announced(directory)? {
            Announced::Here(endpoint) => {
                let ours = child.as_ref().is_none_or(|child| child.id() == endpoint.pid);
                if ours && is_ready(&endpoint).await {
                    return Ok(endpoint);
                }
            }
            Announced::Foreign(_) => return Err(DaemonError::Foreign(directory.to_owned())),
            Announced::Nothing => {}
        }
        if let Some(Ok(Some(status))) = child.as_mut().map(|child| child.try_wait()) {
            return Err(DaemonError::Ended { status: status.to_string(), tail: tail(), log });
        }
        if Instant::now() > deadline {
            return Err(DaemonError::Slow { seconds: START.as_secs(), tail: tail(), log });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the local cloud at `endpoint` says that it is ready.
async fn is_ready(endpoint: &Endpoint) -> bool {
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let Ok(address) = format!("{}/_local/health", endpoint.base_url).parse() else { return false };
    let Ok(response) = client.get(address).await else { return false };
    let Ok(bytes) = axum::body::to_bytes(Body::new(response.into_body()), 64 * 1024).await else {
        return false;
    };
    serde_json::from_slice::<Value>(&bytes).is_ok_and(|health| health["status"] == "ready")
}

fn terminate(pid: u32) -> Result<(), DaemonError> {
    let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    match rustix::process::kill_process(process, Signal::TERM) {
        Err(error) if error != rustix::io::Errno::SRCH => {
            Err(DaemonError::Signal { pid, source: error.into() })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_ends_is_reported_with_its_log() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("broken");
        std::fs::write(&program, "#!/bin/sh\necho no luck\nexit 3\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let data = directory.path().join("data");
        let error = Daemon::ensure_started(&data, &program).await.unwrap_err().to_string();
        assert!(error.contains("exit status: 3") && error.contains("no luck"), "{error}");
        let error = Daemon::ensure_started(&data, Path::new("/nowhere")).await.unwrap_err();
        assert!(matches!(error, DaemonError::Spawn { .. }));
        assert_eq!(Daemon::status(&data).await.unwrap(), Status::Stopped);
        assert!(!Daemon::stop(&data).await.unwrap());
    }

    #[tokio::test]
    async fn what_another_version_left_is_stale_and_what_it_runs_can_be_stopped() {
        let directory = tempfile::tempdir().unwrap();
        let mut other = Command::new("sleep").arg("600").spawn().unwrap();
        let announce = |text: &str| std::fs::write(endpoint_file(directory.path()), text).unwrap();
        announce("{\"port\": 1}");
        assert_eq!(Daemon::status(directory.path()).await.unwrap(), Status::Stopped);
        assert!(!Daemon::stop(directory.path()).await.unwrap());
        assert!(!endpoint_file(directory.path()).exists());

        let lock = Lock::take(directory.path()).unwrap().unwrap();
        announce("{\"port\": 1}");
        let error = Daemon::status(directory.path()).await.unwrap_err().to_string();
        assert!(error.ends_with("stop it with `mlflow-host cloud stop`, then try again"), "{error}");
        let error = Daemon::stop(directory.path()).await.unwrap_err();
        assert!(matches!(error, DaemonError::Nameless(_)), "{error}");
        announce(&format!("{{\"pid\": {}}}", other.id()));
        let stopping = tokio::spawn({
            let directory = directory.path().to_owned();
            async move { Daemon::stop(&directory).await }
        });
        tokio::task::spawn_blocking(move || other.wait()).await.unwrap().unwrap();
        drop(lock);
        assert!(stopping.await.unwrap().unwrap());
    }

    #[test]
    fn there_is_one_lock_per_directory() {
        let directory = tempfile::tempdir().unwrap();
        let held = Lock::take(directory.path()).unwrap().unwrap();
        assert!(Lock::take(directory.path()).unwrap().is_none());
        drop(held);
        assert!(Lock::take(directory.path()).unwrap().is_some());
    }
}
