//! Executions of jobs: `jobs/{job}:run` answers with an operation whose metadata is the execution.

use async_trait::async_trait;
use serde_json::Value as Json;

use super::Driver;
use crate::error::CallError;
use crate::tree::{json_at, json_text};
use crate::work::{Sent, Work};

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

    /// An execution carries no mark. One that is still running is taken for the one that was started: two
    /// migrations of one database at a time would be worse than a missing one.
    async fn find(&self, work: &Work<'_>) -> Result<Option<(String, Json)>, CallError> {
        let Some(list) = &work.kind.list else { return Ok(None) };
        let answer = work.session.client.json(&work.call(list).await?).await?;
        let running = answer
            .get("executions")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .find(|execution| json_text(execution, "completionTime").is_empty());
        let Some(running) = running else { return Ok(None) };
        Ok(work.assigned_identity(running).await?.map(|identity| (identity, running.clone())))
    }
}
