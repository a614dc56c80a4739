//! Cloud Run's older face, read only: gcloud asks for services and jobs as Knative v1 resources.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::identifiers;
use crate::common::json::{list, text};
use crate::server::call::{Answer, Reply};
use crate::server::target::Target;

/// Answers a GET below `/apis/`, or the older list of services of all regions.
pub(crate) fn answer(cloud: &Arc<Cloud>, target: &Target, _query: &[(String, String)]) -> Option<Answer> {
    let parts: Vec<&str> = target.path.trim_matches('/').split('/').collect();
    // A regional host names the region.
    let region = target.host.strip_suffix("-run.googleapis.com");
    match parts.as_slice() {
        ["apis", "serving.knative.dev", "v1", "namespaces", project, "services"] => {
            Some(list_all(cloud, project, region, "Service"))
        }
        ["apis", "serving.knative.dev", "v1", "namespaces", project, "services", name] => {
            Some(get(cloud, project, region, "Service", name))
        }
        ["apis", "run.googleapis.com", "v1", "namespaces", project, "jobs"] => {
            Some(list_all(cloud, project, region, "Job"))
        }
        ["apis", "run.googleapis.com", "v1", "namespaces", project, "jobs", name] => {
            Some(get(cloud, project, region, "Job", name))
        }
        ["v1", "projects", project, "locations", _, "services"] => {
            Some(list_all(cloud, project, None, "Service"))
        }
        _ => None,
    }
}

fn rows(cloud: &Cloud, project: &str, region: Option<&str>, kind: &str) -> Result<Vec<Value>, ApiError> {
    let project = cloud.project(project)?;
    let prefix = match region {
        Some(region) => format!("projects/{project}/locations/{region}/"),
        None => format!("projects/{project}/locations/"),
    };
    let collection = if kind == "Job" { &cloud.store.jobs } else { &cloud.store.services };
    Ok(collection.list(&prefix).into_iter().map(|(_, body)| body).collect())
}

fn list_all(cloud: &Cloud, project: &str, region: Option<&str>, kind: &str) -> Answer {
    let items: Vec<_> = rows(cloud, project, region, kind)?.iter().map(|body| view(body, kind)).collect();
    Ok(Reply::Json(json!({
        "apiVersion": version(kind), "kind": format!("{kind}List"), "metadata": {}, "items": items,
    })))
}

fn get(cloud: &Cloud, project: &str, region: Option<&str>, kind: &str, name: &str) -> Answer {
    let found = rows(cloud, project, region, kind)?
        .into_iter()
        .find(|body| text(body, "name").is_some_and(|full| full.rsplit('/').next() == Some(name)));
    found.map(|body| Reply::Json(view(&body, kind))).ok_or_else(|| {
        ApiError::not_found(format!("Resource '{name}' of kind '{}' does not exist.", kind.to_uppercase()))
    })
}

fn version(kind: &str) -> &'static str {
    if kind == "Job" { "run.googleapis.com/v1" } else { "serving.knative.dev/v1" }
}

/// A service or job in Knative's words.
fn view(body: &Value, kind: &str) -> Value {
    let name = text(body, "name").unwrap_or_default();
    let part = |index: usize| name.split('/').nth(index).unwrap_or_default();
    let (project, region, id) = (part(1), part(3), part(5));
    let mut labels = body["labels"].clone();
    crate::common::json::object(&mut labels)
        .insert("cloud.googleapis.com/location".to_owned(), region.into());
    let mut view = json!({
        "apiVersion": version(kind),
        "kind": kind,
        "metadata": {
            "name": id,
            "namespace": identifiers::project_number(project),
            "selfLink": format!("/apis/{}/namespaces/{}/{}s/{id}", version(kind), identifiers::project_number(project), kind.to_lowercase()),
            "uid": body["uid"],
            "resourceVersion": text(body, "etag").map(|etag| etag.trim_matches('"')),
            "generation": number(&body["generation"]),
            "creationTimestamp": body["createTime"],
            "labels": labels,
            "annotations": annotations(body),
        },
        "status": {
            "observedGeneration": number(&body["observedGeneration"]),
            "conditions": conditions(body),
        },
    });
    if kind == "Service" {
        let latest = |field: &str| text(body, field).and_then(|name| name.rsplit('/').next());
        view["spec"] = json!({
            "template": template(&body["template"]),
            "traffic": [{"percent": 100, "latestRevision": true}],
        });
        let status = json!({
            "url": body["uri"],
            "address": {"url": body["uri"]},
            "latestReadyRevisionName": latest("latestReadyRevision"),
            "latestCreatedRevisionName": latest("latestCreatedRevision"),
            "traffic": [{"percent": 100, "latestRevision": true, "revisionName": latest("latestReadyRevision")}],
        });
        crate::common::json::merge(&mut view["status"], &status);
    } else {
        view["spec"] = json!({"template": {"spec": {
            "taskCount": body["template"]["taskCount"],
            "template": template(&body["template"]["template"]),
        }}});
        view["status"]["executionCount"] = body["executionCount"].as_u64().unwrap_or_default().into();
    }
    crate::common::json::without_nulls(&mut view);
    view
}

fn number(value: &Value) -> Value {
    value.as_str().and_then(|text| text.parse::<u64>().ok()).map_or(Value::Null, Value::from)
}

fn annotations(body: &Value) -> Value {
    let ingress = match text(body, "ingress") {
        Some("INGRESS_TRAFFIC_INTERNAL_ONLY") => "internal",
        Some("INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER") => "internal-and-cloud-load-balancing",
        _ => "all",
    };
    json!({
        "serving.knative.dev/creator": body["creator"],
        "serving.knative.dev/lastModifier": body["lastModifier"],
        "run.googleapis.com/ingress": ingress,
        "run.googleapis.com/urls": body["urls"].is_array().then(|| body["urls"].to_string()),
    })
}

fn conditions(body: &Value) -> Vec<Value> {
    std::iter::once(&body["terminalCondition"])
        .chain(list(body, "conditions"))
        .filter(|condition| condition["type"].is_string())
        .map(|condition| {
            let status = match text(condition, "state") {
                Some("CONDITION_SUCCEEDED") => "True",
                Some("CONDITION_FAILED") => "False",
                _ => "Unknown",
            };
            json!({
                "type": condition["type"], "status": status, "message": condition["message"],
                "lastTransitionTime": condition["lastTransitionTime"],
            })
        })
        .collect()
}

fn template(template: &Value) -> Value {
    let containers: Vec<_> = list(template, "containers")
        .map(|container| {
            let mut container = container.clone();
            crate::common::json::remove(&mut container["resources"], "cpuIdle");
            for variable in container["env"].as_array_mut().into_iter().flatten() {
                if let Some(source) = crate::common::json::remove(variable, "valueSource") {
                    variable["valueFrom"] = json!({"secretKeyRef": {
                        "name": text(&source, "secretKeyRef.secret").map(|name| name.rsplit('/').next().unwrap_or(name)),
                        "key": source["secretKeyRef"]["version"],
                    }});
                }
            }
            container
        })
        .collect();
    let timeout = text(template, "timeout").and_then(|text| text.trim_end_matches('s').parse::<u64>().ok());
    json!({
        "metadata": {"annotations": {}},
        "spec": {
            "containerConcurrency": template["maxInstanceRequestConcurrency"],
            "timeoutSeconds": timeout,
            "serviceAccountName": template["serviceAccount"],
            "containers": containers,
        },
    })
}
