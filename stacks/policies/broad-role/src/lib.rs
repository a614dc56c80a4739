//! Nobody gets a role that is broader than what a server needs.
//!
//! Basic roles (owner, editor, viewer) and roles of administrators and owners are refused on everything. On the project, so
//! are those that read all secrets or act as any account. A role of one's own is judged by its permissions, where the
//! stack makes it; others, and roles that nobody can tell from the plan, are refused. The parameter `allowed` lists roles
//! that are fine after all.

use mlflow_host_policy::{Parameters, Plan, Resource, Result, Violation, is_hidden, policy};

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

const CUSTOM: &str = "iam.googleapis.com/CustomRole";
/// Whoever has one of these can give themselves others, or be somebody else.
const POWERFUL: [&str; 7] = [
    ".setIamPolicy",
    "iam.roles.update",
    "iam.serviceAccountKeys.create",
    "iam.serviceAccounts.actAs",
    "iam.serviceAccounts.getAccessToken",
    "iam.serviceAccounts.signBlob",
    "iam.serviceAccounts.signJwt",
];

fn judge(plan: &Plan, parameters: &Parameters) -> Result<Vec<Violation>> {
    parameters.only(&["allowed"])?;
    let allowed = parameters.texts("allowed")?.unwrap_or_default();
    let own: Vec<&str> = plan.remaining_of(CUSTOM).map(|role| role.text(&["name"])).collect();
    let members = plan.remaining().filter(|resource| resource.kind().ends_with("IamMember"));
    let judged = members.filter(|member| !allowed.iter().any(|role| role == member.text(&["role"])));
    let grants = judged.filter_map(|member| too_broad(member, &own));
    Ok(grants.chain(plan.remaining_of(CUSTOM).filter_map(too_powerful)).collect())
}

/// `own` are the ids of the roles that the stack makes, which are judged where they are made.
fn too_broad(member: Resource<'_>, own: &[&str]) -> Option<Violation> {
    let role = member.text(&["role"]);
    let message = if member.is_hidden(&["role"]) {
        "Nobody can tell from the plan which role this is: name it.".to_owned()
    } else if BASIC.contains(&role) {
        format!("`{role}` is a basic role, which opens every service: use a role of the one that is needed.")
    } else if rules_over_others(role) {
        format!(
            "`{role}` can give rights to others or delete everything: use a role that only uses the service."
        )
    } else if member.kind() == PROJECT && BROAD_ON_PROJECTS.contains(&role) {
        format!("`{role}` on the project opens every such resource in it: give it on the one that is needed.")
    } else if is_foreign(role, own) {
        format!("What `{role}` permits is not in the plan: make the role in this stack, or allow it by name.")
    } else {
        return None;
    };
    Some(member.violation(message).at("role"))
}

/// Whether a part of the name says administrator or owner, as in `compute.instanceAdmin.v1`.
fn rules_over_others(role: &str) -> bool {
    let name = role.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    role.starts_with("roles/")
        && name.split('.').any(|part| part.ends_with("admin") || part.ends_with("owner"))
}

/// Whether it is a role of a project or an organisation that the stack does not make.
fn is_foreign(role: &str, own: &[&str]) -> bool {
    !role.starts_with("roles/") && role.rsplit('/').next().is_none_or(|id| !own.contains(&id))
}

fn too_powerful(role: Resource<'_>) -> Option<Violation> {
    const PERMISSIONS: &str = "includedPermissions";
    if role.is_hidden(&[PERMISSIONS]) || role.items(&[PERMISSIONS]).any(is_hidden) {
        let message = "Nobody can tell from the plan what the role permits: name the permissions.";
        return Some(role.violation(message).at(PERMISSIONS));
    }
    let mut permissions = role.items(&[PERMISSIONS]).filter_map(|permission| permission.as_str());
    let powerful = permissions.find(|permission| POWERFUL.iter().any(|end| permission.ends_with(end)))?;
    let message = format!("Whoever may do `{powerful}` can give themselves other rights: leave it out.");
    Some(role.violation(message).at(PERMISSIONS))
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
        for role in [
            "roles/owner",
            "roles/editor",
            "roles/storage.admin",
            "roles/iam.securityAdmin",
            "roles/compute.instanceAdmin.v1",
            "roles/bigquery.dataOwner",
            "roles/storage.legacyBucketOwner",
            "[secret]",
            "[unknown]",
            "projects/p/roles/somebodys",
        ] {
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

    #[test]
    fn a_role_of_the_stack_is_judged_by_its_permissions() {
        let paths = |permissions: Value| {
            let role = json!({"kind": CUSTOM, "urn": "r", "action": "create",
                "properties": {"name": "mine", "includedPermissions": permissions}});
            let member = json!({"kind": PROJECT, "urn": "m", "action": "create",
                "properties": {"role": "projects/p/roles/mine", "member": "user:a@example.com"}});
            let plan = Plan::new(json!({"resources": [role, member]}));
            let found = judge(&plan, &Parameters::default()).into_iter().flatten();
            found.filter_map(|violation| violation.path).collect::<Vec<_>>()
        };
        assert!(paths(json!(["storage.objects.get"])).is_empty());
        for powerful in
            [json!(["resourcemanager.projects.setIamPolicy"]), json!(["[secret]"]), json!("[unknown]")]
        {
            assert_eq!(paths(powerful), ["includedPermissions"]);
        }
    }
}
