use mlflow_host_gcp_api::kinds;
use serde_json::json;

use super::*;

/// The changes as `path: old -> new`, with `!` before those that replace.
fn changes(kind: &str, old: Json, new: impl Into<Value>) -> Vec<String> {
    let kind = kinds::kind(kind).unwrap();
    compare(kind, &Value::from(old), &new.into())
        .into_iter()
        .map(|change| {
            let mark = if change.kind == ChangeKind::Replace { "!" } else { "" };
            format!("{mark}{}: {} -> {}", change.path, change.old.to_shown_json(), change.new.to_shown_json())
        })
        .collect()
}

fn with(mut value: Value, path: &str, part: Value) -> Value {
    crate::tree::set(&mut value, &path.parse().unwrap(), part);
    value
}

#[test]
fn changes_are_leaves_and_say_what_they_take() {
    let old = json!({"project": "p", "location": "l", "name": "s", "template": {"timeout": "60s",
        "containers": [{"image": "a", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]}});
    let new = json!({"project": "p", "location": "m", "name": "s", "template": {"maxInstanceRequestConcurrency": 4,
        "containers": [{"image": "b", "env": [{"name": "B", "value": "3"}, {"name": "A", "value": "1"}, {"name": "C"}]}]}});
    insta::assert_snapshot!(changes("run.googleapis.com/Service", old, new).join("\n"), @r#"
!location: "l" -> "m"
template.containers[0].env[0].value: "2" -> "3"
template.containers[0].env[2]: null -> {"name":"C"}
template.containers[0].image: "a" -> "b"
template.maxInstanceRequestConcurrency: null -> 4
"#);
}

#[test]
fn what_means_the_same_is_no_change() {
    let sql = "sqladmin.googleapis.com/Instance";
    let old = json!({"settings": {"dataDiskSizeGb": "10", "availabilityType": "ZONAL", "databaseFlags": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
        "ipConfiguration": {"privateNetwork": "projects/p/global/networks/n"}}});
    let new = json!({"settings": {"dataDiskSizeGb": 10, "databaseFlags": [{"name": "b", "value": "2"}, {"name": "a", "value": "1"}],
        "ipConfiguration": {"privateNetwork": "https://www.googleapis.com/compute/v1/projects/p/global/networks/n"}}});
    assert_eq!(changes(sql, old, new), Vec::<String>::new());

    let audit = "cloudresourcemanager.googleapis.com/ProjectAuditConfig";
    let exempted = |members: [&str; 2]| json!({"auditLogConfigs": [{"logType": "DATA_READ", "exemptedMembers": members}, {"logType": "DATA_WRITE"}]});
    let (old, new) = (exempted(["user:a@x", "user:b@x"]), exempted(["user:b@x", "user:a@x"]));
    assert_eq!(changes(audit, old.clone(), new), Vec::<String>::new());
    assert!(!changes(audit, old, exempted(["user:a@x", "user:a@x"])).is_empty());

    let bucket = "storage.googleapis.com/Bucket";
    assert_eq!(
        changes(bucket, json!({"location": "EU"}), json!({"location": "eu", "labels": null})),
        Vec::<String>::new()
    );
    // What Google fills in may be declared or not; what is newly declared counts.
    assert_eq!(changes(bucket, json!({"rpo": "DEFAULT"}), json!({})), Vec::<String>::new());
    assert_eq!(changes(bucket, json!({}), json!({"rpo": "ASYNC_TURBO"})), ["rpo: null -> \"ASYNC_TURBO\""]);
}

#[test]
fn conditions_decide_which_way_a_field_can_go() {
    let sql = |old: Json, new: Json| {
        changes("sqladmin.googleapis.com/Instance", json!({"settings": old}), json!({"settings": new}))
    };
    assert_eq!(
        sql(json!({"dataDiskSizeGb": "20"}), json!({"dataDiskSizeGb": "10"})),
        ["!settings.dataDiskSizeGb: \"20\" -> \"10\""]
    );
    assert_eq!(
        sql(json!({"dataDiskSizeGb": "9"}), json!({"dataDiskSizeGb": "10"})),
        ["settings.dataDiskSizeGb: \"9\" -> \"10\""]
    );
    let subnet = |old: &str, new: &str| {
        changes("compute.googleapis.com/Subnetwork", json!({"ipCidrRange": old}), json!({"ipCidrRange": new}))
            .pop()
            .unwrap()
            .starts_with('!')
    };
    assert!(!subnet("10.1.0.0/24", "10.1.0.0/20"));
    assert!(subnet("10.1.0.0/24", "10.1.0.0/26"));
    assert!(subnet("10.1.0.0/24", "10.2.0.0/20"));
}

#[test]
fn kinds_without_an_update_are_replaced() {
    let address = "compute.googleapis.com/GlobalAddress";
    assert_eq!(
        changes(address, json!({"labels": {"a": "1"}}), json!({"labels": {"a": "2"}})),
        ["labels.a: \"1\" -> \"2\""]
    );
    assert_eq!(
        changes(address, json!({"prefixLength": 16}), json!({"prefixLength": 20})),
        ["!prefixLength: 16 -> 20"]
    );
    let build = "cloudbuild.googleapis.com/Build";
    assert_eq!(
        changes(build, json!({"tags": ["a"]}), json!({"tags": ["b"]})),
        ["!tags[0]: null -> \"b\"", "!tags[0]: \"a\" -> null"]
    );
    assert_eq!(
        changes("storage.googleapis.com/Bucket", json!({}), json!({"forceDestroy": true})),
        ["forceDestroy: null -> true"]
    );
}

#[test]
fn secrets_are_compared_and_never_shown() {
    let version = "secretmanager.googleapis.com/SecretVersion";
    let new = |text: &str| with(Value::empty_map(), "payload.data", Value::from(text).into_secret());
    let old = json!({"payload": {"data": "one"}});
    assert_eq!(changes(version, old.clone(), new("one")), Vec::<String>::new());
    assert_eq!(changes(version, old, new("two")), ["!payload.data: \"one\" -> \"[secret]\""]);
}

#[test]
fn what_is_not_known_yet_is_a_change() {
    let old = json!({"template": {"serviceAccount": "a"}, "name": "n"});
    let new = with(Value::from(old.clone()), "template.serviceAccount", Value::Unknown);
    assert_eq!(
        changes("run.googleapis.com/Service", old.clone(), new),
        ["template.serviceAccount: \"a\" -> \"[unknown]\""]
    );
    let new = with(Value::from(old.clone()), "name", Value::Unknown);
    assert_eq!(changes("run.googleapis.com/Service", old, new), ["!name: \"n\" -> \"[unknown]\""]);
}

#[test]
fn links_may_be_short_long_or_by_number() {
    for (left, right, same) in [
        (
            "projects/p/global/networks/n",
            "https://www.googleapis.com/compute/v1/projects/p/global/networks/n",
            true,
        ),
        ("projects/p/secrets/s", "projects/42/secrets/s", true),
        ("s", "projects/42/secrets/s", true),
        ("projects/p/secrets/s", "projects/q/secrets/s", false),
        ("projects/p/secrets/s", "projects/p/secrets/t", false),
        ("xs", "projects/p/secrets/s", false),
    ] {
        assert_eq!(same_link(left, right), same, "{left} {right}");
    }
}

/// The drift as `path: declared -> real`, with `!` before what cannot be put back in place.
fn drifts(kind: &str, declared: impl Into<Value>, live: Json) -> Vec<String> {
    let kind = kinds::kind(kind).unwrap();
    drift(kind, &declared.into(), &Value::from(live))
        .into_iter()
        .map(|change| {
            let mark = if change.kind == ChangeKind::Replace { "!" } else { "" };
            format!("{mark}{}: {} -> {}", change.path, change.old.to_shown_json(), change.new.to_shown_json())
        })
        .collect()
}

#[test]
fn only_what_was_declared_can_drift() {
    let sql = "sqladmin.googleapis.com/Instance";
    let declared = json!({"project": "p", "name": "i", "region": "r", "rootPassword": "x", "databaseVersion": "POSTGRES_16",
        "settings": {"tier": "small", "dataDiskSizeGb": 10, "storageAutoResize": true, "deletionProtectionEnabled": false,
            "userLabels": {"team": "ml"}, "databaseFlags": [{"name": "b", "value": "1"}, {"name": "a", "value": "2"}],
            "ipConfiguration": {"privateNetwork": "projects/p/global/networks/n", "authorizedNetworks": []}}});
    let live = json!({"name": "i", "resourceId": "i", "region": "r", "state": "RUNNABLE", "databaseVersion": "POSTGRES_16",
        "settings": {"tier": "small", "dataDiskSizeGb": "24", "settingsVersion": "3", "storageAutoResize": true,
            "userLabels": {"team": "ml", "added": "x"}, "databaseFlags": [{"name": "a", "value": "2"}, {"name": "b", "value": "1"}],
            "ipConfiguration": {"privateNetwork": "https://www.googleapis.com/compute/v1/projects/42/global/networks/n", "ipv4Enabled": true}}});
    assert_eq!(drifts(sql, declared.clone(), live.clone()), [""; 0], "disks grow, labels are added");

    let mut other = live;
    other["settings"]["tier"] = json!("big");
    other["settings"]["userLabels"] = json!({"added": "x"});
    other["settings"]["databaseFlags"] = json!([{"name": "a", "value": "3"}, {"name": "b", "value": "1"}]);
    other["settings"]["deletionProtectionEnabled"] = json!(true);
    other["region"] = json!("elsewhere");
    insta::assert_snapshot!(drifts(sql, declared, other).join("\n"), @r#"
!region: "r" -> "elsewhere"
settings.databaseFlags[1].value: "2" -> "3"
settings.deletionProtectionEnabled: false -> true
settings.tier: "small" -> "big"
settings.userLabels.team: "ml" -> null
"#);
}

#[test]
fn elements_that_come_and_go_drift_as_a_list() {
    let service = "run.googleapis.com/Service";
    let secret = |text: &str| Value::from(json!(text)).into_secret();
    let declared = with(
        json!({"template": {"containers": [{"image": "a", "env": [{"name": "A", "value": "1"}, {"name": "B"}]}]}}).into(),
        "template.containers[0].env[1].value",
        secret("hunter2"),
    );
    let env = |env: Json| json!({"template": {"containers": [{"image": "a", "ports": [{"containerPort": 8080}], "env": env}]}});
    let same = env(json!([{"name": "B", "value": "hunter2"}, {"name": "A", "value": "1"}]));
    assert_eq!(drifts(service, declared.clone(), same), [""; 0]);
    let leaked = env(json!([{"name": "B", "value": "hunter3"}, {"name": "A", "value": "1"}]));
    insta::assert_snapshot!(drifts(service, declared.clone(), leaked).join("\n"), @r#"
template.containers[0].env[1].value: "[secret]" -> "[secret]"
"#);
    let more = env(
        json!([{"name": "A", "value": "1"}, {"name": "B", "value": "hunter2"}, {"name": "C", "value": "3"}]),
    );
    insta::assert_snapshot!(drifts(service, declared.clone(), more).join("\n"), @r#"
template.containers[0].env: [{"name":"A","value":"1"},{"name":"B","value":"[secret]"}] -> "[secret]"
"#);
    let plain = json!({"template": {"containers": [{"image": "a", "args": ["x"]}], "serviceAccount": "a@b"}});
    let none = json!({"template": {"containers": [{"image": "a"}, {"image": "side"}]}});
    insta::assert_snapshot!(drifts(service, plain, none).join("\n"), @r#"
template.containers: [{"args":["x"],"image":"a"}] -> [{"image":"a"},{"image":"side"}]
template.serviceAccount: "a@b" -> null
"#);
}

#[test]
fn an_address_that_was_named_reads_as_a_number() {
    let rule = "compute.googleapis.com/GlobalForwardingRule";
    let named = json!({"IPAddress": "projects/p/global/addresses/front"});
    assert!(drifts(rule, Value::from(named.clone()), json!({"IPAddress": "203.0.113.4"})).is_empty());
    let other = json!({"IPAddress": "projects/p/global/addresses/back"});
    assert_eq!(drifts(rule, Value::from(named), other).len(), 1);
    let number = json!({"IPAddress": "203.0.113.5"});
    assert_eq!(drifts(rule, Value::from(number), json!({"IPAddress": "203.0.113.4"})).len(), 1);
}

#[test]
fn what_has_happened_or_cannot_be_read_does_not_drift() {
    let user = json!({"instance": "i", "name": "u", "password": "hunter2"});
    assert_eq!(
        drifts("sqladmin.googleapis.com/User", user, json!({"name": "u", "resourceId": "u"})),
        [""; 0]
    );
    let version = json!({"secret": "s", "payload": {"data": "hunter2"}});
    let live = json!({"name": "projects/42/secrets/s/versions/1", "state": "ENABLED"});
    assert_eq!(drifts("secretmanager.googleapis.com/SecretVersion", version, live), [""; 0]);
    let build = json!({"images": ["a"], "steps": [{"name": "docker"}]});
    assert_eq!(drifts("cloudbuild.googleapis.com/Build", build, json!({"tags": ["t"]})), [""; 0]);
    let grant = json!({"role": "r", "member": "m"});
    assert_eq!(drifts("cloudresourcemanager.googleapis.com/ProjectIamMember", grant, json!({})), [""; 0]);
}
