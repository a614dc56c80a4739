//! Members of IAM policies: one read-modify-write for all of a request, which touches nothing else.

use std::time::Duration;

use mlflow_host_engine::{Progress, ProviderError, RequestAction};
use mlflow_host_gcp_api::kinds::{IamPolicy, PolicyStyle};
use mlflow_host_graph::Value;
use serde_json::{Map, Value as Json, json};

use crate::client::Call;
use crate::error::CallError;
use crate::handle::{Handle, Phase};
use crate::work::Work;

/// How often the cycle is tried. Others may be changing the same policy all the time.
const ATTEMPTS: u32 = 12;
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Begins or goes on with a request for all its targets, which share one policy.
pub(crate) async fn proceed(works: &[Work<'_>], handle: Option<Handle>) -> Result<Progress, ProviderError> {
    let Some(first) = works.first() else { return Ok(Progress::Done(Vec::new())) };
    let deletes = first.request.action == RequestAction::Delete;
    if let Some(Handle { phase: Phase::Again { session, .. }, .. }) = &handle
        && *session != first.session.id
    {
        first.session.client.facts.take_over();
    }
    let result = modify(works, first, deletes).await;
    let attempt = || {
        let verb = if deletes { "revoke" } else { "grant" };
        let grants: Vec<_> = works.iter().map(|work| grant(work).to_string()).collect();
        format!("cannot {verb} {}", grants.join(", "))
    };
    match result {
        Ok(()) if deletes => Ok(Progress::Done(Vec::new())),
        Ok(()) => {
            let mut outcomes = Vec::with_capacity(works.len());
            for work in works {
                let outcome = work.outcome(None, Json::Null).await;
                outcomes.push(outcome.map_err(|error| error.into_provider_error(&attempt()))?);
            }
            Ok(Progress::Done(outcomes))
        }
        // What the members belonged to is gone, and they with it.
        Err(error) if deletes && error.is_status(404) => Ok(Progress::Done(Vec::new())),
        Err(CallError::NotYet { after, patience, note, .. })
            if handle.as_ref().is_none_or(|handle| handle.age() < patience) =>
        {
            let session = first.session.id.clone();
            let phase = Phase::Again { note: note.to_owned(), session };
            let handle = handle.unwrap_or_else(|| Handle::new(phase));
            Ok(Progress::Running { handle: handle.to_json(), after, note: note.to_owned() })
        }
        Err(error) => Err(error.into_provider_error(&attempt())),
    }
}

async fn modify(works: &[Work<'_>], first: &Work<'_>, deletes: bool) -> Result<(), CallError> {
    let iam = first
        .kind
        .iam
        .as_ref()
        .ok_or_else(|| CallError::Invalid(format!("`{}` has no policy to belong to", first.kind.name)))?;
    let client = &first.session.client;
    let grants: Vec<Grant<'_>> = works.iter().map(grant).collect();
    let mut pause = Duration::from_millis(250);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut policy = client.json(&read_call(first, iam).await?.repeatable()).await?;
        if !change(&mut policy, &grants, deletes) {
            return Ok(());
        }
        // With the etag in it a second sending is refused, not repeated.
        match client.json(&write_call(first, iam, policy).await?.repeatable()).await {
            Ok(_) => {
                client.facts.granted();
                return Ok(());
            }
            Err(CallError::Conflict { .. }) if attempt < ATTEMPTS => {
                tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>())).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(error),
        }
    }
}

async fn read_call(work: &Work<'_>, iam: &IamPolicy) -> Result<Call, CallError> {
    work.call(&iam.get).await
}

async fn write_call(work: &Work<'_>, iam: &IamPolicy, policy: Json) -> Result<Call, CallError> {
    let call = work.call(&iam.set).await?;
    Ok(call.json(match iam.style {
        PolicyStyle::Wrapped => json!({"policy": policy}),
        PolicyStyle::Bare => policy,
    }))
}

/// Who gets what, and when.
#[derive(Debug, Clone, PartialEq)]
struct Grant<'a> {
    role: &'a str,
    member: &'a str,
    condition: Option<Json>,
}

impl std::fmt::Display for Grant<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "`{}` to `{}`", self.role, self.member)
    }
}

fn grant<'a>(work: &Work<'a>) -> Grant<'a> {
    grant_of(work.inputs())
}

fn grant_of(inputs: &Value) -> Grant<'_> {
    let text = |name: &str| inputs.get(name).and_then(Value::as_str).unwrap_or_default();
    let condition = inputs.get("condition").and_then(Value::to_request_json).filter(|json| !json.is_null());
    Grant { role: text("role"), member: text("member"), condition }
}

/// Whether a policy holds the grant that these inputs declare.
pub(crate) fn is_granted(policy: &Json, inputs: &Value) -> bool {
    let grant = grant_of(inputs);
    let bindings = policy.get("bindings").and_then(Json::as_array).into_iter().flatten();
    bindings
        .filter(|binding| is_binding_of(binding, &grant))
        .filter_map(|binding| binding.get("members").and_then(Json::as_array))
        .flatten()
        .any(|member| is_same_member(member, grant.member))
}

/// Addresses have no case.
fn is_same_member(listed: &Json, member: &str) -> bool {
    listed.as_str().is_some_and(|text| text.eq_ignore_ascii_case(member))
}

/// Puts the grants into a policy, or takes them out. Says whether anything had to change.
fn change(policy: &mut Json, grants: &[Grant<'_>], remove: bool) -> bool {
    if !policy.is_object() {
        *policy = Json::Object(Map::new());
    }
    let bindings = policy.get("bindings").and_then(Json::as_array).cloned().unwrap_or_default();
    let mut changed = bindings.clone();
    for grant in grants {
        let binding = changed.iter_mut().find(|binding| is_binding_of(binding, grant));
        match (binding, remove) {
            (Some(binding), _) => {
                let Some(members) = binding.get_mut("members").and_then(Json::as_array_mut) else { continue };
                let is_member = |member: &Json| is_same_member(member, grant.member);
                if remove {
                    members.retain(|member| !is_member(member));
                } else if !members.iter().any(is_member) {
                    members.push(json!(grant.member));
                }
            }
            (None, false) => {
                let mut binding = json!({"role": grant.role, "members": [grant.member]});
                if let Some(condition) = &grant.condition {
                    binding["condition"] = condition.clone();
                }
                changed.push(binding);
            }
            (None, true) => {}
        }
    }
    changed.retain(|binding| {
        binding.get("members").and_then(Json::as_array).is_none_or(|members| !members.is_empty())
    });
    if changed == bindings {
        return false;
    }
    policy["bindings"] = Json::Array(changed);
    // Conditions exist since version 3; a lower one would drop those of others.
    policy["version"] = json!(3);
    true
}

fn is_binding_of(binding: &Json, grant: &Grant<'_>) -> bool {
    let condition = binding.get("condition").filter(|condition| !condition.is_null());
    binding.get("role").and_then(Json::as_str) == Some(grant.role) && condition == grant.condition.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(member: &'static str, condition: Option<Json>) -> Grant<'static> {
        Grant { role: "roles/viewer", member, condition }
    }

    /// An account that was made again has the address of the old one and none of its rights.
    #[test]
    fn the_member_of_a_deleted_account_is_nobody() {
        let inputs = Value::from(
            json!({"role": "roles/viewer", "member": "serviceAccount:a@p.iam.gserviceaccount.com"}),
        );
        let policy = |member: &str| json!({"bindings": [{"role": "roles/viewer", "members": [member]}]});
        assert!(is_granted(&policy("serviceAccount:a@p.iam.gserviceaccount.com"), &inputs));
        assert!(!is_granted(&policy("deleted:serviceAccount:a@p.iam.gserviceaccount.com?uid=1"), &inputs));
    }

    #[test]
    fn only_our_members_come_and_go() {
        let expires =
            json!({"title": "until", "expression": "request.time < timestamp('2030-01-01T00:00:00Z')"});
        let before = json!({"etag": "abc", "version": 1, "auditConfigs": [{"service": "x"}], "bindings": [
            {"role": "roles/viewer", "members": ["user:Other@example.com"]},
            {"role": "roles/viewer", "members": ["user:temp@example.com"], "condition": expires},
            {"role": "roles/owner", "members": ["user:boss@example.com"]},
        ]});
        let ours = [grant("user:a@example.com", None), grant("user:a@example.com", Some(expires.clone()))];
        let mut policy = before.clone();
        assert!(change(&mut policy, &ours, false));
        assert_eq!(
            policy,
            json!({"etag": "abc", "version": 3, "auditConfigs": [{"service": "x"}], "bindings": [
                {"role": "roles/viewer", "members": ["user:Other@example.com", "user:a@example.com"]},
                {"role": "roles/viewer", "members": ["user:temp@example.com", "user:a@example.com"], "condition": expires},
                {"role": "roles/owner", "members": ["user:boss@example.com"]},
            ]})
        );
        assert!(!change(&mut policy, &ours, false), "nothing is sent when nothing is missing");
        assert!(
            !change(&mut policy, &[grant("user:OTHER@example.com", None)], false),
            "addresses have no case"
        );
        assert!(change(&mut policy, &ours, true));
        assert_eq!(policy["bindings"], before["bindings"]);
        assert!(!change(&mut policy, &ours, true));
    }

    #[test]
    fn the_last_member_takes_the_binding_along() {
        let mut policy = Json::Null;
        assert!(change(&mut policy, &[grant("allUsers", None)], false));
        assert_eq!(policy["bindings"], json!([{"role": "roles/viewer", "members": ["allUsers"]}]));
        assert!(change(&mut policy, &[grant("allUsers", None)], true));
        assert_eq!(policy["bindings"], json!([]));
    }
}
