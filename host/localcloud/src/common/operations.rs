//! Long-running operations: work as data, so that a restart takes up what was under way.
//!
//! A service describes the work (`service`, `action`, `target`, `input`) and
//! [`crate::services::settle`] does it, once or, after a restart, again: settling is idempotent.
//! An operation that finished still shows as pending at its first poll, so that clients which
//! trust the first answer are found out.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::mishap::{self, OperationFault};
use super::{clock, identifiers};
use crate::data::file::FileError;
use crate::store::Collection;

/// How long `wait` waits for an operation that is stalled on request.
const STALLED: std::time::Duration = std::time::Duration::from_millis(50);

/// The caller, as far as the local cloud knows one.
pub(crate) const CALLER: &str = "developer@localhost";

/// The kind of work and what it concerns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// Name as the API gives it; unique within `service`.
    pub(crate) name: String,
    /// First part of the API's name, e.g. `run`.
    pub(crate) service: String,
    /// What is done, e.g. `services.create`.
    pub(crate) action: String,
    /// Project id.
    pub(crate) project: String,
    /// The resource's name in the store.
    pub(crate) target: String,
    /// What the work needs; dropped when it is done.
    pub(crate) input: Value,
    /// `metadata` of a google.longrunning operation.
    pub(crate) metadata: Value,
    /// Client's `requestId`, for which a repeated request gets the same operation.
    pub(crate) request_id: Option<String>,
    /// Numeric ids of the operation and of its target (Compute Engine).
    pub(crate) numbers: (String, String),
    /// When it was asked for.
    pub(crate) inserted: Timestamp,
    /// When it ended.
    pub(crate) ended: Option<Timestamp>,
    /// What came of it.
    pub(crate) outcome: Option<Outcome>,
    /// Whether the very first answer may say that it is done.
    pub(crate) at_once: bool,
    /// What was asked to go wrong with it.
    #[serde(default)]
    pub(crate) fault: OperationFault,
}

/// What came of an operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// The response message, with its `@type` where the style has one.
    Done(Value),
    /// The failure.
    Failed(Failure),
}

/// Why an operation failed.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// `google.rpc.Code`.
    pub(crate) code: i32,
    /// Word in the legacy styles, e.g. `INTERNAL_ERROR`.
    pub(crate) reason: String,
    /// Google's text.
    pub(crate) message: String,
}

impl Failure {
    /// A failure with a canonical code.
    pub(crate) fn new(code: i32, message: impl Into<String>) -> Self {
        let reason = match code {
            5 => "NOT_FOUND",
            7 => "PERMISSION_DENIED",
            9 => "FAILED_PRECONDITION",
            _ => "INTERNAL_ERROR",
        };
        Self { code, reason: reason.to_owned(), message: message.into() }
    }

    /// The local cloud itself failed (code 13).
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::new(13, error.to_string())
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::internal(error)
    }
}

impl Operation {
    /// An operation about to begin.
    pub(crate) fn new(service: &str, action: &str, name: String, project: &str, target: &str) -> Self {
        Self {
            name,
            service: service.to_owned(),
            action: action.to_owned(),
            project: project.to_owned(),
            target: target.to_owned(),
            input: Value::Null,
            metadata: Value::Null,
            request_id: None,
            numbers: (identifiers::number(), identifiers::number()),
            inserted: Timestamp::now(),
            ended: None,
            outcome: None,
            at_once: false,
            fault: mishap::of_operation().unwrap_or_default(),
        }
    }

    /// The same with what the work needs.
    pub(crate) fn input(mut self, input: Value) -> Self {
        self.input = input;
        self
    }

    /// The same with metadata.
    pub(crate) fn metadata(mut self, metadata: Value) -> Self {
        self.metadata = metadata;
        self
    }

    /// The same, done from the start.
    pub(crate) fn finished(mut self, response: Value) -> Self {
        self.ended = Some(Timestamp::now());
        self.outcome = Some(match self.fault.failure.clone() {
            Some(failure) => Outcome::Failed(failure),
            None => Outcome::Done(response),
        });
        self.at_once = self.fault.polls == 0;
        self
    }

    fn key(&self) -> String {
        key(&self.service, &self.name)
    }

    /// As `google.longrunning.Operation`.
    pub(crate) fn longrunning(&self) -> Value {
        let mut body = json!({"name": self.name});
        if !self.metadata.is_null() {
            body["metadata"] = self.metadata.clone();
        }
        match &self.outcome {
            None => {}
            Some(Outcome::Done(response)) => {
                body["done"] = true.into();
                body["response"] = response.clone();
            }
            Some(Outcome::Failed(failure)) => {
                body["done"] = true.into();
                body["error"] = json!({"code": failure.code, "message": failure.message});
            }
        }
        body
    }

    /// As `compute#operation`.
    pub(crate) fn compute(&self) -> Value {
        const BASE: &str = "https://www.googleapis.com/compute/v1/";
        let done = self.outcome.is_some();
        let mut body = json!({
            "kind": "compute#operation",
            "id": self.numbers.0,
            "name": self.name.rsplit('/').next(),
            "operationType": self.action.rsplit('.').next(),
            "targetLink": format!("{BASE}{}", self.target),
            "targetId": self.numbers.1,
            "status": if done { "DONE" } else { "RUNNING" },
            "user": CALLER,
            "progress": if done { 100 } else { 0 },
            "insertTime": clock::pacific(self.inserted),
            "startTime": clock::pacific(self.inserted),
            "selfLink": format!("{BASE}{}", self.name),
        });
        if let Some(ended) = self.ended {
            body["endTime"] = clock::pacific(ended).into();
        }
        if let Some(region) = self.name.split("/regions/").nth(1).and_then(|rest| rest.split('/').next()) {
            body["region"] = format!("{BASE}projects/{}/regions/{region}", self.project).into();
        }
        if let Some(Outcome::Failed(failure)) = &self.outcome {
            body["error"] = json!({"errors": [{"code": failure.reason, "message": failure.message}]});
            let (status, words) =
                if failure.reason == "QUOTA_EXCEEDED" { (403, "FORBIDDEN") } else { (400, "BAD REQUEST") };
            body["httpErrorStatusCode"] = status.into();
            body["httpErrorMessage"] = words.into();
        }
        body
    }

    /// As `sql#operation`; `base` is the address of the API version, with a trailing slash.
    pub(crate) fn sql(&self, base: &str) -> Value {
        let instance = self.target.split('/').nth(3).unwrap_or_default();
        let mut body = json!({
            "kind": "sql#operation",
            "name": self.name.rsplit('/').next(),
            "operationType": sql_type(&self.action),
            "status": if self.outcome.is_some() { "DONE" } else { "PENDING" },
            "user": CALLER,
            "insertTime": clock::millis(self.inserted),
            "targetId": instance,
            "targetProject": self.project,
            "targetLink": format!("{base}projects/{}/instances/{instance}", self.project),
            "selfLink": format!("{base}{}", self.name),
        });
        if let Some(ended) = self.ended {
            body["startTime"] = clock::millis(self.inserted).into();
            body["endTime"] = clock::millis(ended).into();
        }
        if let Some(Outcome::Failed(failure)) = &self.outcome {
            body["error"] = json!({"kind": "sql#operationErrors", "errors": [{
                "kind": "sql#operationError", "code": failure.reason, "message": failure.message,
            }]});
        }
        body
    }
}

/// Cloud SQL's word for an action.
fn sql_type(action: &str) -> &'static str {
    match action {
        "instances.insert" => "CREATE",
        "instances.delete" => "DELETE",
        "instances.restart" => "RESTART",
        "databases.insert" => "CREATE_DATABASE",
        "databases.delete" => "DELETE_DATABASE",
        "databases.update" => "UPDATE_DATABASE",
        "users.insert" => "CREATE_USER",
        "users.delete" => "DELETE_USER",
        "users.update" => "UPDATE_USER",
        _ => "UPDATE",
    }
}

fn key(service: &str, name: &str) -> String {
    format!("{service}/{name}")
}

/// The name of a new Compute Engine operation: milliseconds and random hexadecimal digits.
pub(crate) fn compute_name() -> String {
    let uuid = uuid::Uuid::new_v4().simple().to_string();
    let milliseconds = Timestamp::now().as_millisecond();
    format!("operation-{milliseconds}-{}-{}-{}", &uuid[..13], &uuid[13..21], &uuid[21..29])
}

/// All operations, past and present.
#[derive(Debug)]
pub(crate) struct Operations {
    rows: Collection<Operation>,
    polls: Mutex<BTreeMap<String, u32>>,
    finished: Notify,
}

impl Operations {
    /// Opens the operations in `directory`.
    pub(crate) fn open(directory: &Path) -> Result<Self, FileError> {
        Ok(Self {
            rows: Collection::open(directory.join("local.Operation"))?,
            polls: Mutex::default(),
            finished: Notify::new(),
        })
    }

    /// Records a new operation.
    pub(crate) fn insert(&self, operation: &Operation) -> Result<(), FileError> {
        self.rows.put(&operation.key(), operation.clone())
    }

    /// Records what came of an operation, and wakes those who wait.
    pub(crate) fn finish(
        &self,
        operation: &Operation,
        result: Result<Value, Failure>,
    ) -> Result<(), FileError> {
        self.rows.change::<FileError>(&operation.key(), |operation| {
            operation.ended = Some(Timestamp::now());
            operation.input = Value::Null;
            // Cloud Run's metadata is the resource itself, as it is now.
            if let Ok(response) = &result
                && operation.service == "run"
                && !response.is_null()
            {
                operation.metadata = response.clone();
            }
            operation.outcome = Some(match (operation.fault.failure.clone(), result) {
                (Some(failure), _) | (None, Err(failure)) => Outcome::Failed(failure),
                (None, Ok(response)) => Outcome::Done(response),
            });
            Ok(())
        })?;
        self.finished.notify_waiters();
        Ok(())
    }

    /// Replaces the metadata of an operation under way.
    pub(crate) fn set_metadata(&self, operation: &Operation, metadata: Value) -> Result<(), FileError> {
        self.rows.change::<FileError>(&operation.key(), |operation| {
            operation.metadata = metadata;
            Ok(())
        })?;
        Ok(())
    }

    /// All of them, in the order of their names.
    pub(crate) fn all(&self) -> Vec<Operation> {
        self.rows.list("").into_iter().map(|(_, operation)| operation).collect()
    }

    /// What a poll sees.
    pub(crate) fn poll(&self, service: &str, name: &str) -> Option<Operation> {
        let key = key(service, name);
        let mut operation = self.rows.get(&key)?;
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        let count = polls.entry(key).or_default();
        *count += 1;
        if *count <= operation.fault.polls.max(1) && !operation.at_once {
            operation.outcome = None;
            operation.ended = None;
        }
        Some(operation)
    }

    /// Waits until the operation is done, `limit` at most, and returns it as it is then.
    pub(crate) async fn wait(
        &self,
        service: &str,
        name: &str,
        limit: std::time::Duration,
    ) -> Option<Operation> {
        let key = key(service, name);
        if self.rows.get(&key)?.fault.polls > 0 {
            // Google's `wait` may return early, and does so for an operation that is stalled.
            tokio::time::sleep(limit.min(STALLED)).await;
            return self.poll(service, name);
        }
        let done = async {
            loop {
                let finished = self.finished.notified();
                tokio::pin!(finished);
                // Listen before looking, else an end in between would be missed.
                finished.as_mut().enable();
                match self.rows.get(&key) {
                    Some(operation) if operation.outcome.is_none() => finished.await,
                    found => return found,
                }
            }
        };
        match tokio::time::timeout(limit, done).await {
            Ok(found) => found,
            Err(_) => self.rows.get(&key),
        }
    }

    /// Operations without an outcome, oldest first.
    pub(crate) fn unfinished(&self) -> Vec<Operation> {
        let mut unfinished: Vec<_> = self
            .rows
            .list("")
            .into_iter()
            .map(|(_, operation)| operation)
            .filter(|operation| operation.outcome.is_none())
            .collect();
        unfinished.sort_by_key(|operation| operation.inserted);
        unfinished
    }

    /// Whether work on `target`, or on something below it, is under way.
    pub(crate) fn busy(&self, service: &str, target: &str) -> bool {
        self.unfinished().iter().any(|operation| {
            operation.service == service
                && operation
                    .target
                    .strip_prefix(target)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// The operation that an earlier request with the same id began.
    pub(crate) fn by_request(&self, service: &str, request_id: &str) -> Option<Operation> {
        self.rows
            .list(&format!("{service}/"))
            .into_iter()
            .map(|(_, operation)| operation)
            .find(|operation| operation.request_id.as_deref() == Some(request_id))
    }

    /// Operations of a service in a project, newest first.
    pub(crate) fn list(&self, service: &str, project: &str) -> Vec<Operation> {
        let mut operations: Vec<_> = self
            .rows
            .list(&format!("{service}/"))
            .into_iter()
            .map(|(_, operation)| operation)
            .filter(|operation| operation.project == project)
            .collect();
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.inserted));
        operations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (tempfile::TempDir, Operations) {
        let directory = tempfile::tempdir().unwrap();
        let operations = Operations::open(directory.path()).unwrap();
        (directory, operations)
    }

    #[test]
    fn the_first_poll_is_pending_even_when_the_work_is_done() {
        let (_directory, operations) = open();
        let operation = Operation::new("run", "services.create", "o".into(), "p", "t");
        operations.insert(&operation).unwrap();
        operations.finish(&operation, Ok(json!({"name": "t"}))).unwrap();
        assert_eq!(
            operations.poll("run", "o").unwrap().longrunning(),
            json!({"name": "o", "metadata": {"name": "t"}})
        );
        assert_eq!(operations.poll("run", "o").unwrap().longrunning()["done"], true);
        assert!(operations.poll("sqladmin", "o").is_none());
    }

    #[test]
    fn busy_means_the_target_and_what_is_below_it() {
        let (_directory, operations) = open();
        let operation =
            Operation::new("sqladmin", "users.insert", "o".into(), "p", "projects/p/instances/i/users/u");
        operations.insert(&operation).unwrap();
        assert!(operations.busy("sqladmin", "projects/p/instances/i"));
        assert!(!operations.busy("sqladmin", "projects/p/instances/i2"));
        assert!(!operations.busy("compute", "projects/p/instances/i"));
    }

    #[tokio::test]
    async fn waiting_ends_when_the_work_does() {
        let (_directory, operations) = open();
        let operation = Operation::new("compute", "networks.insert", "o".into(), "p", "t");
        operations.insert(&operation).unwrap();
        let (waited, ()) =
            tokio::join!(operations.wait("compute", "o", std::time::Duration::from_secs(60)), async {
                operations.finish(&operation, Ok(Value::Null)).unwrap()
            });
        assert_eq!(waited.unwrap().compute()["status"], "DONE");
    }

    #[test]
    fn failures_in_the_three_styles() {
        let mut operation = Operation::new(
            "sqladmin",
            "instances.insert",
            "projects/p/operations/o".into(),
            "p",
            "projects/p/instances/i",
        );
        operation.outcome = Some(Outcome::Failed(Failure::new(9, "No.")));
        assert_eq!(operation.longrunning()["error"], json!({"code": 9, "message": "No."}));
        assert_eq!(
            operation.compute()["error"],
            json!({"errors": [{"code": "FAILED_PRECONDITION", "message": "No."}]})
        );
        assert_eq!(operation.sql("b/")["error"]["errors"][0]["code"], "FAILED_PRECONDITION");
        assert_eq!(operation.sql("b/")["operationType"], "CREATE");
    }
}
