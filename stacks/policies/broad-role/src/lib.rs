//! Nobody gets a role that is broader than what a server needs.
//!
//! Basic roles (owner, editor, viewer) and roles of administrators are refused on everything. On the project, so are
//! those that read all secrets or act as any account. The parameter `allowed` lists roles that are fine after all.

use mlflow_host_policy::{Parameters, Plan, Resource, Result, Violation, policy};

policy!(judge);

const PROJECT: &str = "cloudresourcemanager.googleapis.com/ProjectIamMember";
const BASIC: [&str; 6] =
    ["roles/owner", "roles/editor", "roles/viewer", "roles/admin", "roles/writer", "roles/reader"];
/// On one secret or one account they are what a server needs; on the project they open all of them.
const BROAD_ON_PROJECTS: [&str; 6] = [
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/iam.workloadIdentityUser",
    "roles/secretmanager.secretAccessor",
    "roles/storage.objectUser",
    "roles/storage.objectViewer",
];

fn judge(plan: &Plan, parameters: &Parameters) -> Result<Vec<Violation>> {
    parameters.only(&["allowed"])?;
    let allowed = parameters.texts("allowed")?.unwrap_or_default();
    let members = plan.remaining().filter(|resource| resource.kind().ends_with("IamMember"));
    let judged = members.filter(|member| !allowed.iter().any(|role| role == member.text(&["role"])));
    Ok(judged.filter_map(too_broad).collect())
}

fn too_broad(member: Resource<'_>) -> Option<Violation> {
    let role = member.text(&["role"]);
    let title = role.rsplit(['.', '/']).next().unwrap_or_default();
    let is_administrator = title.to_ascii_lowercase().ends_with("admin");
    let message = if BASIC.contains(&role) {
        format!("`{role}` is a basic role, which opens every service: use a role of the one that is needed.")
    } else if is_administrator {
        format!(
            "`{role}` can give rights to others or delete everything: use a role that only uses the service."
        )
    } else if member.kind() == PROJECT && BROAD_ON_PROJECTS.contains(&role) {
        format!("`{role}` on the project opens every such resource in it: give it on the one that is needed.")
    } else {
        return None;
    };
    Some(member.violation(message).at("role"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const SECRET: &str = "secretmanager.googleapis.com/SecretIamMember";

    fn count(kind: &str, role: &str, parameters: Value) -> usize {
        let member = json!({"kind": kind, "urn": "it", "action": "create", "properties": {"role": role}});
        let plan = Plan::new(json!({"resources": [member]}));
        judge(&plan, &Parameters::new(parameters)).into_iter().flatten().count()
    }

    #[test]
    fn roles_that_open_everything_are_refused_everywhere() {
        for role in ["roles/owner", "roles/editor", "roles/storage.admin", "roles/iam.securityAdmin"] {
            assert_eq!(count(PROJECT, role, json!({})), 1, "{role}");
            assert_eq!(count("storage.googleapis.com/BucketIamMember", role, json!({})), 1, "{role}");
        }
    }

    #[test]
    fn what_is_fine_on_one_resource_is_not_on_the_project() {
        assert_eq!(count(SECRET, "roles/secretmanager.secretAccessor", json!({})), 0);
        assert_eq!(count(PROJECT, "roles/secretmanager.secretAccessor", json!({})), 1);
        assert_eq!(count(PROJECT, "roles/logging.logWriter", json!({})), 0);
    }

    #[test]
    fn what_is_allowed_is_named() {
        let allowed = json!({"allowed": ["roles/storage.admin"]});
        assert_eq!(count(PROJECT, "roles/storage.admin", allowed.clone()), 0);
        assert_eq!(count(PROJECT, "roles/owner", allowed), 1);
        let ill = Parameters::new(json!({"alowed": []}));
        assert!(judge(&Plan::new(json!({})), &ill).is_err());
    }
}
