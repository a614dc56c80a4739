//! Everything for people.

use jiff::Timestamp;
use mlflow_host_engine::{Deferral, Drift, Observer, Plan, Recorded};
use mlflow_host_graph::{Severity, Value};
use mlflow_host_localcloud::Endpoint;
use serde_json::Value as Json;

use super::text::counts;
use super::{
    Busy, CloudStatus, Ending, Finding, Heading, Output, Paint, Reporter, drift, duration, live, plan,
    policies, print, print_error, text,
};
use crate::failure::{Code, Failure};

/// Shows everything to a person.
#[derive(Debug)]
pub(crate) struct Human {
    /// Colours on standard output.
    pub(crate) out: Paint,
    /// Colours on standard error.
    pub(crate) err: Paint,
    /// Whether standard error is a terminal.
    pub(crate) live: bool,
    /// Whether to show what is usually not worth it.
    pub(crate) verbose: bool,
}

impl Reporter for Human {
    fn log(&self, severity: Option<Severity>, message: &str) {
        let head = match severity {
            Some(Severity::Error) => self.err.bad("error"),
            Some(Severity::Warning) => self.err.careful("warning"),
            None if self.verbose => self.err.dim("stack"),
            None => return,
        };
        print_error(&format!("{head}: {message}\n"));
    }

    fn notice(&self, message: &str) {
        print_error(&format!("{} {message}\n", self.err.dim("·")));
    }

    fn busy(&self, what: &str) -> Busy {
        if self.live {
            return Busy::on_terminal(what);
        }
        self.notice(what);
        Busy::said()
    }

    fn plan(&self, heading: &Heading, plan: &Plan, details: bool) {
        print(&plan::plan(heading, plan, details, self.out));
    }

    fn policies(&self, findings: &[Finding]) {
        print(&policies::policies(findings, self.out));
    }

    fn drift(&self, heading: &Heading, drifts: &[Drift], recorded: usize) {
        let follows = if heading.command == "refresh" { "" } else { "\n" };
        print(&format!("{}{follows}", drift::drift(heading, drifts, recorded, self.out)));
    }

    fn waiting(&self, held: &[(&Recorded, &Deferral)], until: Timestamp) {
        print_error(&waiting_text(held, until, self.err));
    }

    fn progress(&self, plan: &Plan, timed: bool) -> Box<dyn Observer> {
        live::progress(plan, timed, self.err, self.live)
    }

    fn outputs(&self, outputs: &[Output], show_secrets: bool) {
        print(&outputs_table(outputs, show_secrets, self.out));
    }

    fn cloud(&self, status: &CloudStatus) {
        print(&cloud_text(status));
    }

    fn failure(&self, failure: &Failure) {
        print_error(&failure_text(failure, self.err));
    }

    fn answer(&self, _event: &str, _fields: Json, text: &str) {
        print(text);
    }

    fn ending(&self, ending: &Ending) {
        print(&ending_text(ending, self.out));
    }
}

/// What holds what, and until when.
pub(super) fn waiting_text(held: &[(&Recorded, &Deferral)], until: Timestamp, paint: Paint) -> String {
    let mut text = format!("{} Waiting until {until}.\n", paint.careful("…"));
    for (recorded, deferral) in held {
        text.push_str(&format!("    {}: {}\n", recorded.urn, deferral.reason));
    }
    text
}

/// The error, what is wrong with the stack, and what to do.
pub(super) fn failure_text(failure: &Failure, paint: Paint) -> String {
    let mut text = String::new();
    for diagnostic in &failure.diagnostics {
        let head = match diagnostic.severity {
            Severity::Error => paint.bad("error"),
            Severity::Warning => paint.careful("warning"),
        };
        text.push_str(&format!("{head}: {diagnostic}\n"));
    }
    text.push_str(&format!("{}: {}\n", paint.bad("error"), failure.message.trim_end()));
    for hint in &failure.hints {
        text.push_str(&format!("{}: {hint}\n", paint.good("hint")));
    }
    text
}

/// One output a line, names aligned.
pub(super) fn outputs_table(outputs: &[Output], show_secrets: bool, paint: Paint) -> String {
    if outputs.is_empty() {
        return String::new();
    }
    let width = outputs.iter().map(|output| output.name.len()).max().unwrap_or(0);
    let mut table = format!("{}\n", paint.bold("Outputs"));
    for Output { name, value, local } in outputs {
        table.push_str(&format!("  {name:width$}  {}\n", shown(value, show_secrets)));
        if let Some(local) = local {
            table.push_str(&format!("  {:width$}  → {} (local cloud)\n", "", paint.good(local)));
        }
    }
    table
}

/// Strings as they are, all else as JSON.
pub(crate) fn shown(value: &Value, show_secrets: bool) -> String {
    let value = if show_secrets { value.reveal() } else { value };
    match value {
        Value::String(text) => text.clone(),
        Value::Secret(_) | Value::Unknown => text::value(value),
        other if show_secrets => other.to_request_json().unwrap_or_else(|| other.to_shown_json()).to_string(),
        other => other.to_shown_json().to_string(),
    }
}

/// The local cloud: where it answers, and what runs in it.
pub(super) fn cloud_text(status: &CloudStatus) -> String {
    let Some(endpoint) = &status.running else {
        return format!(
            "The local cloud does not run. It starts by itself with the first stack that goes there.\nData  {}\n",
            status.directory.display()
        );
    };
    let Endpoint { base_url, pid, started, .. } = endpoint;
    let state = if status.status == "starting" { "is starting" } else { "runs" };
    let mut text = format!(
        "The local cloud {state} at {base_url} (process {pid}, since {started}).\nData  {}\n",
        status.directory.display()
    );
    for (service, local) in &status.services {
        text.push_str(&format!("{service}\n  → {local}\n"));
    }
    text
}

/// The last line.
pub(super) fn ending_text(ending: &Ending, paint: Paint) -> String {
    if let Some(fuel) = ending.fuel {
        return format!("The program used {fuel} units of fuel.\n");
    }
    if !["up", "destroy"].contains(&ending.command) {
        return String::new();
    }
    let mut parts = counts(&ending.counts, true);
    let others = [
        (ending.failed, "failed"),
        (ending.skipped, "not begun"),
        (ending.deferred, "waiting"),
        (ending.unchanged, "unchanged"),
    ];
    parts
        .extend(others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    if parts.is_empty() {
        parts.push("nothing to do".to_owned());
    }
    let head = match ending.code {
        Code::Done | Code::Pending => paint.good("Done"),
        Code::Deferred => paint.careful("Not finished"),
        Code::Error | Code::Usage | Code::Refused => return String::new(),
        Code::Failed if ending.interrupted => paint.careful("Stopped"),
        Code::Failed => paint.bad("Not finished"),
    };
    let next = match ending.code {
        Code::Failed => format!("\nRun `mlflow-host {}` again: it goes on from here.", ending.command),
        Code::Deferred => {
            let when =
                ending.retry_at.as_ref().map_or_else(|| "later".to_owned(), |at| format!("after {at}"));
            let wait = if ending.command == "destroy" { ", or with `--wait`" } else { "" };
            format!("\nRun `mlflow-host {}` again {when}{wait}: what is left is recorded.", ending.command)
        }
        _ => String::new(),
    };
    format!("{head} in {}: {}.{next}\n", duration(ending.elapsed), parts.join(", "))
}
