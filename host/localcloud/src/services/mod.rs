//! One module per Google API: what its methods do.
//!
//! Each has `call`, which answers a validated request, and where the API has long-running
//! operations `settle`, which does their work and may be asked to do it again after a restart.

use std::sync::Arc;

use axum::http::Method;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::operations::{Failure, Operation};
use crate::server::call::{Answer, Call};
use crate::server::target::Target;

pub(crate) mod accounts;
pub(crate) mod artifacts;
pub(crate) mod builds;
pub(crate) mod compute;
pub(crate) mod kms;
pub(crate) mod knative;
pub(crate) mod logging;
pub(crate) mod networking;
pub(crate) mod oauth;
pub(crate) mod projects;
pub(crate) mod regular;
pub(crate) mod run;
pub(crate) mod secrets;
pub(crate) mod sql;
pub(crate) mod storage;
pub(crate) mod usage;

/// Answers a validated request.
pub(crate) async fn dispatch(cloud: &Arc<Cloud>, mut call: Call) -> Answer {
    name_project(cloud, &mut call)?;
    usage::require_enabled(cloud, &call)?;
    if let Some(answer) = regular::call(cloud, &mut call) {
        return answer;
    }
    match call.service() {
        "artifactregistry" => artifacts::call(cloud, call).await,
        "cloudbuild" => builds::call(cloud, call),
        "cloudkms" => kms::call(cloud, call),
        "cloudresourcemanager" => projects::call(cloud, &call),
        "compute" => compute::call(cloud, call).await,
        "iam" => accounts::call(cloud, call),
        "iap" => regular::guarded(cloud, &call).unwrap_or_else(|| Err(ApiError::unimplemented(call.id))),
        "logging" => logging::call(cloud, &call),
        "run" => run::call(cloud, call).await,
        "secretmanager" => secrets::call(cloud, call),
        "servicenetworking" => networking::call(cloud, &call),
        "serviceusage" => usage::call(cloud, &call),
        "sqladmin" => sql::call(cloud, call).await,
        "storage" => storage::call(cloud, call).await,
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

/// What an operation that fails on request leaves behind, where its resource says how it ended.
pub(crate) fn abandon(cloud: &Cloud, operation: &Operation, failure: &Failure) {
    if operation.service == "cloudbuild" && operation.action.starts_with("builds.") {
        builds::abandon(cloud, operation, failure);
    }
}

/// Does the work of an operation and returns its response.
pub(crate) async fn settle(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    match operation.service.as_str() {
        "artifactregistry" => artifacts::settle(cloud, operation).await,
        "cloudbuild" if operation.action.starts_with("builds.") => builds::settle(cloud, operation).await,
        "cloudbuild" | "iam" | "vpcaccess" => regular::settle(cloud, operation),
        "compute" => compute::settle(cloud, operation).await,
        "run" => run::settle(cloud, operation).await,
        "servicenetworking" => networking::settle(cloud, operation),
        "serviceusage" => usage::settle(cloud, operation),
        "sqladmin" => sql::settle(cloud, operation).await,
        other => Err(Failure::internal(format!("the service {other} has no operations"))),
    }
}

/// Answers requests that the API descriptions do not have but real clients send.
pub(crate) fn outside(
    cloud: &Arc<Cloud>,
    method: &Method,
    target: &Target,
    query: &[(String, String)],
) -> Option<Answer> {
    if method != Method::GET || !target.host.ends_with("run.googleapis.com") {
        return None;
    }
    knative::answer(cloud, target, query)
}

/// Gives every call a variable `project` with the project's id, however the method names it.
fn name_project(cloud: &Cloud, call: &mut Call) -> Result<(), ApiError> {
    let named =
        ["project", "projectId", "resource", "name"].iter().find_map(|name| call.variables.get(*name));
    // Identity-Aware Proxy takes full names: `projects/P/iap_web/…`.
    let project = named.map(|name| name.strip_prefix("projects/").unwrap_or(name));
    let Some(name) = project.and_then(|name| name.split('/').next()) else { return Ok(()) };
    let project = if name == "-" { "-".to_owned() } else { cloud.project(name)? };
    call.variables.insert("project".to_owned(), project);
    Ok(())
}
