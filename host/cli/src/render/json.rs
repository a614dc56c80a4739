//! Everything for scripts: one JSON object a line, as `docs/json-events.md` describes.

use std::sync::Arc;

use jiff::Timestamp;
use mlflow_host_engine::{
    Change, Deferral, Difference, Drift, Event, Observer, Operation, OperationId, Plan, Recorded, References,
};
use mlflow_host_graph::{Severity, Value};
use serde_json::{Map, Value as Json, json};

use super::policies::policies_event;
use super::{Archive, Busy, CloudStatus, Ending, Finding, Heading, Output, Reporter, print};
use crate::failure::Failure;

/// Raised when an event loses a field or a field changes its meaning. New events and fields may come.
const VERSION: u32 = 1;

/// Writes events to standard output.
#[derive(Debug)]
pub(crate) struct JsonLines;

impl JsonLines {
    pub(crate) fn new() -> Self {
        Self
    }
}

impl Reporter for JsonLines {
    fn log(&self, severity: Option<Severity>, message: &str) {
        let level = severity.map_or(json!("info"), |severity| json!(severity));
        emit("log", json!({"level": level, "message": message}));
    }

    fn notice(&self, message: &str) {
        emit("notice", json!({"message": message}));
    }

    fn busy(&self, what: &str) -> Busy {
        self.notice(what);
        Busy::said()
    }

    fn plan(&self, heading: &Heading, plan: &Plan, _details: bool) {
        emit("plan", plan_event(heading, plan));
    }

    fn policies(&self, findings: &[Finding]) {
        if !findings.is_empty() {
            emit("policies", policies_event(findings));
        }
    }

    fn drift(&self, heading: &Heading, drifts: &[Drift], recorded: usize) {
        emit("drift", drift_event(heading, drifts, recorded));
    }

    fn waiting(&self, held: &[(&Recorded, &Deferral)], until: Timestamp) {
        emit("waiting", waiting_event(held, until));
    }

    fn progress(&self, plan: &Plan, _timed: bool) -> Box<dyn Observer> {
        Box::new(Progress { operations: plan.operations.iter().map(named).collect() })
    }

    fn outputs(&self, outputs: &[Output], show_secrets: bool) {
        emit("outputs", outputs_event(outputs, show_secrets));
    }

    fn cloud(&self, status: &CloudStatus) {
        emit("cloud", cloud_event(status));
    }

    fn failure(&self, failure: &Failure) {
        for diagnostic in &failure.diagnostics {
            emit("diagnostic", json!(diagnostic));
        }
        emit("error", json!({"message": failure.message, "hints": failure.hints}));
    }

    fn answer(&self, event: &str, fields: Json, _text: &str) {
        emit(event, fields);
    }

    fn ending(&self, ending: &Ending) {
        emit("summary", ending_event(ending));
    }
}

fn emit(event: &str, fields: Json) {
    print(&line(event, fields));
}

/// One event, with a newline.
pub(super) fn line(event: &str, fields: Json) -> String {
    let mut object =
        Map::from_iter([("version".to_owned(), json!(VERSION)), ("event".to_owned(), json!(event))]);
    if let Json::Object(fields) = fields {
        object.extend(fields);
    }
    format!("{}\n", Json::Object(object))
}

pub(super) fn plan_event(heading: &Heading, plan: &Plan) -> Json {
    let counts: Map<_, _> =
        plan.counts().iter().map(|(action, count)| (action_name(*action), json!(count))).collect();
    let renamed: Vec<_> = plan.renamed.iter().map(|(from, to)| json!({"from": from, "to": to})).collect();
    json!({
        "command": heading.command,
        "stack": heading.stack,
        "cloud": heading.cloud,
        "project": heading.project,
        "region": heading.region,
        "operations": plan.operations.iter().map(operation).collect::<Vec<_>>(),
        "unchanged": plan.unchanged,
        "bookkeeping": plan.bookkeeping,
        "renamed": renamed,
        "partial": plan.partial,
        "counts": counts,
        "outputs": Value::Map(plan.outputs.clone()).to_shown_json(),
        "references": references(&plan.references),
        "archives": heading.archives.iter().map(archive).collect::<Vec<_>>(),
        "expectedMilliseconds": plan.longest_chain_milliseconds(),
        "sequentialMilliseconds": plan.total_milliseconds(),
    })
}

fn archive(archive: &Archive) -> Json {
    json!({"digest": archive.digest, "directory": archive.directory, "files": archive.files})
}

fn references(references: &References) -> Json {
    let unknown: Vec<_> = references
        .unknown
        .iter()
        .map(|reference| json!({"urn": reference.urn, "attribute": reference.path.to_string()}))
        .collect();
    json!({"known": references.known, "unknown": unknown})
}

fn operation(operation: &Operation) -> Json {
    let resources: Vec<_> = operation
        .steps
        .iter()
        .map(|step| {
            let changes: Vec<_> = step.changes.iter().map(change).collect();
            json!({
                "urn": step.urn,
                "identity": step.identity,
                "generation": step.generation,
                "reason": step.reason,
                "changes": changes,
                "inputs": step.inputs.to_shown_json(),
            })
        })
        .collect();
    json!({
        "operation": operation.id,
        "action": operation.action,
        "resources": resources,
        "needs": operation.needs,
        "expectedMilliseconds": operation.expected_milliseconds,
    })
}

/// A difference, with its secrets masked.
pub(crate) fn change(change: &Change) -> Json {
    json!({
        "path": change.path.to_string(),
        "old": change.old.to_shown_json(),
        "new": change.new.to_shown_json(),
        "needs": change.kind,
    })
}

pub(super) fn drift_event(heading: &Heading, drifts: &[Drift], recorded: usize) -> Json {
    let resources: Vec<_> = drifts
        .iter()
        .map(|drift| {
            let (word, changes, message) = match &drift.difference {
                Difference::Gone => ("gone", Vec::new(), None),
                Difference::Changed(changes) => ("changed", changes.iter().map(change).collect(), None),
                Difference::Unreadable(message) => ("unreadable", Vec::new(), Some(message)),
            };
            json!({"urn": drift.urn, "difference": word, "changes": changes, "message": message})
        })
        .collect();
    json!({
        "command": heading.command,
        "stack": heading.stack,
        "cloud": heading.cloud,
        "project": heading.project,
        "region": heading.region,
        "resources": resources,
        "unchanged": recorded.saturating_sub(drifts.len()),
    })
}

pub(super) fn waiting_event(held: &[(&Recorded, &Deferral)], until: Timestamp) -> Json {
    let resources: Vec<_> = held
        .iter()
        .map(|(recorded, deferral)| json!({"urn": recorded.urn, "reason": deferral.reason}))
        .collect();
    json!({"until": until.to_string(), "resources": resources})
}

pub(super) fn outputs_event(outputs: &[Output], show_secrets: bool) -> Json {
    let entries: Map<_, _> = outputs
        .iter()
        .map(|Output { name, value, local }| {
            let plain = if show_secrets { value.to_request_json() } else { None };
            let mut entry = json!({
                "value": plain.unwrap_or_else(|| value.to_shown_json()),
                "secret": value.has_secret(),
            });
            if let (Some(local), Some(entry)) = (local, entry.as_object_mut()) {
                entry.insert("local".to_owned(), json!(local));
            }
            (name.clone(), entry)
        })
        .collect();
    json!({"outputs": entries})
}

pub(super) fn ending_event(ending: &Ending) -> Json {
    let counts: Map<_, _> = ending
        .counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(action, count)| (action_name(*action), json!(count)))
        .collect();
    let mut event = json!({
        "command": ending.command,
        "exitCode": ending.code.number(),
        "counts": counts,
        "unchanged": ending.unchanged,
        "failed": ending.failed,
        "skipped": ending.skipped,
        "deferred": ending.deferred,
        "interrupted": ending.interrupted,
        "retryAt": ending.retry_at,
        "elapsedMilliseconds": milliseconds(ending.elapsed),
    });
    if let Some(fuel) = ending.fuel {
        event["fuel"] = json!(fuel);
    }
    event
}

/// The token is left out: events end up in logs.
fn cloud_event(status: &CloudStatus) -> Json {
    let running = status.running.as_ref();
    json!({
        "status": status.status,
        "directory": status.directory,
        "endpoint": running.map(|endpoint| &endpoint.base_url),
        "process": running.map(|endpoint| endpoint.pid),
        "started": running.map(|endpoint| &endpoint.started),
        "services": status.services,
    })
}

fn action_name(action: mlflow_host_engine::Action) -> String {
    json!(action).as_str().unwrap_or_default().to_owned()
}

fn milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Which action on which resources: what every event about an operation repeats.
fn named(operation: &Operation) -> Arc<Json> {
    let urns: Vec<_> = operation.steps.iter().map(|step| &step.urn).collect();
    Arc::new(json!({"action": operation.action, "resources": urns}))
}

struct Progress {
    operations: Vec<Arc<Json>>,
}

impl Observer for Progress {
    fn observe(&self, event: Event) {
        print(&self.line(event));
    }
}

impl Progress {
    fn line(&self, event: Event) -> String {
        let about = |OperationId(id): OperationId, more: Json| {
            let mut fields = self.operations.get(id).map_or_else(|| json!({}), |named| Json::clone(named));
            if let (Some(fields), Json::Object(more)) = (fields.as_object_mut(), more) {
                fields.insert("operation".to_owned(), json!(id));
                fields.extend(more);
            }
            fields
        };
        match event {
            Event::Recovering { what } => line("recovering", json!({"what": what})),
            Event::Notice { message } => line("notice", json!({"message": message})),
            Event::Started { id } => line("operation-started", about(id, json!({}))),
            Event::Running { id, note } => line("operation-running", about(id, json!({"note": note}))),
            Event::Finished { id, elapsed, unchanged } => line(
                "operation-finished",
                about(id, json!({"elapsedMilliseconds": milliseconds(elapsed), "unchanged": unchanged})),
            ),
            Event::Failed { id, elapsed, message, hint } => line(
                "operation-failed",
                about(
                    id,
                    json!({"elapsedMilliseconds": milliseconds(elapsed), "message": message, "hint": hint}),
                ),
            ),
            Event::Deferred { id, reason, retry_at } => {
                line("operation-deferred", about(id, json!({"reason": reason, "retryAt": retry_at})))
            }
            Event::Skipped { id, because } => {
                line("operation-skipped", about(id, json!({"because": because})))
            }
        }
    }
}

#[cfg(test)]
pub(super) fn progress_lines(plan: &Plan, events: &[Event]) -> String {
    let progress = Progress { operations: plan.operations.iter().map(named).collect() };
    events.iter().map(|event| progress.line(event.clone())).collect()
}
