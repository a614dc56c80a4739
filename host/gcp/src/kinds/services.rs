//! Enabled APIs: one `batchEnable` for many; never disabled, since others may rely on them.

use mlflow_host_engine::{Outcome, Progress, ProviderError, RequestAction};
use serde_json::json;

use crate::client::Call;
use crate::error::CallError;
use crate::handle::{Handle, Phase, pause};
use crate::operations::{self, Stage};
use crate::retry::{self, Purpose};
use crate::tree::json_text;
use crate::work::{self, Work};

/// What Service Usage takes in one call.
const AT_A_TIME: usize = 20;

/// Begins or goes on with a request for all its targets.
pub(crate) async fn proceed(works: &[Work<'_>], handle: Option<Handle>) -> Result<Progress, ProviderError> {
    let Some(first) = works.first() else { return Ok(Progress::Done(Vec::new())) };
    if first.request.action == RequestAction::Delete {
        tracing::info!(count = works.len(), "APIs stay enabled: others may rely on them");
        return Ok(Progress::Done(Vec::new()));
    }
    let attempt = format!("cannot enable {}", ids(works).join(", "));
    let handle = handle.unwrap_or_else(|| Handle::new(Phase::Onward));
    step(works, first, handle).await.map_err(|error| error.into_provider_error(&attempt))
}

async fn step(works: &[Work<'_>], first: &Work<'_>, mut handle: Handle) -> Result<Progress, CallError> {
    let client = &first.session.client;
    let stage = match &handle.phase {
        Phase::Operation { operation } => operations::look(client, operation, false).await?,
        _ => {
            let chunk: Vec<String> =
                ids(works).into_iter().skip(handle.step * AT_A_TIME).take(AT_A_TIME).collect();
            if chunk.is_empty() {
                return finish(works, first).await;
            }
            let variables = first.variables(None).await?;
            let path = variables
                .expand_path("v1/projects/{project}/services:batchEnable")
                .map_err(|error| CallError::Invalid(error.to_string()))?;
            let call =
                Call::new(&first.kind.service, "POST", path).repeatable().json(json!({"serviceIds": chunk}));
            let answer = match client.json(&call).await {
                Err(error) => return later(first, handle, error),
                Ok(answer) => answer,
            };
            let style = operations::Style::LongRunning;
            let operation = operations::place(first.kind, style, &answer, variables)?;
            handle = handle.then(Phase::Operation { operation });
            operations::stage(style, &first.kind.service, &answer)
        }
    };
    match stage {
        Stage::Running => Ok(running(first, &handle)),
        Stage::Done(_) => {
            let mut next = handle.then(Phase::Onward);
            next.step += 1;
            Box::pin(step(works, first, next)).await
        }
        Stage::Failed(refusal) => {
            let class = retry::classify(&refusal, "", Purpose::Operation, &client.facts);
            later(first, handle, retry::error(refusal, class))
        }
    }
}

fn later(first: &Work<'_>, handle: Handle, error: CallError) -> Result<Progress, CallError> {
    match error {
        CallError::NotYet { after, patience, note, .. } if handle.age() < patience => {
            let session = first.session.id.clone();
            let handle = handle.then(Phase::Again { note: note.to_owned(), session });
            Ok(Progress::Running { handle: handle.to_json(), after, note: note.to_owned() })
        }
        error => Err(error),
    }
}

fn running(first: &Work<'_>, handle: &Handle) -> Progress {
    let expected = std::time::Duration::from_secs(u64::from(first.kind.seconds.create));
    Progress::Running { after: pause(handle.age(), expected), handle: handle.to_json(), note: String::new() }
}

/// Reads what is enabled now, all at once.
async fn finish(works: &[Work<'_>], first: &Work<'_>) -> Result<Progress, CallError> {
    let enabled = match &first.kind.list {
        Some(list) => work::list(first.session, &first.call(list).await?, list).await?,
        None => Vec::new(),
    };
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(works.len());
    for work in works {
        let id = id(work);
        let body = enabled.iter().find(|service| json_text(service, "name").ends_with(&format!("/{id}")));
        let body = body.cloned().ok_or_else(|| {
            CallError::unexpected(
                &first.kind.service,
                format!("it does not list {id} among the enabled APIs"),
            )
        })?;
        first.session.client.facts.enabled(&id);
        outcomes.push(work.outcome(None, body).await?);
    }
    Ok(Progress::Done(outcomes))
}

fn ids(works: &[Work<'_>]) -> Vec<String> {
    works.iter().map(id).collect()
}

fn id(work: &Work<'_>) -> String {
    work.inputs().get("name").and_then(mlflow_host_graph::Value::as_str).unwrap_or_default().to_owned()
}
