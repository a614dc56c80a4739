//! Executions of jobs: tasks run to completion, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{begin, check_etag, condition, containers, etag, missing, seconds, typed};
use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::{at, list, text};
use crate::common::operations::{CALLER, Failure, Operation};
use crate::common::{clock, identifiers};
use crate::data::containers::Exit;
use crate::server::call::{Answer, Call, Reply, page};

/// Lines of a failed task's log that the failure carries.
const TAIL: usize = 20;

pub(super) fn call(cloud: &Arc<Cloud>, call: &Call, action: &str) -> Answer {
    let job = call.located("jobs", call.variable("job"));
    let name = format!("{job}/executions/{}", call.variable("execution"));
    match action {
        "get" => {
            cloud.store.executions.get(&name).map(Reply::Json).ok_or_else(|| missing(&name, "EXECUTION"))
        }
        "list" => {
            let rows = cloud.store.executions.list(&format!("{job}/executions/"));
            let mut items: Vec<_> = rows.into_iter().map(|(_, body)| body).collect();
            items.sort_by(|one, other| text(other, "createTime").cmp(&text(one, "createTime")));
            page(call, "executions", items).map(Reply::Json)
        }
        "delete" => {
            let execution = cloud.store.executions.get(&name).ok_or_else(|| missing(&name, "EXECUTION"))?;
            check_etag(call.query("etag"), &execution)?;
            begin(cloud, call, &name, typed("Execution", &execution), Value::Null)
        }
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

/// The work of a deletion.
pub(super) fn remove(cloud: &Cloud, operation: &Operation) -> Result<Value, Failure> {
    let execution = cloud.store.executions.remove(&operation.target)?;
    Ok(execution.map_or_else(|| operation.metadata.clone(), |execution| typed("Execution", &execution)))
}

/// Begins an execution of `job`.
pub(super) fn start(cloud: &Arc<Cloud>, call: &Call, job_name: &str, job: Value) -> Answer {
    check_etag(call.text("etag"), &job)?;
    if job["terminalCondition"]["state"] == "CONDITION_FAILED" {
        return Err(ApiError::precondition(format!(
            "Job '{}' is not ready: {}",
            call.variable("job"),
            text(&job, "terminalCondition.message").unwrap_or_default()
        )));
    }
    let short = job_name.rsplit('/').next().unwrap_or_default();
    let name = format!("{job_name}/executions/{short}-{}", identifiers::suffix(5));
    let mut template = job["template"]["template"].clone();
    let tasks = at(&call.body, "overrides.taskCount")
        .or(at(&job, "template.taskCount"))
        .and_then(Value::as_u64)
        .unwrap_or(1);
    overrides(&mut template, &call.body["overrides"]);
    let now = clock::now();
    let execution = json!({
        "name": name,
        "uid": identifiers::uuid(),
        "creator": CALLER,
        "generation": "1",
        "job": short,
        "createTime": now,
        "startTime": now,
        "updateTime": now,
        "launchStage": job["launchStage"],
        "parallelism": 1,
        "taskCount": tasks,
        "template": template,
        "reconciling": true,
        "conditions": [{"type": "Completed", "state": "CONDITION_PENDING"}],
        "etag": etag(),
    });
    if call.query("validateOnly") == Some("true") || call.body["validateOnly"] == true {
        return super::validated("Execution", &execution);
    }
    cloud.store.executions.put(&name, execution.clone())?;
    cloud.store.jobs.change::<ApiError>(job_name, |job| {
        let count = job["executionCount"].as_u64().unwrap_or_default() + 1;
        job["executionCount"] = count.into();
        job["latestCreatedExecution"] =
            json!({"name": name, "createTime": now, "completionStatus": "EXECUTION_RUNNING"});
        Ok(())
    })?;
    begin(cloud, call, &name, typed("Execution", &execution), Value::Null)
}

/// Applies what a run request changes in the template.
fn overrides(template: &mut Value, overrides: &Value) {
    if let Some(timeout) = text(overrides, "timeout") {
        template["timeout"] = timeout.into();
    }
    let Some(given) = list(overrides, "containerOverrides").next() else { return };
    let container = &mut template["containers"][0];
    if list(given, "args").next().is_some() {
        container["args"] = given["args"].clone();
    } else if given["clearArgs"] == true {
        crate::common::json::remove(container, "args");
    }
    let mut env: Vec<Value> = list(container, "env").cloned().collect();
    for variable in list(given, "env") {
        env.retain(|present| present["name"] != variable["name"]);
        env.push(variable.clone());
    }
    if !env.is_empty() {
        container["env"] = env.into();
    }
}

/// The work of an execution. Begun again after a restart it begins anew.
pub(super) async fn run(cloud: &Arc<Cloud>, operation: &Operation) -> Result<Value, Failure> {
    let name = &operation.target;
    let execution = cloud
        .store
        .executions
        .get(name)
        .ok_or_else(|| Failure::new(5, missing(name, "EXECUTION").message))?;
    let tasks = execution["taskCount"].as_u64().unwrap_or(1);
    let mut problem = None;
    let (mut succeeded, mut retried) = (0_u64, 0_u64);
    for index in 0..tasks {
        let (retries, result) = task(cloud, &execution, index).await;
        retried += retries;
        match result {
            Ok(()) => succeeded += 1,
            Err(failure) => {
                problem = Some(failure);
                break;
            }
        }
        cloud.store.executions.change::<Failure>(name, |execution| {
            execution["succeededCount"] = succeeded.into();
            Ok(())
        })?;
    }
    let failed = u64::from(problem.is_some());
    let changed = cloud.store.executions.change::<Failure>(name, |execution| {
        let message = problem.as_ref().map(|failure| failure.message.as_str());
        let mut completed = condition("Completed", message);
        if problem.is_some() {
            completed["executionReason"] = "NON_ZERO_EXIT_CODE".into();
        }
        crate::common::json::remove(execution, "reconciling");
        execution["observedGeneration"] = "1".into();
        execution["completionTime"] = clock::now().into();
        execution["updateTime"] = clock::now().into();
        execution["etag"] = etag().into();
        execution["conditions"] =
            json!([completed, condition("ResourcesAvailable", None), condition("Started", None)]);
        for (field, count) in
            [("succeededCount", succeeded), ("failedCount", failed), ("retriedCount", retried)]
        {
            if count > 0 {
                execution[field] = count.into();
            }
        }
        Ok(())
    })?;
    let execution = typed("Execution", &changed.unwrap_or(execution));
    note_completion(cloud, name, problem.is_none())?;
    match problem {
        None => Ok(execution),
        Some(failure) => {
            cloud.operations.set_metadata(operation, execution)?;
            Err(failure)
        }
    }
}

/// Tells the job how its latest execution ended.
fn note_completion(cloud: &Cloud, name: &str, success: bool) -> Result<(), Failure> {
    let (job, _) = name.split_once("/executions/").unwrap_or_default();
    cloud.store.jobs.change::<Failure>(job, |job| {
        if text(job, "latestCreatedExecution.name") == Some(name) {
            job["latestCreatedExecution"]["completionTime"] = clock::now().into();
            job["latestCreatedExecution"]["completionStatus"] =
                if success { "EXECUTION_SUCCEEDED" } else { "EXECUTION_FAILED" }.into();
        }
        Ok(())
    })?;
    Ok(())
}

/// Runs one task, again as often as the template allows; returns the number of retries too.
async fn task(cloud: &Arc<Cloud>, execution: &Value, index: u64) -> (u64, Result<(), Failure>) {
    let retries = at(execution, "template.maxRetries").and_then(Value::as_u64).unwrap_or(3);
    let mut attempt = 0;
    loop {
        match attempt_task(cloud, execution, index, attempt).await {
            Err(failure) if attempt >= retries || failure.code != 10 => {
                return (attempt, Err(Failure { code: 9, ..failure }));
            }
            Err(_) => attempt += 1,
            Ok(()) => return (attempt, Ok(())),
        }
    }
}

/// One attempt. Only a container that ran and failed (code 10, used nowhere else) is tried again.
async fn attempt_task(
    cloud: &Arc<Cloud>,
    execution: &Value,
    index: u64,
    attempt: u64,
) -> Result<(), Failure> {
    let name = text(execution, "name").unwrap_or_default();
    let short = name.rsplit('/').next().unwrap_or_default();
    let project = name.split('/').nth(1).unwrap_or_default();
    let own = BTreeMap::from([
        ("CLOUD_RUN_JOB".to_owned(), text(execution, "job").unwrap_or_default().to_owned()),
        ("CLOUD_RUN_EXECUTION".to_owned(), short.to_owned()),
        ("CLOUD_RUN_TASK_INDEX".to_owned(), index.to_string()),
        ("CLOUD_RUN_TASK_ATTEMPT".to_owned(), attempt.to_string()),
        ("CLOUD_RUN_TASK_COUNT".to_owned(), execution["taskCount"].to_string()),
    ]);
    let label = format!("{name}-task{index}-{attempt}");
    let specification =
        containers::specification(cloud, project, &execution["template"], own, &label).await?;
    let log = specification.log.clone();
    let timeout = text(execution, "template.timeout").and_then(seconds).unwrap_or(Duration::from_secs(600));
    let completion = cloud.containers.run(specification, timeout).await.map_err(Failure::internal)?;
    if completion.exit.is_success() && !completion.timed_out {
        return Ok(());
    }
    let how = match completion.exit {
        _ if completion.timed_out => {
            "Terminating task because it has reached the maximum timeout.".to_owned()
        }
        Exit::Code(code) => format!("The container exited with an error: exit code {code}."),
        Exit::Signal(signal) => format!("The container was ended by signal {signal}."),
    };
    let first = completion.log.len().saturating_sub(TAIL);
    Err(Failure::new(
        10,
        format!(
            "Task {short}-task{index} failed with message: {how}\nLast lines of {}:\n{}",
            log.display(),
            completion.log[first..].join("\n")
        ),
    ))
}
