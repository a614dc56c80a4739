//! Cloud Resource Manager v1 and v3: projects and their IAM policies.
//!
//! Every project exists: its number follows from its id.

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::common::error::ApiError;
use crate::common::json::text;
use crate::common::{identifiers, policies};
use crate::server::call::{Answer, Call, Reply, page};

/// The full resource name of a project, under which its policy is kept.
pub(crate) fn resource(project: &str) -> String {
    format!("//cloudresourcemanager.googleapis.com/projects/{project}")
}

pub(crate) fn call(cloud: &Cloud, call: &Call) -> Answer {
    let project = call.project();
    match call.action() {
        "projects.get" => Ok(Reply::Json(render(call, &record(cloud, project)?))),
        "projects.list" | "projects.search" => {
            let projects =
                cloud.store.projects.list("").iter().map(|(_, project)| render(call, project)).collect();
            page(call, "projects", projects).map(Reply::Json)
        }
        "projects.getIamPolicy" => Ok(Reply::Json(policies::get(cloud, &resource(project)))),
        "projects.setIamPolicy" => {
            let (policy, mask) = (&call.body["policy"], text(&call.body, "updateMask"));
            policies::set_masked(cloud, &resource(project), policy, mask).map(Reply::Json)
        }
        "projects.testIamPermissions" => Ok(Reply::Json(json!({"permissions": call.body["permissions"]}))),
        _ => Err(ApiError::unimplemented(call.id)),
    }
}

fn record(cloud: &Cloud, project: &str) -> Result<Value, ApiError> {
    cloud.store.projects.get(&identifiers::project_number(project)).ok_or_else(|| {
        // Only a number can be unknown, and Google does not tell the absent from the forbidden.
        ApiError::denied("The caller does not have permission")
    })
}

/// v1 and v3 write a project differently.
fn render(call: &Call, project: &Value) -> Value {
    if call.api.name.ends_with(".v1") {
        return project.clone();
    }
    json!({
        "name": format!("projects/{}", text(project, "projectNumber").unwrap_or_default()),
        "projectId": project["projectId"],
        "displayName": project["name"],
        "state": "ACTIVE",
        "createTime": project["createTime"],
        "updateTime": project["createTime"],
        "etag": "W/\"1\"",
    })
}
