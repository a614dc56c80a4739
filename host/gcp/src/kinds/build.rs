//! Builds: tagged with the request, so that they are found again; a failure comes with the end of the log.

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::Driver;
use crate::client::{Body, Call};
use crate::error::CallError;
use crate::tree::{json_at, json_text};
use crate::work::{Sent, Work};

/// How many lines of the log an error shows.
const LINES: usize = 30;

pub(super) struct Build;

#[async_trait]
impl Driver for Build {
    async fn create(&self, work: &Work<'_>) -> Result<Sent, CallError> {
        let (mut call, template) = work.create_call().await?;
        if let Body::Json(body) = &mut call.body {
            let mut tags = body.get("tags").and_then(Json::as_array).cloned().unwrap_or_default();
            tags.push(Json::String(tag(work)));
            body["tags"] = Json::Array(tags);
        }
        let sent = work.send(&call, template).await?;
        let Sent::Operation { operation, answer, .. } = sent else { return Ok(sent) };
        let build = json_at(&answer, "metadata.build").cloned().unwrap_or_default();
        match work.assigned_identity(&build).await? {
            Some(identity) => Ok(Sent::Settle { identity: Some(identity) }),
            None => Ok(Sent::Operation { operation, answer, identity: None }),
        }
    }

    async fn find(
        &self,
        work: &Work<'_>,
        _baseline: Option<Timestamp>,
    ) -> Result<Option<(String, Json)>, CallError> {
        let Some(list) = &work.kind.list else { return Ok(None) };
        let tag = tag(work);
        let call = work.call(list).await?.query("filter", format!("tags=\"{tag}\""));
        let answer = work.session.client.json(&call).await?;
        let is_ours = |build: &&Json| {
            let tags = build.get("tags").and_then(Json::as_array);
            tags.into_iter().flatten().any(|found| found.as_str() == Some(&tag))
        };
        let build = answer.get("builds").and_then(Json::as_array).into_iter().flatten().find(is_ours);
        let Some(build) = build else { return Ok(None) };
        Ok(work.assigned_identity(build).await?.map(|identity| (identity, build.clone())))
    }

    async fn explain(&self, work: &Work<'_>, body: &Json, said: String) -> String {
        match log(work, body).await {
            Ok(log) if !log.is_empty() => format!("{said}\nThe end of its log:\n{log}\n"),
            Ok(_) => said,
            Err(error) => {
                tracing::debug!(%error, "the log of a build cannot be read");
                said
            }
        }
    }
}

fn tag(work: &Work<'_>) -> String {
    format!("mlflow-host-{}", work.request.id)
}

/// The end of a build's log, from its bucket or from Cloud Logging.
async fn log(work: &Work<'_>, build: &Json) -> Result<String, CallError> {
    let id = json_text(build, "id");
    let bucket = json_text(build, "logsBucket").trim_start_matches("gs://");
    let lines: Vec<String> = if bucket.is_empty() {
        let project = &work.session.config.project;
        let body = json!({
            "resourceNames": [format!("projects/{project}")],
            "filter": format!("resource.type=\"build\" AND resource.labels.build_id=\"{id}\""),
            "orderBy": "timestamp desc",
            "pageSize": LINES,
        });
        let call = Call::new("logging.googleapis.com", "POST", "v2/entries:list").repeatable().json(body);
        let answer = work.session.client.json(&call).await?;
        let entries = answer.get("entries").and_then(Json::as_array).cloned().unwrap_or_default();
        entries.iter().rev().map(|entry| json_text(entry, "textPayload").to_owned()).collect()
    } else {
        let (bucket, folder) = bucket.split_once('/').unwrap_or((bucket, ""));
        let object = format!("{folder}/log-{id}.txt");
        let object = object.trim_start_matches('/').replace('/', "%2F");
        let path = format!("storage/v1/b/{bucket}/o/{object}");
        let call = Call::new("storage.googleapis.com", "GET", path).query("alt", "media");
        let answer = work.session.client.send(&call).await?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        text.lines().map(str::to_owned).collect()
    };
    Ok(lines[lines.len().saturating_sub(LINES)..].join("\n"))
}
