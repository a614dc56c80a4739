//! What holds data cannot be deleted by mistake.
//!
//! An SQL instance has to have Google's own protection and the host's; databases and buckets the host's. Buckets
//! whose content can be made again are named in the parameter `temporary-buckets`.

use mlflow_host_policy::{Parameters, Plan, Resource, Result, Violation, policy};
use serde_json::Value;

policy!(judge);

const INSTANCE: &str = "sqladmin.googleapis.com/Instance";
const DATABASE: &str = "sqladmin.googleapis.com/Database";
const BUCKET: &str = "storage.googleapis.com/Bucket";
const GOOGLE: [&str; 2] = ["settings", "deletionProtectionEnabled"];
/// A parameter: logical names of buckets that may be without protection.
const TEMPORARY: &str = "temporary-buckets";

fn judge(plan: &Plan, parameters: &Parameters) -> Result<Vec<Violation>> {
    parameters.only(&[TEMPORARY])?;
    let temporary = parameters.texts(TEMPORARY)?.unwrap_or_default();
    let is_temporary = |resource: &Resource<'_>| {
        resource.kind() == BUCKET && temporary.iter().any(|name| name == resource.name())
    };
    let judged = plan.remaining().filter(|resource| !is_temporary(resource));
    Ok(judged.flat_map(missing).collect())
}

fn missing(resource: Resource<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    if ![INSTANCE, DATABASE, BUCKET].contains(&resource.kind()) {
        return found;
    }
    if !resource.is_protected() {
        let otherwise = if resource.kind() == BUCKET {
            format!(", or name it in the parameter `{TEMPORARY}`")
        } else {
            String::new()
        };
        let message =
            format!("The host would delete it without a word: declare it with `protect`{otherwise}.");
        found.push(resource.violation(message));
    }
    if resource.kind() == INSTANCE && resource.property(&GOOGLE) != &Value::Bool(true) {
        let message = "Anybody with the right to do so can delete the instance at once: set it to `true`.";
        found.push(resource.violation(message).at(GOOGLE.join(".")));
    }
    if resource.kind() == BUCKET && resource.property(&["forceDestroy"]) == &Value::Bool(true) {
        let message = "The bucket would be deleted with everything in it: leave it out.";
        found.push(resource.violation(message).at("forceDestroy"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(kind: &str, protect: bool, properties: Value, parameters: Value) -> Vec<Option<String>> {
        let resource = json!({"kind": kind, "urn": "it", "name": "sources", "action": "create",
                              "protect": protect, "properties": properties});
        let plan = Plan::new(json!({"resources": [resource]}));
        let found = judge(&plan, &Parameters::new(parameters)).into_iter().flatten();
        found.map(|violation| violation.path).collect()
    }

    #[test]
    fn an_instance_is_protected_twice() {
        let enabled = json!({"settings": {"deletionProtectionEnabled": true}});
        let google = Some("settings.deletionProtectionEnabled".to_owned());
        assert_eq!(paths(INSTANCE, true, enabled.clone(), json!({})), []);
        assert_eq!(paths(INSTANCE, false, enabled, json!({})), [None]);
        assert_eq!(paths(INSTANCE, true, json!({}), json!({})), std::slice::from_ref(&google));
        assert_eq!(paths(INSTANCE, false, json!({}), json!({})), [None, google]);
    }

    #[test]
    fn a_bucket_keeps_what_is_in_it_unless_it_is_temporary() {
        let force = json!({"forceDestroy": true});
        assert_eq!(paths(BUCKET, true, json!({}), json!({})), []);
        assert_eq!(paths(BUCKET, true, force.clone(), json!({})), [Some("forceDestroy".to_owned())]);
        assert_eq!(paths(BUCKET, false, force.clone(), json!({TEMPORARY: ["sources"]})), []);
        assert_eq!(paths(BUCKET, false, force, json!({TEMPORARY: ["other"]})).len(), 2);
    }

    #[test]
    fn what_holds_no_data_needs_no_protection() {
        assert_eq!(paths("run.googleapis.com/Service", false, json!({}), json!({})), []);
    }
}
