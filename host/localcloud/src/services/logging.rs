//! Cloud Logging v2, as far as the logs of builds go: `entries.list` with a build's id.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::clock;
use crate::common::error::ApiError;
use crate::common::json::{list, text};
use crate::server::call::{Answer, Call, Reply};
use crate::services::builds;

/// Entries per page when the request names no number; Google's figure.
const PAGE: usize = 50;

/// Answers a call.
pub(crate) fn call(cloud: &Cloud, call: &Call) -> Answer {
    match call.action() {
        "entries.list" => entries(cloud, call),
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn entries(cloud: &Cloud, call: &Call) -> Answer {
    let filter = call.text("filter").unwrap_or_default();
    let id = build_id(filter).ok_or_else(|| {
        ApiError::invalid(format!(
            "The local cloud keeps the logs of builds: the filter must have resource.labels.build_id=\"ID\", \
             which '{filter}' has not."
        ))
    })?;
    let projects: Vec<String> = list(&call.body, "resourceNames")
        .filter_map(|name| name.as_str()?.strip_prefix("projects/"))
        .map(|project| cloud.project(project))
        .collect::<Result<_, _>>()?;
    let build = cloud.store.builds.list("projects/").into_iter().map(|(_, build)| build).find(|build| {
        build["id"] == id
            && text(build, "projectId").is_some_and(|owner| projects.iter().any(|name| name == owner))
    });
    let Some(build) = build else { return Ok(Reply::Json(json!({}))) };
    let mut entries = render(cloud, &build, id);
    if call.text("orderBy").is_some_and(|order| order.ends_with(" desc")) {
        entries.reverse();
    }
    let size = call.body["pageSize"].as_u64().and_then(|size| usize::try_from(size).ok());
    entries.truncate(size.filter(|size| *size > 0).unwrap_or(PAGE));
    Ok(Reply::Json(if entries.is_empty() { json!({}) } else { json!({"entries": entries}) }))
}

/// The value of `resource.labels.build_id` in a filter.
fn build_id(filter: &str) -> Option<&str> {
    let (_, rest) = filter.split_once("resource.labels.build_id")?;
    let id = rest.trim_start().strip_prefix('=')?.trim_start();
    let id = match id.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => id.split_whitespace().next()?,
    };
    builds::is_id(id).then_some(id)
}

/// The lines of a build's log, oldest first. Lines carry no time of their own: they are counted on
/// from the build's start, which keeps their order.
fn render(cloud: &Cloud, build: &Value, id: &str) -> Vec<Value> {
    let log = std::fs::read(builds::log_path(cloud, id)).unwrap_or_default();
    let project = text(build, "projectId").unwrap_or_default();
    let start = text(build, "startTime").and_then(|time| time.parse::<Timestamp>().ok()).unwrap_or_default();
    let lines = String::from_utf8_lossy(&log);
    lines
        .lines()
        .enumerate()
        .map(|(index, line)| {
            let after = SignedDuration::from_micros(i64::try_from(index).unwrap_or(i64::MAX));
            let time = clock::utc(start.checked_add(after).unwrap_or(start));
            json!({
                "insertId": format!("{id}-{index}"),
                "logName": format!("projects/{project}/logs/cloudbuild"),
                "resource": {"type": "build", "labels": {"project_id": project, "build_id": id}},
                "severity": "INFO",
                "textPayload": line,
                "timestamp": time,
                "receiveTimestamp": time,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_found_in_the_filter() {
        let id = Some("ab-12");
        assert_eq!(build_id("resource.type=\"build\" AND resource.labels.build_id=\"ab-12\""), id);
        assert_eq!(build_id("resource.labels.build_id = ab-12 AND x"), id);
        assert_eq!(build_id("resource.type=\"build\""), None);
        assert_eq!(build_id("resource.labels.build_id=\"../x\""), None);
    }
}
