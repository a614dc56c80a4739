//! No bucket is public, and none can become so.

use mlflow_host_policy::{Parameters, Plan, Resource, Result, Violation, is_hidden, policy};
use serde_json::Value;

policy!(judge);

const EVERYBODY: [&str; 2] = ["allUsers", "allAuthenticatedUsers"];

fn judge(plan: &Plan, parameters: &Parameters) -> Result<Vec<Violation>> {
    parameters.only(&[])?;
    let members = plan.remaining_of("storage.googleapis.com/BucketIamMember").filter_map(public_member);
    let buckets = plan.remaining_of("storage.googleapis.com/Bucket").flat_map(open_bucket);
    Ok(members.chain(buckets).collect())
}

fn public_member(resource: Resource<'_>) -> Option<Violation> {
    if resource.is_hidden(&["member"]) {
        let message = "Nobody can tell whether this is everybody: name an account, a group or a domain.";
        return Some(resource.violation(message).at("member"));
    }
    let member = resource.text(&["member"]);
    EVERYBODY.contains(&member).then(|| {
        let message = format!("`{member}` makes the bucket public: name an account, a group or a domain.");
        resource.violation(message).at("member")
    })
}

fn open_bucket(resource: Resource<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    if resource.text(&["iamConfiguration", "publicAccessPrevention"]) != "enforced" {
        let message = "The bucket can be made public: set it to `enforced`.";
        found.push(resource.violation(message).at("iamConfiguration.publicAccessPrevention"));
    }
    for list in ["acl", "defaultObjectAcl"] {
        let is_public = |entry: &Value| {
            let Some(entity) = entry.get("entity") else { return is_hidden(entry) };
            is_hidden(entity) || entity.as_str().is_some_and(|who| EVERYBODY.contains(&who))
        };
        if resource.is_hidden(&[list]) || resource.items(&[list]).any(is_public) {
            let message = "The access control list lets everybody in: use IAM, and name who may.";
            found.push(resource.violation(message).at(list));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(kind: &str, properties: Value) -> Vec<Option<String>> {
        let resource = json!({"kind": kind, "urn": "it", "action": "create", "properties": properties});
        let plan = Plan::new(json!({"resources": [resource]}));
        let found = judge(&plan, &Parameters::default()).into_iter().flatten();
        found.map(|violation| violation.path).collect()
    }

    #[test]
    fn a_bucket_has_to_be_closed() {
        let bucket = "storage.googleapis.com/Bucket";
        let closed = json!({"publicAccessPrevention": "enforced"});
        assert_eq!(paths(bucket, json!({"iamConfiguration": closed})), []);
        let open = [Some("iamConfiguration.publicAccessPrevention".to_owned())];
        assert_eq!(paths(bucket, json!({})), open);
        assert_eq!(paths(bucket, json!({"iamConfiguration": {"publicAccessPrevention": "inherited"}})), open);
        let list = json!([{"entity": "user-a@example.com"}, {"entity": "allUsers", "role": "READER"}]);
        assert_eq!(
            paths(bucket, json!({"iamConfiguration": closed, "defaultObjectAcl": list})),
            [Some("defaultObjectAcl".to_owned())]
        );
    }

    #[test]
    fn what_nobody_can_tell_may_be_everybody() {
        let member = "storage.googleapis.com/BucketIamMember";
        for hidden in ["[secret]", "[unknown]"] {
            assert_eq!(paths(member, json!({"member": hidden})), [Some("member".to_owned())]);
            for list in [json!(hidden), json!([hidden]), json!([{"entity": hidden, "role": "READER"}])] {
                let bucket = json!({"iamConfiguration": {"publicAccessPrevention": "enforced"}, "acl": list});
                assert_eq!(paths("storage.googleapis.com/Bucket", bucket), [Some("acl".to_owned())]);
            }
        }
    }

    #[test]
    fn everybody_is_no_member() {
        let member = "storage.googleapis.com/BucketIamMember";
        assert_eq!(paths(member, json!({"member": "group:a@example.com"})), []);
        assert_eq!(paths(member, json!({"member": "allUsers"})), [Some("member".to_owned())]);
        assert_eq!(paths(member, json!({"member": "allAuthenticatedUsers"})).len(), 1);
        assert_eq!(paths("run.googleapis.com/ServiceIamMember", json!({"member": "allUsers"})), []);
    }
}
