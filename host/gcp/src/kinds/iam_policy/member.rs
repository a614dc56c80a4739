//! Members: who gets a role, and when.

use mlflow_host_engine::RequestAction;
use mlflow_host_graph::Value;
use serde_json::{Value as Json, json};

use super::{Entry, list};

/// A role for one member.
#[derive(Debug, PartialEq)]
pub(super) struct Grant<'a> {
    role: &'a str,
    member: &'a str,
    condition: Option<Json>,
}

impl<'a> Grant<'a> {
    pub(super) fn of(inputs: &'a Value) -> Self {
        let text = |name: &str| inputs.get(name).and_then(Value::as_str).unwrap_or_default();
        let condition =
            inputs.get("condition").and_then(Value::to_request_json).filter(|json| !json.is_null());
        Self { role: text("role"), member: text("member"), condition }
    }

    fn is_in(&self, binding: &Json) -> bool {
        let condition = binding.get("condition").filter(|condition| !condition.is_null());
        binding.get("role").and_then(Json::as_str) == Some(self.role) && condition == self.condition.as_ref()
    }

    /// Addresses have no case.
    fn is_for(&self, listed: &Json) -> bool {
        listed.as_str().is_some_and(|text| text.eq_ignore_ascii_case(self.member))
    }

    /// Whether it is what is left of an account of that address, which was deleted: `deleted:MEMBER?uid=NUMBER`.
    fn is_for_a_former(&self, listed: &Json) -> bool {
        let former = listed.as_str().and_then(|text| text.strip_prefix("deleted:")?.split_once("?uid="));
        former.is_some_and(|(member, _)| member.eq_ignore_ascii_case(self.member))
    }
}

impl Entry for Grant<'_> {
    fn verb(&self, action: RequestAction) -> &'static str {
        if action == RequestAction::Delete { "revoke" } else { "grant" }
    }

    fn title(&self) -> String {
        format!("`{}` to `{}`", self.role, self.member)
    }

    /// A member has no body.
    fn find(&self, policy: &Json) -> Option<Json> {
        let bindings = policy.get("bindings").and_then(Json::as_array).into_iter().flatten();
        bindings
            .filter(|binding| self.is_in(binding))
            .filter_map(|binding| binding.get("members").and_then(Json::as_array))
            .flatten()
            .any(|member| self.is_for(member))
            .then_some(Json::Null)
    }

    fn put(&self, policy: &mut Json) {
        if self.find(policy).is_some() {
            return;
        }
        let Some(bindings) = list(policy, "bindings") else { return };
        if let Some(binding) = bindings.iter_mut().find(|binding| self.is_in(binding)) {
            list(binding, "members").into_iter().for_each(|members| members.push(json!(self.member)));
            return;
        }
        let mut binding = json!({"role": self.role, "members": [self.member]});
        if let Some(condition) = &self.condition {
            binding["condition"] = condition.clone();
        }
        bindings.push(binding);
    }

    fn take(&self, policy: &mut Json) {
        let Some(bindings) = policy.get_mut("bindings").and_then(Json::as_array_mut) else { return };
        bindings.retain_mut(|binding| {
            if !self.is_in(binding) {
                return true;
            }
            let Some(members) = binding.get_mut("members").and_then(Json::as_array_mut) else { return true };
            members.retain(|member| !self.is_for(member) && !self.is_for_a_former(member));
            !members.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::edit;
    use super::*;

    fn grant(member: &'static str, condition: Option<Json>) -> Grant<'static> {
        Grant { role: "roles/viewer", member, condition }
    }

    fn put(policy: &mut Json, grants: &[Grant<'_>]) -> bool {
        edit(policy, |policy| grants.iter().for_each(|grant| grant.put(policy)))
    }

    fn take(policy: &mut Json, grants: &[Grant<'_>]) -> bool {
        edit(policy, |policy| grants.iter().for_each(|grant| grant.take(policy)))
    }

    #[test]
    fn what_is_left_of_a_deleted_account_goes_with_its_member() {
        let members =
            ["serviceAccount:a@p", "deleted:serviceAccount:a@p?uid=1", "deleted:serviceAccount:b@p?uid=2"];
        let mut policy = json!({"bindings": [{"role": "roles/viewer", "members": members}]});
        assert!(take(&mut policy, &[grant("serviceAccount:a@p", None)]));
        assert_eq!(policy["bindings"][0]["members"], json!(["deleted:serviceAccount:b@p?uid=2"]));
    }

    /// An account that was made again has the address of the old one and none of its rights.
    #[test]
    fn the_member_of_a_deleted_account_is_nobody() {
        let inputs = Value::from(
            json!({"role": "roles/viewer", "member": "serviceAccount:a@p.iam.gserviceaccount.com"}),
        );
        let is_granted = |member: &str| {
            let policy = json!({"bindings": [{"role": "roles/viewer", "members": [member]}]});
            Grant::of(&inputs).find(&policy).is_some()
        };
        assert!(is_granted("serviceAccount:a@p.iam.gserviceaccount.com"));
        assert!(!is_granted("deleted:serviceAccount:a@p.iam.gserviceaccount.com?uid=1"));
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
        assert!(put(&mut policy, &ours));
        assert_eq!(
            policy,
            json!({"etag": "abc", "version": 3, "auditConfigs": [{"service": "x"}], "bindings": [
                {"role": "roles/viewer", "members": ["user:Other@example.com", "user:a@example.com"]},
                {"role": "roles/viewer", "members": ["user:temp@example.com", "user:a@example.com"], "condition": expires},
                {"role": "roles/owner", "members": ["user:boss@example.com"]},
            ]})
        );
        assert!(!put(&mut policy, &ours), "nothing is sent when nothing is missing");
        assert!(!put(&mut policy, &[grant("user:OTHER@example.com", None)]), "addresses have no case");
        assert!(take(&mut policy, &ours));
        assert_eq!(policy["bindings"], before["bindings"]);
        assert!(!take(&mut policy, &ours));
    }

    #[test]
    fn the_last_member_takes_the_binding_along() {
        let mut policy = Json::Null;
        assert!(put(&mut policy, &[grant("allUsers", None)]));
        assert_eq!(policy["bindings"], json!([{"role": "roles/viewer", "members": ["allUsers"]}]));
        assert!(take(&mut policy, &[grant("allUsers", None)]));
        assert_eq!(policy["bindings"], json!([]));
    }
}
