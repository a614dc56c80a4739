//! Runs the process of a RUN instruction, its output line by line into the log.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::mpsc::UnboundedSender;

use super::ImageError;
use crate::data::file::{Context, FileError};
use crate::data::process::{self, Processes, StopSignal};
use crate::data::sandbox::{self, Confinement};

/// How many lines of a failed step's output its error repeats.
const TAIL: usize = 30;

/// How a step's process ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The exit code; 128 and the signal's number when a signal ended it.
    pub(super) code: i32,
    /// The last lines of its output.
    pub(super) tail: Vec<String>,
}

/// Ends the whole group when the build ends, in whatever way.
struct Group<'a> {
    processes: &'a Processes,
    name: String,
    pid: u32,
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        let ended = process::signal_group(&self.name, self.pid, rustix::process::Signal::KILL);
        if let Err(error) = ended {
            tracing::warn!(%error, "a build step's processes stay behind");
        } else if let Err(error) = self.processes.forget(&self.name) {
            tracing::warn!(%error, "a build step's record stays behind");
        }
    }
}

/// Runs `command`, which may write below `writable` only.
pub(super) async fn run(
    mut command: Command,
    writable: Vec<PathBuf>,
    marker: &std::path::Path,
    processes: &Processes,
    log: &UnboundedSender<String>,
) -> Result<Outcome, ImageError> {
    let program = PathBuf::from(command.as_std().get_program());
    let pipe = || std::io::pipe().context("create", std::path::Path::new("a pipe"));
    let (reader, writer) = pipe()?;
    let second = writer.try_clone().context("create", std::path::Path::new("a pipe"))?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::from(writer))
        .stderr(Stdio::from(second))
        .kill_on_drop(true)
        .process_group(0);
    let (mut child, confinement) = sandbox::spawn(command, writable).await?;
    let pid = child.id().unwrap_or_default();
    let name = format!("build-{}", uuid::Uuid::new_v4().simple());
    let group = Group { processes, name: name.clone(), pid };
    processes.record(&name, pid, StopSignal::Terminate, marker)?;
    if confinement == Confinement::Unavailable {
        let _ = log.send(
            "Note: this kernel has no Landlock, so the step may write anywhere on this machine.".to_owned(),
        );
    }
    let lines = log.clone();
    let output = tokio::task::spawn_blocking(move || copy_lines(reader, &lines));
    let status = child.wait().await.context("wait for", &program)?;
    // Processes left in the background would keep the pipe open for ever.
    drop(group);
    let tail = output.await.map_err(std::io::Error::other).context("read the output of", &program)?;
    Ok(Outcome { code: status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1), tail })
}

fn copy_lines(reader: impl std::io::Read, log: &UnboundedSender<String>) -> Vec<String> {
    let mut reader = BufReader::new(reader);
    let mut tail = VecDeque::new();
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        // A progress bar rewrites its line: the last state counts.
        let text = text.trim_end_matches(['\n', '\r']);
        let text = text.rsplit('\r').next().unwrap_or(text).to_owned();
        line.clear();
        if tail.len() == TAIL {
            tail.pop_front();
        }
        tail.push_back(text.clone());
        // A caller that stopped listening does not stop the build.
        let _ = log.send(text);
    }
    tail.into()
}

impl From<sandbox::SandboxError> for ImageError {
    fn from(error: sandbox::SandboxError) -> Self {
        match error {
            sandbox::SandboxError::Spawn(source) => {
                Self::File(FileError { action: "start", path: PathBuf::from("the step's command"), source })
            }
            other => Self::Sandbox(other),
        }
    }
}
