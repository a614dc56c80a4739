//! Cloud SQL Admin, v1 and v1beta4: instances, databases, users, operations.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::identifiers;
use crate::common::json::text;
use crate::common::operations::{Failure, Operation};
use crate::server::call::{Answer, Call, Reply, page};

pub(crate) mod databases;
pub(crate) mod defaults;
pub(crate) mod instances;
pub(crate) mod users;

pub(crate) async fn call(cloud: &Arc<Cloud>, call: Call) -> Answer {
    let (collection, action) = call.action().split_once('.').unwrap_or_default();
    match collection {
        "instances" => instances::call(cloud, &call, action),
        "databases" => databases::call(cloud, &call, action),
        "users" => users::call(cloud, &call, action).await,
        "operations" => operations(cloud, &call, action),
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

/// Does the work of an operation.
pub(crate) async fn settle(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    match operation.action.split_once('.').unwrap_or_default() {
        ("instances", action) => instances::settle(cloud, operation, action).await,
        ("databases", action) => databases::settle(cloud, operation, action).await,
        // Users are changed with the request, so that no password waits on the disk.
        _ => Ok(json!({})),
    }
}

/// The address of the API version that was called, in which links are given.
fn base(call: &Call) -> &'static str {
    match call.api.name.as_str() {
        "sqladmin.v1beta4" => "https://sqladmin.googleapis.com/sql/v1beta4/",
        _ => "https://sqladmin.googleapis.com/v1/",
    }
}

/// The store's name of the instance of a call.
fn instance_name(call: &Call) -> String {
    format!("projects/{}/instances/{}", call.project(), call.variable("instance"))
}

/// The name of the cluster that stands for an instance.
pub(crate) fn cluster(instance: &str) -> String {
    let mut parts = instance.split('/').skip(1).step_by(2);
    format!("{}.{}", parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// 404 for an instance; recorded.
fn no_instance() -> ApiError {
    ApiError::not_found("The Cloud SQL instance does not exist.").reason("instanceDoesNotExist")
}

fn existing(cloud: &Cloud, name: &str) -> Result<Value, ApiError> {
    cloud.store.instances.get(name).ok_or_else(no_instance)
}

/// Whether an instance was stopped. Its state says nothing of that.
fn is_stopped(instance: &Value) -> bool {
    text(instance, "settings.activationPolicy") == Some("NEVER")
}

/// Refuses whatever would look into an instance that is stopped.
fn check_started(cloud: &Cloud, name: &str) -> Result<(), ApiError> {
    if is_stopped(&existing(cloud, name)?) {
        let said = "Invalid request: Invalid request since instance is not running.";
        return Err(ApiError::invalid(said).reason("invalid"));
    }
    Ok(())
}

/// Refuses work in an instance that is stopped or busy.
fn check_ready(cloud: &Cloud, name: &str) -> Result<(), ApiError> {
    check_started(cloud, name)?;
    check_idle(cloud, name)
}

/// Refuses work on an instance that is busy or not there yet.
fn check_idle(cloud: &Cloud, name: &str) -> Result<(), ApiError> {
    let instance = existing(cloud, name)?;
    if cloud.operations.busy("sqladmin", name) {
        return Err(ApiError::aborted("Operation failed because another operation was already in progress.")
            .reason("operationInProgress"));
    }
    if instance["state"] != "RUNNABLE" {
        return Err(ApiError::invalid("Invalid request: The instance is not running.").reason("invalidState"));
    }
    Ok(())
}

/// Begins an operation and answers with it.
fn begin(cloud: &Arc<Cloud>, call: &Call, target: &str, input: Value) -> Answer {
    let operation = cloud.begin(operation(call, target).input(input))?;
    Ok(Reply::Json(operation.sql(base(call))))
}

/// Records an operation that is done already, and answers with it.
fn done(cloud: &Arc<Cloud>, call: &Call, target: &str) -> Answer {
    let operation = cloud.begin(operation(call, target).finished(json!({})))?;
    Ok(Reply::Json(operation.sql(base(call))))
}

fn operation(call: &Call, target: &str) -> Operation {
    let name = format!("projects/{}/operations/{}", call.project(), identifiers::uuid());
    Operation::new("sqladmin", call.action(), name, call.project(), target)
}

fn operations(cloud: &Cloud, call: &Call, action: &str) -> Answer {
    match action {
        "get" => {
            let name = format!("projects/{}/operations/{}", call.project(), call.variable("operation"));
            cloud
                .operations
                .poll("sqladmin", &name)
                .map(|operation| Reply::Json(operation.sql(base(call))))
                .ok_or_else(|| {
                    ApiError::not_found("The Cloud SQL operation does not exist.")
                        .reason("operationDoesNotExist")
                })
        }
        "list" => {
            let wanted = call
                .query("instance")
                .map(|instance| format!("projects/{}/instances/{instance}", call.project()));
            let items = cloud
                .operations
                .list("sqladmin", call.project())
                .iter()
                .filter(|operation| {
                    wanted.as_ref().is_none_or(|wanted| operation.target.starts_with(wanted.as_str()))
                })
                .map(|operation| operation.sql(base(call)))
                .collect();
            listing(call, "sql#operationsList", items)
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn listing(call: &Call, kind: &str, items: Vec<Value>) -> Answer {
    let mut body = page(call, "items", items)?;
    body["kind"] = kind.into();
    Ok(Reply::Json(body))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_cluster_is_named_by_project_and_instance() {
        assert_eq!(super::cluster("projects/p/instances/i"), "p.i");
    }
}
