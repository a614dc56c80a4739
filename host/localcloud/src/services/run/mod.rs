//! Cloud Run v2: services with revisions, jobs with executions, operations.
//!
//! A revision is an image started as a process, behind a front end of the service ([`fronts`]).
//! Scaling is not imitated: a service has one instance, also with a minimum of none, and its
//! process is stopped only when another revision takes over.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::operations::{CALLER, Failure, Operation};
use crate::common::{clock, identifiers, policies};
use crate::server::call::{Answer, Call, Reply, page};
use crate::store::Collection;

pub(crate) mod checks;
pub(crate) mod containers;
pub(crate) mod defaults;
pub(crate) mod executions;
pub(crate) mod fronts;
pub(crate) mod jobs;
pub(crate) mod revisions;
pub(crate) mod services;

const TYPE: &str = "type.googleapis.com/google.cloud.run.v2.";

/// How long `wait` waits at most.
const WAIT: Duration = Duration::from_secs(120);

/// The full resource name under which a service's or job's policy is kept.
pub(crate) fn resource(name: &str) -> String {
    format!("//run.googleapis.com/{name}")
}

pub(crate) async fn call(cloud: &Arc<Cloud>, call: Call) -> Answer {
    let rest = call.action().trim_start_matches("projects.locations.");
    match rest.split_once('.').unwrap_or_default() {
        ("operations", action) => operations(cloud, &call, action).await,
        ("services", action) => match action.strip_prefix("revisions.") {
            Some(action) => revisions::call(cloud, &call, action),
            None => services::call(cloud, &call, action).await,
        },
        ("jobs", action) => match action.strip_prefix("executions.") {
            Some(action) => executions::call(cloud, &call, action),
            None => jobs::call(cloud, &call, action),
        },
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

/// Does the work of an operation, one at a time for each service or job.
pub(crate) async fn settle(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    let lock = cloud.lock(&resource(&operation.target));
    let _turn = lock.lock().await;
    match operation.action.trim_start_matches("projects.locations.") {
        "services.create" | "services.patch" => services::deploy(cloud, operation).await,
        "services.delete" => services::remove(cloud, operation).await,
        "services.revisions.delete" => revisions::remove(cloud, operation),
        "jobs.create" | "jobs.patch" => jobs::settle(cloud, operation).await,
        "jobs.delete" => jobs::remove(cloud, operation),
        "jobs.run" => executions::run(cloud, operation).await,
        "jobs.executions.delete" => executions::remove(cloud, operation),
        other => Err(Failure::internal(format!("Cloud Run has no operation {other}"))),
    }
}

async fn operations(cloud: &Cloud, call: &Call, action: &str) -> Answer {
    let name = call.located("operations", call.variable("operation"));
    let found = match action {
        "get" => cloud.operations.poll("run", &name),
        "wait" => {
            let limit = call.text("timeout").and_then(seconds).unwrap_or(WAIT).min(WAIT);
            cloud.operations.wait("run", &name, limit).await
        }
        "list" => {
            let operations = cloud.operations.list("run", call.project());
            return page(call, "operations", operations.iter().map(Operation::longrunning).collect())
                .map(Reply::Json);
        }
        _ => return Err(ApiError::unimplemented(call.id)),
    };
    found
        .map(|operation| Reply::Json(operation.longrunning()))
        .ok_or_else(|| ApiError::not_found("Requested entity was not found."))
}

/// `"300s"` as a duration.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

/// 404 in Cloud Run's words; recorded for a job.
fn missing(name: &str, kind: &str) -> ApiError {
    let part = |index: usize| name.split('/').nth(index).unwrap_or_default();
    ApiError::not_found(format!(
        "Resource '{}' of kind '{kind}' in region '{}' in project '{}' does not exist.",
        name.rsplit('/').next().unwrap_or_default(),
        part(3),
        part(1)
    ))
}

/// A new etag; Cloud Run's have quotes inside the JSON string.
fn etag() -> String {
    format!("\"{}\"", identifiers::etag())
}

fn check_etag(given: Option<&str>, body: &Value) -> Result<(), ApiError> {
    match given {
        Some(etag) if body["etag"] != etag => Err(ApiError::aborted(format!(
            "Conflict for resource: the etag given is {etag}, the current one is {}.",
            body["etag"].as_str().unwrap_or_default()
        ))),
        _ => Ok(()),
    }
}

/// The id that a create request gives its resource.
fn check_id<'a>(call: &'a Call, parameter: &str) -> Result<&'a str, ApiError> {
    let id = call.required(parameter)?;
    let fits = (1..=49).contains(&id.len())
        && id.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !id.ends_with('-')
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if fits {
        Ok(id)
    } else {
        Err(ApiError::invalid(format!(
            "Violation in {parameter}: '{id}' must have fewer than 50 lower-case letters, digits and dashes, begin with a letter \
             and not end with a dash."
        )))
    }
}

/// What every new service and job gets from the server.
fn stamp(body: &mut Value, name: &str) {
    let now = clock::now();
    let own = json!({
        "name": name,
        "uid": identifiers::uuid(),
        "generation": "1",
        "createTime": now,
        "updateTime": now,
        "creator": CALLER,
        "lastModifier": CALLER,
        "terminalCondition": {"state": "CONDITION_PENDING"},
        "reconciling": true,
        "etag": etag(),
    });
    crate::common::json::merge(body, &own);
}

/// Marks a service or job as changed: next generation, reconciling, old conditions still shown.
fn restamp(body: &mut Value) {
    let generation = generation(body) + 1;
    body["generation"] = generation.to_string().into();
    body["updateTime"] = clock::now().into();
    body["lastModifier"] = CALLER.into();
    body["reconciling"] = true.into();
    body["etag"] = etag().into();
    if body["terminalCondition"].is_object() {
        body["terminalCondition"]["state"] = "CONDITION_PENDING".into();
        for field in ["message", "reason", "severity"] {
            crate::common::json::remove(&mut body["terminalCondition"], field);
        }
    }
}

fn generation(body: &Value) -> u64 {
    body["generation"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// A condition that has just come about.
fn condition(kind: &str, failure: Option<&str>) -> Value {
    let mut condition = json!({
        "type": kind,
        "state": if failure.is_some() { "CONDITION_FAILED" } else { "CONDITION_SUCCEEDED" },
        "lastTransitionTime": clock::now(),
    });
    if let Some(message) = failure {
        condition["message"] = message.into();
    }
    condition
}

/// A resource with its `@type`, as operations carry it.
fn typed(kind: &str, body: &Value) -> Value {
    let mut typed = json!({"@type": format!("{TYPE}{kind}")});
    crate::common::json::merge(&mut typed, body);
    typed
}

/// Begins an operation on `target`, whose state now is its first metadata.
fn begin(cloud: &Arc<Cloud>, call: &Call, target: &str, metadata: Value, input: Value) -> Answer {
    let name = call.located("operations", &identifiers::uuid());
    let operation =
        Operation::new("run", call.action(), name, call.project(), target).metadata(metadata).input(input);
    Ok(Reply::Json(cloud.begin(operation)?.longrunning()))
}

/// The answer to a `validateOnly` request: an operation that is done and did nothing.
fn validated(kind: &str, body: &Value) -> Answer {
    Ok(Reply::Json(json!({"done": true, "response": typed(kind, body)})))
}

/// A page of a collection; `-` as location means all.
fn listing(call: &Call, collection: &Collection<Value>, kind: &str) -> Answer {
    let prefix = match call.variable("location") {
        "-" => format!("projects/{}/locations/", call.project()),
        _ => call.located(kind, ""),
    };
    let items = collection
        .list(&prefix)
        .into_iter()
        .filter(|(name, _)| name.split('/').nth(4) == Some(kind))
        .map(|(_, body)| body)
        .collect();
    page(call, kind, items).map(Reply::Json)
}

/// The policy methods of services and jobs; `None` for other methods.
fn policy_call(cloud: &Cloud, call: &Call, name: &str, action: &str) -> Option<Answer> {
    match action {
        "getIamPolicy" => Some(Ok(Reply::Json(policies::get(cloud, &resource(name))))),
        "setIamPolicy" => Some(policies::set(cloud, &resource(name), &call.body["policy"]).map(Reply::Json)),
        "testIamPermissions" => Some(Ok(Reply::Json(json!({"permissions": call.body["permissions"]})))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(seconds("300s"), Some(Duration::from_secs(300)));
        assert_eq!(seconds("0.5s"), Some(Duration::from_millis(500)));
        assert_eq!(seconds("5"), None);
        assert_eq!(seconds("-5s"), None);
    }
}
