//! No lifecycle rule deletes what is in use: only what has been overwritten or deleted may expire.
//!
//! The parameter `temporary-buckets` holds logical names of buckets whose content may expire.

use mlflow_host_policy::{Parameters, Plan, Resource, Result, Violation, policy};
use serde_json::Value;

policy!(judge);

/// A parameter.
const TEMPORARY: &str = "temporary-buckets";
fn judge(plan: &Plan, parameters: &Parameters) -> Result<Vec<Violation>> {
    parameters.only(&[TEMPORARY])?;
    let temporary = parameters.texts(TEMPORARY)?.unwrap_or_default();
    let buckets = plan.remaining_of("storage.googleapis.com/Bucket");
    let judged = buckets.filter(|bucket| !temporary.iter().any(|name| name == bucket.name()));
    Ok(judged.flat_map(expiring).collect())
}

fn expiring(bucket: Resource<'_>) -> Vec<Violation> {
    let rules = bucket.items(&["lifecycle", "rule"]).enumerate();
    let violations = rules.filter(|(_, rule)| deletes_what_is_in_use(rule)).map(|(index, _)| {
        let message = "The rule deletes artifacts that are in use: add `isLive: false`, so that only what has been \
                       overwritten or deleted expires.";
        bucket.violation(message).at(format!("lifecycle.rule[{index}]"))
    });
    violations.collect()
}

fn deletes_what_is_in_use(rule: &Value) -> bool {
    let condition = &rule["condition"];
    let counts = |name: &str| condition[name].as_i64().is_some_and(|number| number > 0);
    // Conditions that only superseded versions fulfil.
    let spares = condition["isLive"] == Value::Bool(false)
        || counts("daysSinceNoncurrentTime")
        || counts("numNewerVersions")
        || condition["noncurrentTimeBefore"].is_string();
    let deletes = !["SetStorageClass", "AbortIncompleteMultipartUpload"]
        .map(Value::from)
        .contains(&rule["action"]["type"]);
    deletes && !spares
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn count(condition: Value, action: &str, parameters: Value) -> usize {
        let rule = json!({"action": {"type": action}, "condition": condition});
        let bucket = json!({"kind": "storage.googleapis.com/Bucket", "urn": "it", "name": "artifacts",
                            "action": "update", "properties": {"lifecycle": {"rule": [rule]}}});
        let plan = Plan::new(json!({"resources": [bucket]}));
        judge(&plan, &Parameters::new(parameters)).into_iter().flatten().count()
    }

    #[test]
    fn what_is_superseded_may_expire() {
        for condition in [
            json!({"isLive": false, "age": 30}),
            json!({"daysSinceNoncurrentTime": 90}),
            json!({"noncurrentTimeBefore": "2026-01-01"}),
            json!({"numNewerVersions": 3}),
        ] {
            assert_eq!(count(condition, "Delete", json!({})), 0);
        }
        assert_eq!(count(json!({"age": 30}), "SetStorageClass", json!({})), 0);
        assert_eq!(count(json!({"age": 7}), "AbortIncompleteMultipartUpload", json!({})), 0);
    }

    #[test]
    fn what_is_in_use_may_not() {
        for condition in [
            json!({"age": 30}),
            json!({"age": 30, "isLive": true}),
            json!({}),
            json!({"numNewerVersions": 0}),
            json!({"isLive": "[unknown]"}),
        ] {
            assert_eq!(count(condition, "Delete", json!({})), 1);
        }
        assert_eq!(count(json!({"age": 1}), "Delete", json!({TEMPORARY: ["artifacts"]})), 0);
    }
}
