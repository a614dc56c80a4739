//! Cloud Run services: one whose last revision failed needs a new revision even if nothing changed.

use async_trait::async_trait;
use mlflow_host_graph::PropertyPath;

use super::Driver;
use crate::error::CallError;
use crate::readiness::{Condition, condition};
use crate::work::{Sent, Work};

pub(super) struct RunService;

#[async_trait]
impl Driver for RunService {
    async fn differences(&self, work: &Work<'_>) -> Result<Vec<PropertyPath>, CallError> {
        let mut paths = work.differences().await?;
        if has_failed(work).await? {
            paths.push(PropertyPath::root().key("template"));
        }
        Ok(paths)
    }

    async fn update(
        &self,
        work: &Work<'_>,
        changed: &[PropertyPath],
        step: usize,
    ) -> Result<Sent, CallError> {
        let of_unknown_shape = work.target.changed.is_empty();
        if of_unknown_shape && has_failed(work).await? {
            let (mut call, template) = match work.update_call(changed, step).await? {
                Some(prepared) => prepared,
                None => return Ok(Sent::Settle { identity: None }),
            };
            // The same template would otherwise be taken for no change.
            call = call.query("forceNewRevision", "true");
            return work.send(&call, template).await;
        }
        work.update(changed, step).await
    }
}

async fn has_failed(work: &Work<'_>) -> Result<bool, CallError> {
    let live = work.read(None).await?;
    Ok(live.is_some_and(|live| matches!(condition(&work.kind.readiness, &live), Condition::Failed(_))))
}
