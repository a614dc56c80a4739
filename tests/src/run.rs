//! One run of the host, and what it said.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value as Json;
use wait4::Wait4 as _;

/// How a command ended.
#[derive(Debug)]
pub struct Run {
    /// The command line.
    pub command: String,
    /// The exit code; -1 for a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// How long it took.
    pub seconds: f64,
    /// The most memory that it had at once, in bytes.
    pub memory: u64,
}

impl Run {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn of(mut command: Command) -> Result<Self> {
        let arguments: Vec<_> = command.get_args().map(|text| text.to_string_lossy().into_owned()).collect();
        let title = format!("{} {}", command.get_program().to_string_lossy(), arguments.join(" "));
        let begin = Instant::now();
        let context = || format!("cannot run {title}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(context)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr) = thread::scope(|scope| {
            let stderr = scope.spawn(|| text(stderr));
            (text(stdout), stderr.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())))
        });
        // Of one process, and exact: what `/proc` says is gone with it.
        let end = child.wait4().with_context(context)?;
        Ok(Self {
            code: end.status.code().unwrap_or(-1),
            stdout: stdout.with_context(context)?,
            stderr: stderr.with_context(context)?,
            seconds: begin.elapsed().as_secs_f64(),
            memory: end.rusage.maxrss,
            command: title,
        })
    }

    /// Everything, for a failure message.
    pub fn report(&self) -> String {
        let Self { command, code, stdout, stderr, seconds, .. } = self;
        format!("`{command}` ended with {code} after {seconds:.1} s\n{stdout}\n{stderr}")
    }

    /// The events of `--json`, in order.
    ///
    /// # Errors
    /// When a line is not an event of version 1.
    pub fn events(&self) -> Result<Vec<Json>> {
        self.stdout
            .lines()
            .map(|line| {
                let event: Json = serde_json::from_str(line)
                    .with_context(|| format!("no JSON: {line}\n{}", self.report()))?;
                ensure!(event["version"] == 1 && event["event"].is_string(), "no event of version 1: {line}");
                Ok(event)
            })
            .collect()
    }

    /// The last event of a name.
    ///
    /// # Errors
    /// When there is none.
    pub fn event(&self, name: &str) -> Result<Json> {
        let found = self.events()?.into_iter().rfind(|event| event["event"] == name);
        found.with_context(|| format!("there is no `{name}` event\n{}", self.report()))
    }

    /// The number of resources by action, from the summary.
    ///
    /// # Errors
    /// When there is no summary, or it speaks of failures.
    pub fn counts(&self) -> Result<BTreeMap<String, u64>> {
        let summary = self.event("summary")?;
        ensure!(
            summary["exitCode"] == self.code,
            "the summary says {}\n{}",
            summary["exitCode"],
            self.report()
        );
        for trouble in ["failed", "skipped"] {
            ensure!(summary[trouble] == 0, "{} {trouble}\n{}", summary[trouble], self.report());
        }
        Ok(serde_json::from_value(summary["counts"].clone())?)
    }

    /// The plan.
    ///
    /// # Errors
    /// When there is none.
    pub fn plan(&self) -> Result<Plan> {
        Ok(Plan(self.event("plan")?))
    }

    /// The outputs of the stack, by name.
    ///
    /// # Errors
    /// When there are none.
    pub fn outputs(&self) -> Result<BTreeMap<String, String>> {
        let event = self.event("outputs")?;
        let outputs = event["outputs"].as_object().context("`outputs` is no object")?;
        outputs
            .iter()
            .map(|(name, entry)| {
                let value = entry["value"].as_str().with_context(|| format!("output `{name}` is {entry}"))?;
                Ok((name.clone(), value.to_owned()))
            })
            .collect()
    }

    /// Where an output that is an address of Google's answers on this machine.
    ///
    /// # Errors
    /// When there is no such output, or it does not.
    pub fn local_address(&self, output: &str) -> Result<String> {
        let event = self.event("outputs")?;
        let local = event["outputs"][output]["local"].as_str().map(str::to_owned);
        local.with_context(|| format!("output `{output}` has no local address: {event}"))
    }
}

fn text(stream: Option<impl Read>) -> io::Result<String> {
    let mut bytes = Vec::new();
    stream.map_or(Ok(0), |mut stream| stream.read_to_end(&mut bytes))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A `plan` event.
#[derive(Debug)]
pub struct Plan(pub Json);

impl Plan {
    /// Action and URN of everything that is to be done, in the plan's order.
    pub fn actions(&self) -> Vec<(String, String)> {
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        self.operations()
            .flat_map(|operation| {
                let resources = operation["resources"].as_array().into_iter().flatten();
                resources.map(move |resource| (text(&operation["action"]), text(&resource["urn"])))
            })
            .collect()
    }

    /// What is planned for a resource.
    pub fn resource(&self, urn: &str) -> Option<&Json> {
        self.operations()
            .flat_map(|operation| operation["resources"].as_array().into_iter().flatten())
            .find(|resource| resource["urn"] == urn)
    }

    fn operations(&self) -> impl Iterator<Item = &Json> {
        self.0["operations"].as_array().into_iter().flatten()
    }
}
