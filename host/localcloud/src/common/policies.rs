//! IAM policies: one per resource, with etags, conditions and checked members.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::error::ApiError;
use super::identifiers;
use super::json::{list, text};
use crate::cloud::Cloud;
use crate::data::file::FileError;

/// The etag of a policy that was never set.
const UNSET: &str = "ACAB";

/// How many members a policy may have, in all its bindings.
const MEMBERS: usize = 1500;

/// Prefixes of members that need no check.
const UNCHECKED: [&str; 9] = [
    "user:",
    "group:",
    "domain:",
    "principal://",
    "principalSet://",
    "projectOwner:",
    "projectEditor:",
    "projectViewer:",
    "deleted:",
];

/// The policy of `resource`: `//run.googleapis.com/projects/…`.
pub(crate) fn get(cloud: &Cloud, resource: &str) -> Value {
    cloud.store.policies.get(resource).unwrap_or_else(|| json!({"etag": UNSET}))
}

/// Replaces the bindings of `resource` if the request's etag is still the current one.
pub(crate) fn set(cloud: &Cloud, resource: &str, policy: &Value) -> Result<Value, ApiError> {
    set_masked(cloud, resource, policy, None)
}

/// Replaces the parts of the policy of `resource` that the mask names, as a comma-separated list: bindings and etag
/// where there is none (`SetIamPolicyRequest.updateMask`).
pub(crate) fn set_masked(
    cloud: &Cloud,
    resource: &str,
    policy: &Value,
    mask: Option<&str>,
) -> Result<Value, ApiError> {
    let masked = |field: &str| mask.unwrap_or("bindings,etag").split(',').any(|name| name.trim() == field);
    let before = get(cloud, resource);
    let bindings = match masked("bindings") {
        true => normalised(cloud, policy)?,
        false => list(&before, "bindings").cloned().collect(),
    };
    let audited = if masked("auditConfigs") { policy } else { &before };
    let audit_configs: Vec<Value> = list(audited, "auditConfigs").cloned().collect();
    let logs = audit_configs.iter().flat_map(|config| list(config, "auditLogConfigs"));
    for member in logs.flat_map(|log| list(log, "exemptedMembers")).filter_map(Value::as_str) {
        check_member(cloud, member)?;
    }
    let version = if bindings.iter().any(|binding| binding.get("condition").is_some()) { 3 } else { 1 };
    let current = text(&before, "etag").unwrap_or(UNSET).to_owned();
    if let Some(given) = text(policy, "etag").filter(|given| *given != current) {
        return Err(ApiError::aborted(format!(
            "There were concurrent policy changes. Please retry the whole read-modify-write with \
             exponential backoff. The request's ETag '{given}' did not match the current policy's \
             ETag '{current}'."
        )));
    }
    let mut policy = json!({"version": version, "etag": identifiers::etag(), "bindings": bindings});
    if !audit_configs.is_empty() {
        policy["auditConfigs"] = audit_configs.into();
    }
    cloud.store.policies.put(resource, policy.clone())?;
    cloud.late.note(resource, before);
    Ok(policy)
}

/// Forgets the policy of a deleted resource.
pub(crate) fn remove(cloud: &Cloud, resource: &str) -> Result<(), FileError> {
    cloud.store.policies.remove(resource).map(drop)
}

/// Whether `member` has one of `roles` on one of `resources`. Conditions count as met.
pub(crate) fn grants(cloud: &Cloud, resources: &[String], roles: &[&str], member: &str) -> bool {
    resources.iter().any(|resource| {
        let policy = cloud.late.before(resource).unwrap_or_else(|| get(cloud, resource));
        list(&policy, "bindings").any(|binding| {
            text(binding, "role").is_some_and(|role| roles.contains(&role))
                && list(binding, "members").filter_map(Value::as_str).any(|candidate| {
                    candidate == member || candidate == "allUsers" || candidate == "allAuthenticatedUsers"
                })
        })
    })
}

/// Marks a deleted service account in every policy, as IAM does.
pub(crate) fn retire(cloud: &Cloud, email: &str, unique_id: &str) -> Result<(), FileError> {
    let live = format!("serviceAccount:{email}");
    let deleted = format!("deleted:serviceAccount:{email}?uid={unique_id}");
    for (resource, policy) in cloud.store.policies.list("") {
        if policy.to_string().contains(&live) {
            cloud.store.policies.change::<FileError>(&resource, |policy| {
                rename(policy, &live, &deleted);
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn rename(policy: &mut Value, from: &str, to: &str) {
    let bindings = policy.get_mut("bindings").and_then(Value::as_array_mut).into_iter().flatten();
    for binding in bindings {
        for member in binding.get_mut("members").and_then(Value::as_array_mut).into_iter().flatten() {
            if member == from {
                *member = to.into();
            }
        }
    }
}

/// Bindings merged by role and condition, members sorted and checked, empty ones dropped.
fn normalised(cloud: &Cloud, policy: &Value) -> Result<Vec<Value>, ApiError> {
    let mut merged: Vec<(String, Value, BTreeSet<String>)> = Vec::new();
    for binding in list(policy, "bindings") {
        let role = text(binding, "role")
            .filter(|role| role.starts_with("roles/") || role.contains("/roles/"))
            .ok_or_else(|| {
                let role = text(binding, "role").unwrap_or_default();
                ApiError::invalid(format!("Role {role} is not supported for this resource."))
            })?;
        let condition =
            binding.get("condition").filter(|condition| !condition.is_null()).cloned().unwrap_or_default();
        if !condition.is_null() && policy.get("version").and_then(Value::as_i64) != Some(3) {
            return Err(ApiError::invalid(
                "Specified policy has conditional role bindings; its version must be 3.",
            ));
        }
        let mut members = BTreeSet::new();
        for member in list(binding, "members").filter_map(Value::as_str) {
            check_member(cloud, member)?;
            members.insert(member.to_owned());
        }
        match merged.iter_mut().find(|(other, when, _)| other == role && *when == condition) {
            Some((_, _, present)) => present.extend(members),
            None => merged.push((role.to_owned(), condition, members)),
        }
    }
    let count: usize = merged.iter().map(|(_, _, members)| members.len()).sum();
    if count > MEMBERS {
        return Err(ApiError::invalid(format!(
            "The number of members in the policy ({}) is larger than the maximum allowed size {}.",
            thousands(count),
            thousands(MEMBERS)
        )));
    }
    Ok(merged
        .into_iter()
        .filter(|(_, _, members)| !members.is_empty())
        .map(|(role, condition, members)| {
            let mut binding = json!({"role": role, "members": members});
            if !condition.is_null() {
                binding["condition"] = condition;
            }
            binding
        })
        .collect())
}

/// A number below a million, with a comma after the thousands.
fn thousands(number: usize) -> String {
    match (number / 1000, number % 1000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}

fn check_member(cloud: &Cloud, member: &str) -> Result<(), ApiError> {
    if matches!(member, "allUsers" | "allAuthenticatedUsers")
        || UNCHECKED.iter().any(|prefix| member.starts_with(prefix))
    {
        return Ok(());
    }
    let Some(email) = member.strip_prefix("serviceAccount:") else {
        return Err(ApiError::invalid(format!("Invalid member: {member}.")));
    };
    if cloud.account_exists(email) {
        Ok(())
    } else {
        Err(ApiError::invalid(format!("Service account {email} does not exist.")))
    }
}
