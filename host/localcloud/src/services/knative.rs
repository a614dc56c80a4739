//! Cloud Run's older face, read only: gcloud asks for services, jobs and executions as Knative v1 resources.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::identifiers;
use crate::common::json::{list, text};
use crate::server::call::{Answer, Reply};
use crate::server::target::Target;

/// Answers a GET below `/apis/`, or the older list of services of all regions.
pub(crate) fn answer(cloud: &Arc<Cloud>, target: &Target, query: &[(String, String)]) -> Option<Answer> {
    let parts: Vec<&str> = target.path.trim_matches('/').split('/').collect();
    // A regional host names the region.
    let region = target.host.strip_suffix("-run.googleapis.com");
    match parts.as_slice() {
        ["apis", "serving.knative.dev", "v1", "namespaces", project, "services"] => {
            Some(list_all(cloud, project, region, "Service", query))
        }
        ["apis", "serving.knative.dev", "v1", "namespaces", project, "services", name] => {
            Some(get(cloud, project, region, "Service", name))
        }
        ["apis", "run.googleapis.com", "v1", "namespaces", project, "jobs"] => {
            Some(list_all(cloud, project, region, "Job", query))
        }
        ["apis", "run.googleapis.com", "v1", "namespaces", project, "jobs", name] => {
            Some(get(cloud, project, region, "Job", name))
        }
        ["apis", "run.googleapis.com", "v1", "namespaces", project, "executions"] => {
            Some(list_all(cloud, project, region, "Execution", query))
        }
        ["apis", "run.googleapis.com", "v1", "namespaces", project, "executions", name] => {
            Some(get(cloud, project, region, "Execution", name))
        }
        ["v1", "projects", project, "locations", _, "services"] => {
            Some(list_all(cloud, project, None, "Service", query))
        }
        _ => None,
    }
}

/// The v2 path of a method that v1 has in the same form: what is done with the policies of services and jobs.
pub(crate) fn path_in_v2(target: &Target) -> Option<String> {
    let is_policy = target.path.ends_with(":getIamPolicy") || target.path.ends_with(":setIamPolicy");
    let rest = target.path.strip_prefix("/v1/projects/")?;
    (is_policy && target.host.ends_with("run.googleapis.com")).then(|| format!("/v2/projects/{rest}"))
}

fn rows(cloud: &Cloud, project: &str, region: Option<&str>, kind: &str) -> Result<Vec<Value>, ApiError> {
    let project = cloud.project(project)?;
    let prefix = match region {
        Some(region) => format!("projects/{project}/locations/{region}/"),
        None => format!("projects/{project}/locations/"),
    };
    let collection = match kind {
        "Execution" => &cloud.store.executions,
        "Job" => &cloud.store.jobs,
        _ => &cloud.store.services,
    };
    Ok(collection.list(&prefix).into_iter().map(|(_, body)| body).collect())
}

fn list_all(
    cloud: &Cloud,
    project: &str,
    region: Option<&str>,
    kind: &str,
    query: &[(String, String)],
) -> Answer {
    let selector = query.iter().find(|(name, _)| name == "labelSelector").map(|(_, value)| value.as_str());
    let wanted = selector.and_then(|selector| selector.split_once('='));
    let is_selected = |view: &Value| {
        wanted.is_none_or(|(label, value)| view["metadata"]["labels"][label.trim()] == value.trim())
    };
    let rows = rows(cloud, project, region, kind)?;
    let items: Vec<_> = rows.iter().map(|body| view(body, kind)).filter(is_selected).collect();
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
    if kind == "Service" { "serving.knative.dev/v1" } else { "run.googleapis.com/v1" }
}

/// A service, job or execution in Knative's words.
fn view(body: &Value, kind: &str) -> Value {
    let name = text(body, "name").unwrap_or_default();
    let part = |index: usize| name.split('/').nth(index).unwrap_or_default();
    let (project, region) = (part(1), part(3));
    let id = name.rsplit('/').next().unwrap_or_default();
    let mut labels = body["labels"].clone();
    let marks = crate::common::json::object(&mut labels);
    marks.insert("cloud.googleapis.com/location".to_owned(), region.into());
    if kind == "Execution" {
        marks.insert("run.googleapis.com/job".to_owned(), body["job"].clone());
    }
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
    if kind == "Execution" {
        view["spec"] = json!({
            "parallelism": body["parallelism"], "taskCount": body["taskCount"],
            "template": template(&body["template"]),
        });
        for field in ["cancelledCount", "failedCount", "retriedCount", "runningCount", "succeededCount"] {
            view["status"][field] = body[field].clone();
        }
        for field in ["startTime", "completionTime", "logUri"] {
            view["status"][field] = body[field].clone();
        }
    } else if kind == "Service" {
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
        "run.googleapis.com/creator": body["creator"],
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
