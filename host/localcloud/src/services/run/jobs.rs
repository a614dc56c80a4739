//! Jobs: templates of work that executions run.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    begin, check_etag, check_id, checks, condition, defaults, executions, listing, missing, policy_call,
    resource, restamp, stamp, typed, validated,
};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::text;
use crate::common::operations::{Failure, Operation};
use crate::common::{clock, policies};
use crate::server::call::{Answer, Call, Reply};
use crate::services::compute::subnetworks::release_addresses;

pub(super) fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let name = call.located("jobs", call.variable("job"));
    match action {
        "create" => create(cloud, call, check_id(call, "jobId")?),
        "get" => existing(cloud, &name).map(Reply::Json),
        "list" => listing(call, &cloud.store.jobs, "jobs"),
        "patch" => patch(cloud, call, &name),
        "delete" => delete(cloud, call, &name),
        "run" => executions::start(cloud, call, &name, existing(cloud, &name)?),
        _ => {
            existing(cloud, &name)?;
            policy_call(cloud, call, &name, action).unwrap_or_else(|| Err(ApiError::unimplemented(call.id)))
        }
    }
}

fn existing(cloud: &Cloud, name: &str) -> Result<Value, ApiError> {
    cloud.store.jobs.get(name).ok_or_else(|| missing(name, "JOB"))
}

fn create(cloud: &Arc<Cloud>, call: &Call, id: &str) -> Answer {
    let name = call.located("jobs", id);
    let mut job = call.body.clone();
    crate::common::json::remove(&mut job, "etag");
    defaults::job(&mut job, call.project());
    checks::template(cloud, call.project(), call.variable("location"), &job["template"]["template"])?;
    stamp(&mut job, &name);
    job["latestCreatedExecution"] = json!({});
    if call.query("validateOnly") == Some("true") {
        return validated("Job", &job);
    }
    Cloud::create(&cloud.store.jobs, &name, job.clone(), || {
        ApiError::exists(format!("Resource '{id}' already exists."))
    })?;
    begin(cloud, call, &name, typed("Job", &job), Value::Null)
}

/// Fields of a job that only the server sets.
const SERVERS: [&str; 14] = [
    "name",
    "uid",
    "generation",
    "createTime",
    "creator",
    "lastModifier",
    "updateTime",
    "observedGeneration",
    "terminalCondition",
    "conditions",
    "executionCount",
    "latestCreatedExecution",
    "reconciling",
    "etag",
];

fn patch(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    if !cloud.store.jobs.contains(name) && call.query("allowMissing") == Some("true") {
        return create(cloud, call, call.variable("job"));
    }
    let mut wanted = call.body.clone();
    defaults::job(&mut wanted, call.project());
    checks::template(cloud, call.project(), call.variable("location"), &wanted["template"]["template"])?;
    let changed = cloud.store.jobs.change::<ApiError>(name, |job| {
        check_etag(call.text("etag"), job)?;
        let current = std::mem::replace(job, wanted);
        for field in SERVERS {
            match current.get(field) {
                Some(value) => job[field] = value.clone(),
                None => drop(crate::common::json::remove(job, field)),
            }
        }
        restamp(job);
        Ok(())
    })?;
    let job = changed.ok_or_else(|| missing(name, "JOB"))?;
    begin(cloud, call, name, typed("Job", &job), Value::Null)
}

fn delete(cloud: &Arc<Cloud>, call: &Call, name: &str) -> Answer {
    check_etag(call.query("etag"), &existing(cloud, name)?)?;
    let changed = cloud.store.jobs.change::<ApiError>(name, |job| {
        restamp(job);
        job["deleteTime"] = clock::now().into();
        Ok(())
    })?;
    let job = changed.ok_or_else(|| missing(name, "JOB"))?;
    release_addresses(cloud, name, &job["template"]["template"]);
    begin(cloud, call, name, typed("Job", &job), Value::Null)
}

/// The work of a creation or change: the image must be there.
pub(super) async fn settle(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    let name = &operation.target;
    let job = existing(cloud, name).map_err(|error| Failure::new(5, error.message))?;
    let image = text(&job["template"]["template"]["containers"][0], "image").unwrap_or_default().to_owned();
    let result = checks::image(cloud, &image).await;
    let changed = cloud.store.jobs.change::<Failure>(name, |job| {
        let failure = result.as_ref().err().map(|failure| failure.message.as_str());
        crate::common::json::remove(job, "reconciling");
        job["observedGeneration"] = job["generation"].clone();
        job["terminalCondition"] = condition("Ready", failure);
        job["conditions"] = json!([condition("ResourcesAvailable", failure)]);
        job["etag"] = super::etag().into();
        Ok(())
    })?;
    let job = typed("Job", &changed.unwrap_or(job));
    match result {
        Ok(_) => Ok(job),
        Err(failure) => {
            cloud.operations.set_metadata(operation, job)?;
            Err(failure)
        }
    }
}

/// The work of a deletion.
pub(super) fn remove(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    let name = &operation.target;
    cloud.store.executions.remove_all(&format!("{name}/executions/"))?;
    policies::remove(cloud, &resource(name))?;
    let job = cloud.store.jobs.remove(name)?;
    Ok(job.map_or_else(|| operation.metadata.clone(), |job| typed("Job", &job)))
}
