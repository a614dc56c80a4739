//! Processes that never leak: each is recorded on disk with proof of its identity.
//!
//! Every process leads a group of its own. Its record holds the process id, its start time (field
//! 22 of `/proc/PID/stat`) and the boot id, so a record left by a crash is never mistaken for a
//! stranger that was given the same number. Where the leader has gone and children remain, they
//! are known by a marker (a private directory's path) in their environment.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};

use super::file::{self, Context, FileError};

/// How often a stopping process is looked at.
const POLL: Duration = Duration::from_millis(20);

/// The signal that asks a process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum StopSignal {
    /// What Cloud Run sends.
    Terminate,
    /// PostgreSQL's fast shutdown, which does not wait for clients.
    Interrupt,
}

impl StopSignal {
    fn signal(self) -> Signal {
        match self {
            Self::Terminate => Signal::TERM,
            Self::Interrupt => Signal::INT,
        }
    }
}

/// What is known on disk about one process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    pid: u32,
    start_time: u64,
    boot: String,
    stop: StopSignal,
    marker: String,
}

/// Why a process could not be recorded or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// The record could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The kernel refused the signal.
    #[error("cannot end process {pid} ({name}): {source}")]
    Signal {
        /// The record's name.
        name: String,
        /// The process id.
        pid: u32,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The process outlived SIGKILL.
    #[error("process {pid} ({name}) does not end, not even by SIGKILL: see `ps -o stat,wchan {pid}`")]
    Immortal {
        /// The record's name.
        name: String,
        /// The process id.
        pid: u32,
    },
}

/// The records of all processes of one local cloud.
#[derive(Debug, Clone)]
pub(crate) struct Processes {
    directory: PathBuf,
}

impl Processes {
    /// Opens the records in `directory`, which is created.
    pub(crate) async fn open(directory: impl Into<PathBuf>) -> Result<Self, FileError> {
        let directory = directory.into();
        tokio::fs::create_dir_all(&directory).await.context("create", &directory)?;
        Ok(Self { directory })
    }

    /// Records a process that was just started as leader of its own group.
    ///
    /// `name` is unique; `marker` is text that the process has in its environment.
    pub(crate) fn record(
        &self,
        name: &str,
        pid: u32,
        stop: StopSignal,
        marker: &Path,
    ) -> Result<(), FileError> {
        let Some(status) = Status::read(pid) else {
            // It has ended already: there is nothing to end later.
            return Ok(());
        };
        let record = Record {
            pid,
            start_time: status.start_time,
            boot: boot_id(),
            stop,
            marker: marker.to_string_lossy().into_owned(),
        };
        file::write_json(&self.path(name), &record)
    }

    /// Drops the record of a process that has ended.
    pub(crate) fn forget(&self, name: &str) -> Result<(), FileError> {
        file::remove_file(&self.path(name))
    }

    /// The process id behind `name`, if that very process still runs.
    pub(crate) fn running(&self, name: &str) -> Result<Option<u32>, FileError> {
        let record: Option<Record> = file::read_json(&self.path(name))?;
        Ok(record.filter(|record| record.leader_runs()).map(|record| record.pid))
    }

    /// The names of all records, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>, FileError> {
        let files = file::names_with_suffix(&self.directory, ".json")?;
        Ok(files.iter().map(|name| file::from_component(name)).collect())
    }

    /// Ends the process group behind `name`: the recorded signal, then SIGKILL after `grace`.
    ///
    /// True when something was running. A record that no longer fits a process is dropped.
    pub(crate) async fn stop(&self, name: &str, grace: Duration) -> Result<bool, ProcessError> {
        let Some(record) = file::read_json::<Record>(&self.path(name))? else {
            return Ok(false);
        };
        let ran = end(name, &record, grace).await?;
        self.forget(name)?;
        Ok(ran)
    }

    /// Ends every recorded process whose name begins with `prefix`, all at the same time; returns
    /// the names of those that were running.
    pub(crate) async fn stop_all(&self, prefix: &str, grace: Duration) -> Result<Vec<String>, ProcessError> {
        let names = self.names()?;
        let stops = names
            .into_iter()
            .filter(|name| name.starts_with(prefix))
            .map(|name| async move { self.stop(&name, grace).await.map(|ran| (name, ran)) });
        let mut stopped = Vec::new();
        for result in futures::future::join_all(stops).await {
            let (name, ran) = result?;
            if ran {
                stopped.push(name);
            }
        }
        Ok(stopped)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{}.json", file::component(name)))
    }
}

impl Record {
    fn leader_runs(&self) -> bool {
        self.boot == boot_id()
            && Status::read(self.pid)
                .is_some_and(|status| status.alive && status.start_time == self.start_time)
    }

    /// True when the group still has a process that is certainly ours.
    fn group_runs(&self) -> bool {
        self.leader_runs()
            || (self.boot == boot_id()
                && members(self.pid).into_iter().any(|member| has_marker(member, &self.marker)))
    }
}

/// Ends the group of `record`; true when it was running.
async fn end(name: &str, record: &Record, grace: Duration) -> Result<bool, ProcessError> {
    if !record.group_runs() {
        return Ok(false);
    }
    for (signal, patience) in [(record.stop.signal(), grace), (Signal::KILL, Duration::from_secs(10))] {
        signal_group(name, record.pid, signal)?;
        let begin = Instant::now();
        while begin.elapsed() < patience {
            if !record.group_runs() {
                return Ok(true);
            }
            tokio::time::sleep(POLL).await;
        }
    }
    if record.group_runs() {
        return Err(ProcessError::Immortal { name: name.to_owned(), pid: record.pid });
    }
    Ok(true)
}

/// Sends `signal` to every process of the group; an empty group is success.
pub(crate) fn signal_group(name: &str, pid: u32, signal: Signal) -> Result<(), ProcessError> {
    let Some(group) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Ok(());
    };
    match kill_process_group(group, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(ProcessError::Signal { name: name.to_owned(), pid, source: error.into() }),
    }
}

/// The living processes of a group.
pub(crate) fn members(group: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| Status::read(*pid).is_some_and(|status| status.alive && status.group == group))
        .collect()
}

fn has_marker(pid: u32, marker: &str) -> bool {
    !marker.is_empty()
        && std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
            environment
                .split(|byte| *byte == 0)
                .any(|variable| String::from_utf8_lossy(variable).contains(marker))
        })
}

/// What `/proc/PID/stat` says.
struct Status {
    alive: bool,
    group: u32,
    start_time: u64,
}

impl Status {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The command name is in parentheses and may hold anything, so fields count from the last `)`.
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        Some(Self {
            alive: !matches!(*fields.first()?, "Z" | "X"),
            group: fields.get(2)?.parse().ok()?,
            start_time: fields.get(19)?.parse().ok()?,
        })
    }
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn processes() -> (tempfile::TempDir, Processes) {
        let directory = tempfile::tempdir().unwrap();
        let processes = Processes::open(directory.path()).await.unwrap();
        (directory, processes)
    }

    fn start(script: &str, marker: &Path) -> tokio::process::Child {
        tokio::process::Command::new("sh")
            .args(["-c", script])
            .env("MARKER", marker)
            .process_group(0)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    }

    async fn first_line(child: &mut tokio::process::Child) -> String {
        use tokio::io::AsyncBufReadExt;
        let output = tokio::io::BufReader::new(child.stdout.as_mut().unwrap());
        output.lines().next_line().await.unwrap().unwrap()
    }

    #[test]
    fn a_command_name_with_parentheses_does_not_shift_the_fields() {
        let line = "7 (a) b) S 1 42 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12345 0";
        let status = Status::parse(line).unwrap();
        assert!(status.alive);
        assert_eq!((status.group, status.start_time), (42, 12345));
    }

    #[tokio::test]
    async fn a_process_that_ignores_the_signal_is_killed() {
        let (directory, processes) = processes().await;
        let mut child = start("trap '' TERM; echo ready; while :; do sleep 1; done", directory.path());
        assert_eq!(first_line(&mut child).await, "ready");
        let pid = child.id().unwrap();
        processes.record("deaf", pid, StopSignal::Terminate, directory.path()).unwrap();
        assert_eq!(processes.running("deaf").unwrap(), Some(pid));
        let stopped = processes.stop_all("de", Duration::from_millis(50)).await.unwrap();
        assert_eq!(stopped, ["deaf"]);
        assert_eq!(processes.names().unwrap(), Vec::<String>::new());
        assert_eq!(members(pid), Vec::<u32>::new());
        child.wait().await.unwrap();
    }

    #[tokio::test]
    async fn children_that_outlive_their_leader_are_found_by_the_marker() {
        let (directory, processes) = processes().await;
        let mut child = start("sleep 600 >/dev/null & echo ready; read wait || true", directory.path());
        assert_eq!(first_line(&mut child).await, "ready");
        let pid = child.id().unwrap();
        processes.record("parent", pid, StopSignal::Terminate, directory.path()).unwrap();
        rustix::process::kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
        child.wait().await.unwrap();
        assert_eq!(processes.running("parent").unwrap(), None);
        assert!(processes.stop("parent", Duration::from_secs(5)).await.unwrap());
        assert_eq!(members(pid), Vec::<u32>::new());
    }

    #[tokio::test]
    async fn a_stranger_with_the_same_number_is_left_alone() {
        let (directory, processes) = processes().await;
        let mut child = start("echo ready; sleep 600", Path::new("elsewhere"));
        assert_eq!(first_line(&mut child).await, "ready");
        let pid = child.id().unwrap();
        processes.record("mine", pid, StopSignal::Terminate, directory.path()).unwrap();
        let path = processes.path("mine");
        let mut record: Record = file::read_json(&path).unwrap().unwrap();
        record.start_time -= 1;
        file::write_json(&path, &record).unwrap();

        assert!(!processes.stop("mine", Duration::from_secs(1)).await.unwrap());
        assert_eq!(child.try_wait().unwrap(), None);
        signal_group("child", pid, Signal::KILL).unwrap();
        child.wait().await.unwrap();
    }
}
