//! Buckets: new ones take a moment to be known; with `forceDestroy` they are emptied before they are deleted, a
//! page of objects at a time.

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};
use mlflow_host_engine::ProviderError;
use mlflow_host_graph::Value;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use super::Driver;
use crate::client::Call;
use crate::error::CallError;
use crate::tree::json_text;
use crate::work::{Sent, Work};

/// Objects deleted at a time.
const AT_A_TIME: usize = 32;

pub(super) struct Bucket;

#[async_trait]
impl Driver for Bucket {
    async fn delete(&self, work: &Work<'_>, step: usize) -> Result<Sent, CallError> {
        let refused = match work.delete().await {
            Err(CallError::Refused { refusal, .. }) if is_not_empty(&refusal) => refusal,
            other => return other,
        };
        if work.inputs().get("forceDestroy") != Some(&Value::Bool(true)) {
            let error = ProviderError::new(format!("cannot delete {}: {}", work.title(), refused.message));
            let hint = "Empty it, or set its `forceDestroy` to true, run `up`, and then delete it.";
            return Err(CallError::Final(Box::new(error.with_hint(hint))));
        }
        let count = empty(work).await?;
        tracing::info!(objects = count, page = step, "emptied a bucket");
        Ok(Sent::Part)
    }

    fn made(&self, work: &Work<'_>, body: &Json) {
        work.session.client.facts.created_bucket(json_text(body, "name"));
    }
}

fn is_not_empty(refusal: &crate::error::Refusal) -> bool {
    refusal.status == 409 && refusal.message.contains("not empty")
}

/// Deletes one page of objects, with all their versions.
async fn empty(work: &Work<'_>) -> Result<usize, CallError> {
    let variables = work.variables(None).await?;
    let objects = variables
        .expand_path("storage/v1/b/{id}/o")
        .map_err(|error| CallError::Invalid(error.to_string()))?;
    let call = Call::new(&work.kind.service, "GET", &objects)
        .query("versions", "true")
        .query("maxResults", "1000")
        .query("fields", "items(name,generation)");
    let page = work.session.client.json(&call).await?;
    let items = page.get("items").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let deletions: Vec<Call> = items
        .iter()
        .map(|item| {
            let name = utf8_percent_encode(json_text(item, "name"), NON_ALPHANUMERIC);
            Call::new(&work.kind.service, "DELETE", format!("{objects}/{name}"))
                .query("generation", json_text(item, "generation"))
        })
        .collect();
    let client = &work.session.client;
    futures::stream::iter(deletions)
        .map(|call| async move {
            match client.send(&call).await {
                Err(error) if !error.is_status(404) => Err(error),
                _ => Ok(()),
            }
        })
        .buffer_unordered(AT_A_TIME)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(items.len())
}
