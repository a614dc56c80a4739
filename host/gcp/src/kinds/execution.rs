//! Executions of jobs: `jobs/{job}:run` answers with an operation whose metadata is the execution.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value as Json;

use super::Driver;
use crate::error::CallError;
use crate::tree::{json_at, json_text};
use crate::work::{Sent, Work, list};

pub(super) struct Execution;

#[async_trait]
impl Driver for Execution {
    async fn create(&self, work: &Work<'_>) -> Result<Sent, CallError> {
        let sent = work.create().await?;
        let Sent::Operation { operation, answer, .. } = sent else { return Ok(sent) };
        let metadata = json_at(&answer, "metadata").cloned().unwrap_or_default();
        match work.assigned_identity(&metadata).await? {
            // The execution itself tells more than the operation does.
            Some(identity) => Ok(Sent::Settle { identity: Some(identity) }),
            None => Ok(Sent::Operation { operation, answer, identity: None }),
        }
    }

    async fn baseline(&self, work: &Work<'_>) -> Result<Option<Timestamp>, CallError> {
        let newest = executions(work).await?.iter().filter_map(made_at).max();
        Ok(Some(newest.unwrap_or(Timestamp::MIN)))
    }

    /// An execution carries no mark. The one that was started is the newest one, if it is newer than all that
    /// there were before; without a baseline, none was started.
    async fn find(
        &self,
        work: &Work<'_>,
        baseline: Option<Timestamp>,
    ) -> Result<Option<(String, Json)>, CallError> {
        let Some(baseline) = baseline else { return Ok(None) };
        let newer =
            executions(work).await?.into_iter().filter(|execution| made_at(execution) > Some(baseline));
        let Some(execution) = newer.max_by_key(made_at) else { return Ok(None) };
        Ok(work.assigned_identity(&execution).await?.map(|identity| (identity, execution)))
    }
}

/// All executions of the job.
async fn executions(work: &Work<'_>) -> Result<Vec<Json>, CallError> {
    match &work.kind.list {
        Some(template) => list(work.session, &work.call(template).await?, template).await,
        None => Ok(Vec::new()),
    }
}

/// When an execution was started: `createTime`.
fn made_at(execution: &Json) -> Option<Timestamp> {
    json_text(execution, "createTime").parse().ok()
}
