//! Audit configurations: what is logged of who reads and writes a service's data. A policy has at most one for a
//! service, so that whoever declares it decides all of it.

use mlflow_host_engine::{ProviderError, RequestAction};
use mlflow_host_gcp_api::kinds::Kind;
use mlflow_host_graph::Value;
use serde_json::{Value as Json, json};

use super::{Entry, list};
use crate::compare::compare;

/// What is logged for one service.
#[derive(Debug)]
pub(super) struct AuditConfig<'a> {
    kind: &'a Kind,
    service: &'a str,
    body: Json,
}

impl<'a> AuditConfig<'a> {
    pub(super) fn of(kind: &'a Kind, inputs: &'a Value) -> Self {
        let service = inputs.get("service").and_then(Value::as_str).unwrap_or_default();
        let logs = inputs.get("auditLogConfigs").and_then(Value::to_request_json);
        Self { kind, service, body: json!({"service": service, "auditLogConfigs": logs}) }
    }

    fn is_at(&self, config: &Json) -> bool {
        config.get("service").and_then(Json::as_str) == Some(self.service)
    }
}

impl Entry for AuditConfig<'_> {
    fn verb(&self, action: RequestAction) -> &'static str {
        match action {
            RequestAction::Create => "create",
            RequestAction::Update => "change",
            RequestAction::Delete => "delete",
        }
    }

    fn title(&self) -> String {
        format!("the audit configuration of `{}`", self.service)
    }

    fn find(&self, policy: &Json) -> Option<Json> {
        let configs = policy.get("auditConfigs").and_then(Json::as_array).into_iter().flatten();
        configs.into_iter().find(|config| self.is_at(config)).cloned()
    }

    fn put(&self, policy: &mut Json) {
        let Some(configs) = list(policy, "auditConfigs") else { return };
        match configs.iter_mut().find(|config| self.is_at(config)) {
            Some(config) => *config = self.body.clone(),
            None => configs.push(self.body.clone()),
        }
    }

    fn take(&self, policy: &mut Json) {
        let configs = policy.get_mut("auditConfigs").and_then(Json::as_array_mut);
        configs.into_iter().for_each(|configs| configs.retain(|config| !self.is_at(config)));
    }

    /// The same configuration is as good as one of ours; another one is somebody's decision.
    fn refusal(&self, policy: &Json) -> Option<ProviderError> {
        let there = self.find(policy)?;
        if compare(self.kind, &Value::from(there.clone()), &Value::from(self.body.clone())).is_empty() {
            return None;
        }
        let message = format!("{} exists already, with other logs: {there}.", self.title());
        let hint = "Import it to decide it here (`import` in the program), or leave it out.";
        Some(ProviderError::new(message).with_hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use mlflow_host_gcp_api::kinds;

    use super::super::edit;
    use super::*;

    fn kind() -> &'static Kind {
        kinds::kind("cloudresourcemanager.googleapis.com/ProjectAuditConfig").unwrap()
    }

    #[test]
    fn others_keep_theirs() {
        let inputs = Value::from(json!({
            "service": "storage.googleapis.com",
            "auditLogConfigs": [{"logType": "DATA_READ", "exemptedMembers": ["user:b@x", "user:a@x"]}, {"logType": "DATA_WRITE"}],
        }));
        let ours = AuditConfig::of(kind(), &inputs);
        let others = json!({"service": "allServices", "auditLogConfigs": [{"logType": "ADMIN_READ"}]});
        let before = json!({"etag": "abc", "bindings": [], "auditConfigs": [others]});
        let mut policy = before.clone();
        assert!(edit(&mut policy, |policy| ours.put(policy)));
        assert_eq!(ours.find(&policy), Some(ours.body.clone()));
        assert!(!edit(&mut policy, |policy| ours.put(policy)), "nothing is sent when nothing is missing");
        assert!(edit(&mut policy, |policy| ours.take(policy)));
        assert_eq!(policy["auditConfigs"], before["auditConfigs"]);
        assert!(!edit(&mut policy, |policy| ours.take(policy)));
    }

    #[test]
    fn what_somebody_else_has_decided_is_not_overwritten() {
        let inputs = Value::from(json!({"service": "allServices", "auditLogConfigs": [
            {"logType": "DATA_READ", "exemptedMembers": ["user:a@x", "user:b@x"]}, {"logType": "DATA_WRITE"}]}));
        let ours = AuditConfig::of(kind(), &inputs);
        let with =
            |logs: Json| json!({"auditConfigs": [{"service": "allServices", "auditLogConfigs": logs}]});
        assert!(ours.refusal(&json!({})).is_none());
        let reordered = json!([{"logType": "DATA_WRITE"}, {"logType": "DATA_READ", "exemptedMembers": ["user:b@x", "user:a@x"]}]);
        assert!(ours.refusal(&with(reordered)).is_none());
        let refusal = ours.refusal(&with(json!([{"logType": "DATA_READ"}]))).unwrap();
        assert!(refusal.message.contains("exists already"), "{refusal}");
    }
}
