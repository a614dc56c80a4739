//! `/_local/…`: what the local cloud says about itself. No API of Google's has such a path.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::Server;
use super::call::json_response;
use super::faults;
use crate::common::json;
use crate::services::regular;
use crate::services::run::fronts;

/// Longest body of an admin request, in bytes.
const LIMIT: usize = 1024 * 1024;

/// Answers an admin request.
pub(crate) async fn answer(server: &Server, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path().trim_start_matches("/_local").trim_matches('/').to_owned();
    let method = request.method().clone();
    match (&method, path.as_str()) {
        (&Method::GET, "health") => ok(&json!({
            "status": if server.is_ready() { "ready" } else { "restoring" },
            "version": env!("CARGO_PKG_VERSION"),
            "directory": server.cloud.directory,
        })),
        (&Method::GET, "endpoints") => ok(&fronts::endpoints(&server.cloud)),
        (&Method::GET, "requests") => ok(&json!({"requests": server.journal.recent(after(&request))})),
        (&Method::GET, "operations") => ok(&operations(server)),
        (&Method::GET, "counters") => ok(&json!(server.journal.counters())),
        (&Method::GET, "resources") => ok(&resources(server)),
        (&Method::GET, "faults") => ok(&json!({"faults": server.faults.rules()})),
        (&Method::DELETE, "faults") => {
            server.faults.clear();
            server.cloud.late.clear();
            ok(&json!({}))
        }
        (&Method::GET, "traps") => ok(&json!({"traps": faults::traps()})),
        (&Method::POST, "faults") => add_fault(server, request).await,
        (&Method::GET, other) => {
            match other.strip_prefix("builds/").and_then(|rest| rest.strip_suffix("/log")) {
                Some(id) => build_log(server, id),
                None => unknown(),
            }
        }
        _ => unknown(),
    }
}

/// The query parameter `after`; 0 when there is none.
fn after(request: &Request<Body>) -> u64 {
    let query = request.uri().query().unwrap_or_default();
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "after");
    found.and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
}

fn ok(body: &Value) -> Response<Body> {
    json_response(StatusCode::OK, body)
}

fn unknown() -> Response<Body> {
    let message = "The local cloud has GET health, endpoints, requests, counters, resources, faults, traps, \
                   builds/ID/log, POST faults and DELETE faults under /_local/.";
    json_response(StatusCode::NOT_FOUND, &json!({"error": {"code": 404, "message": message}}))
}

async fn add_fault(server: &Server, request: Request<Body>) -> Response<Body> {
    let added = match axum::body::to_bytes(request.into_body(), LIMIT).await {
        Ok(bytes) => serde_json::from_slice::<Value>(&bytes)
            .map_err(|error| error.to_string())
            .and_then(|value| server.faults.add(value).map_err(|error| error.to_string())),
        Err(error) => Err(error.to_string()),
    };
    match added {
        Ok(()) => ok(&json!({"faults": server.faults.rules()})),
        Err(error) => {
            let message = format!("The body is no fault rule: {error}");
            json_response(StatusCode::BAD_REQUEST, &json!({"error": {"code": 400, "message": message}}))
        }
    }
}

fn build_log(server: &Server, id: &str) -> Response<Body> {
    let is_id = crate::services::builds::is_id(id);
    let path = crate::services::builds::log_path(&server.cloud, id);
    match is_id.then(|| std::fs::read(path)) {
        Some(Ok(content)) => Response::new(Body::from(content)),
        _ => json_response(
            StatusCode::NOT_FOUND,
            &json!({"error": {"code": 404, "message": format!("There is no log of build {id}.")}}),
        ),
    }
}

/// Every long-running operation that has ended: what it did, and when.
fn operations(server: &Server) -> Value {
    let ended = server.cloud.operations.all().into_iter().filter_map(|operation| {
        Some(json!({
            "service": operation.service,
            "action": operation.action,
            "target": operation.target,
            "begun": operation.inserted.to_string(),
            "ended": operation.ended?.to_string(),
        }))
    });
    json!({"operations": ended.collect::<Vec<_>>()})
}

/// Every resource by project and kind. What only the local cloud remembers (`local.…`), projects,
/// enabled APIs and builds, whose records nobody can delete, are not resources of a project in this
/// sense; policies in which something stands are.
fn resources(server: &Server) -> Value {
    let mut projects: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut builds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (kind, name, body) in server.cloud.store.all() {
        let project = project_of(server, &name, &body);
        let kind = match kind {
            "cloudresourcemanager.googleapis.com.Project" => continue,
            "serviceusage.googleapis.com.Service" => {
                let service = name.rsplit('/').next().unwrap_or_default().to_owned();
                services.entry(project).or_default().push(service);
                continue;
            }
            "cloudbuild.googleapis.com.Build" => {
                builds.entry(project).or_default().push(name);
                continue;
            }
            "local.Policy"
                if ["bindings", "auditConfigs"]
                    .iter()
                    .any(|part| json::list(&body, part).next().is_some()) =>
            {
                "iam.googleapis.com/Policy".to_owned()
            }
            "local.Regular" => {
                if let Some((kind, name)) = regular::shown(&server.cloud, &name, &body) {
                    projects
                        .entry(project)
                        .or_default()
                        .entry(kind.to_owned())
                        .or_default()
                        .push(name.to_owned());
                }
                continue;
            }
            kind if kind.starts_with("local.") => continue,
            kind => kind.replacen(".com.", ".com/", 1),
        };
        projects.entry(project).or_default().entry(kind).or_default().push(name);
    }
    let projects: BTreeMap<_, _> = projects
        .into_iter()
        .map(|(project, resources)| {
            let count: usize = resources.values().map(Vec::len).sum();
            (project, json!({"count": count, "resources": resources}))
        })
        .collect();
    json!({"projects": projects, "enabledServices": services, "builds": builds})
}

fn project_of(server: &Server, name: &str, body: &Value) -> String {
    let path = name.split_once("projects/").map(|(_, rest)| rest.split('/').next().unwrap_or(rest));
    let number = json::text(body, "projectNumber");
    let bucket = name
        .strip_prefix("//storage.googleapis.com/")
        .and_then(|bucket| server.cloud.store.buckets.get(bucket))
        .and_then(|bucket| json::text(&bucket, "projectNumber").map(str::to_owned));
    let project = path.or(number).map(str::to_owned).or(bucket).unwrap_or_default();
    server.cloud.project(&project).unwrap_or(project)
}
