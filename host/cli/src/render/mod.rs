//! What users and scripts get to see.
//!
//! Results (plan, outputs, summary) go to standard output; progress, notices and errors go to standard
//! error. With `--json` everything goes to standard output, one event a line: see `docs/json-events.md`.

mod drawing;
mod drift;
mod graph;
mod human;
mod json;
mod layout;
mod live;
mod paint;
mod plan;
mod policies;
mod report;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use mlflow_host_engine::{Action, Deferral, Drift, Observer, Plan, Recorded};
use mlflow_host_graph::{AssetDigest, Severity, Value};
use mlflow_host_localcloud::Endpoint;
use serde_json::Value as Json;

use crate::config::StackConfig;
use crate::failure::{Code, Failure};

pub(crate) use graph::{GraphFormat, graph_line};
pub(crate) use human::{Human, shown};
pub(crate) use json::{JsonLines, change};
pub(crate) use live::Busy;
pub(crate) use paint::Paint;
pub(crate) use policies::{Finding, enforce};
pub(crate) use report::{Report, ReportFile};
pub(crate) use text::{duration, size};

/// What a plan is about.
#[derive(Debug, Clone)]
pub(crate) struct Heading {
    /// `up`, `preview` or `destroy`.
    pub(crate) command: &'static str,
    /// The stack.
    pub(crate) stack: String,
    /// The cloud's name in files and events.
    pub(crate) cloud: &'static str,
    /// The cloud's name in sentences.
    pub(crate) cloud_title: &'static str,
    /// The project's id.
    pub(crate) project: String,
    /// The region.
    pub(crate) region: String,
    /// The directories that are packed anew, once they are known.
    pub(crate) archives: Vec<Archive>,
}

/// A directory that a stack packs.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    /// By which values refer to it.
    pub(crate) digest: AssetDigest,
    /// Where it is, beside the stack.
    pub(crate) directory: PathBuf,
    /// How many files it has.
    pub(crate) files: usize,
}

impl Heading {
    pub(crate) fn new(command: &'static str, config: &StackConfig) -> Self {
        Self {
            command,
            stack: config.stack.clone(),
            cloud: config.cloud.name(),
            cloud_title: config.cloud.title(),
            project: config.project.clone(),
            region: config.region.clone(),
            archives: Vec::new(),
        }
    }
}

/// An output of a stack.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// Its name.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: Value,
    /// Where it is reached on this machine, for an address on the local cloud.
    pub(crate) local: Option<String>,
}

/// How a command ended.
#[derive(Debug, Clone)]
pub(crate) struct Ending {
    /// The command.
    pub(crate) command: &'static str,
    /// How the process ends.
    pub(crate) code: Code,
    /// How many resources each action was carried out on; for `preview`, would be.
    pub(crate) counts: BTreeMap<Action, usize>,
    /// How many resources stay as they are.
    pub(crate) unchanged: usize,
    /// How many operations failed.
    pub(crate) failed: usize,
    /// How many operations were not begun.
    pub(crate) skipped: usize,
    /// How many deletions have to wait.
    pub(crate) deferred: usize,
    /// Whether the run was stopped.
    pub(crate) interrupted: bool,
    /// When the first deletion that has to wait may be tried again, RFC 3339.
    pub(crate) retry_at: Option<String>,
    /// The fuel that the program used, if that was to be counted.
    pub(crate) fuel: Option<u64>,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

impl Ending {
    /// An ending without anything done.
    pub(crate) fn new(command: &'static str, code: Code) -> Self {
        Self {
            command,
            code,
            counts: BTreeMap::new(),
            unchanged: 0,
            failed: 0,
            skipped: 0,
            deferred: 0,
            interrupted: false,
            retry_at: None,
            fuel: None,
            elapsed: Duration::ZERO,
        }
    }
}

/// What is known about the local cloud.
#[derive(Debug, Clone)]
pub(crate) struct CloudStatus {
    /// Where its data are.
    pub(crate) directory: PathBuf,
    /// `stopped`, `starting` or `running`.
    pub(crate) status: &'static str,
    /// Where it answers, unless it is stopped.
    pub(crate) running: Option<Endpoint>,
    /// The local addresses of its services, by those that Google would give them.
    pub(crate) services: BTreeMap<String, String>,
}

/// Shows what happens.
pub(crate) trait Reporter: Send + Sync {
    /// A message of the stack's program.
    fn log(&self, severity: Option<Severity>, message: &str);
    /// A sentence worth knowing.
    fn notice(&self, message: &str);
    /// Something takes a while, until what this gives is dropped.
    fn busy(&self, what: &str) -> Busy;
    /// A plan. With `details`, the complete inputs of what is created.
    fn plan(&self, heading: &Heading, plan: &Plan, details: bool);
    /// What the policies say of the plan.
    fn policies(&self, findings: &[Finding]);
    /// What has changed in the cloud, out of so many recorded resources.
    fn drift(&self, heading: &Heading, drifts: &[Drift], recorded: usize);
    /// The cloud still holds something: the host sleeps until then.
    fn waiting(&self, held: &[(&Recorded, &Deferral)], until: Timestamp);
    /// Whoever shows the progress of a plan. `timed` says whether the expected durations, which are
    /// Google's, hold for this cloud.
    fn progress(&self, plan: &Plan, timed: bool) -> Box<dyn Observer>;
    /// The outputs of a stack.
    fn outputs(&self, outputs: &[Output], show_secrets: bool);
    /// What was asked for: an event for scripts, text for people.
    fn answer(&self, event: &str, fields: Json, text: &str);
    /// The local cloud.
    fn cloud(&self, status: &CloudStatus);
    /// An error.
    fn failure(&self, failure: &Failure);
    /// The end.
    fn ending(&self, ending: &Ending);
}

/// The reporter that fits the command line and the terminal.
pub(crate) fn reporter(json: bool, verbose: bool) -> Box<dyn Reporter> {
    if json {
        return Box::new(JsonLines::new());
    }
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
    Box::new(Human { out: Paint::new(out && !plain), err: Paint::new(err && !plain), live: err, verbose })
}

/// Writes to standard output. A reader that has gone away must not stop a run.
pub(crate) fn print(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// Writes to standard error, likewise.
pub(crate) fn print_error(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
