//! The table against Google's description, and what the checks say.

use serde_json::json;

use super::*;
use crate::validate::Problem;

#[test]
fn every_file_parses_and_names_are_unique() {
    for file in &FILES {
        let entries: Entries =
            toml::from_str(file.text).unwrap_or_else(|error| panic!("{}: {error}", file.name));
        for kind in &entries.kind {
            let expected = format!("{}.googleapis.com/", file.service());
            assert!(kind.name.starts_with(&expected), "{} is in the wrong file", kind.name);
        }
    }
    let mut names: Vec<_> = all().map(|kind| &kind.name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn every_kind_agrees_with_googles_description() {
    let problems: Vec<_> = all().flat_map(audit::problems).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_table_does_not_contradict_itself() {
    for kind in all() {
        for parent in &kind.parents {
            let listed = kind.output_only.contains(&parent.name) || kind.required.contains(&parent.name);
            assert!(!listed, "{}: {} is a parent", kind.name, parent.name);
            if let Some(referred) = &parent.kind {
                assert!(super::kind(referred).is_some(), "{}: {referred}", kind.name);
            }
        }
        if let Some(container) = &kind.container {
            let parent = kind.parents.iter().find(|parent| parent.name == container.property);
            assert_eq!(parent.unwrap().kind.as_ref(), Some(&container.kind), "{}", kind.name);
        }
        for path in kind.required.iter().chain(&kind.immutable).chain(&kind.sensitive) {
            assert!(!kind.output_only.contains(path), "{}: {path}", kind.name);
        }
        for path in kind.target_defaults.keys() {
            assert!(!kind.required.contains(path), "{}: {path} has a default", kind.name);
        }
        for path in &kind.base64_paths {
            let schema = kind.create_schema.as_deref().or(kind.schema.as_deref()).unwrap();
            let field = kind.api().unwrap().at(schema, path).unwrap();
            assert_eq!(field.format.as_deref(), Some("byte"), "{}: {path}", kind.name);
        }
        if kind.create.is_some() || kind.iam.is_some() {
            assert!(kind.seconds.create > 0 && kind.timeout_minutes.create > 0, "{}", kind.name);
        }
        assert!(kind.create.is_none() || kind.read.is_some(), "{} cannot be read", kind.name);
    }
}

#[test]
fn secrets_are_marked() {
    let sensitive = |name: &str| &kind(name).unwrap().sensitive;
    assert_eq!(sensitive("sqladmin.googleapis.com/User"), &["password"]);
    assert_eq!(sensitive("secretmanager.googleapis.com/SecretVersion"), &["payload.data"]);
    assert!(sensitive("sqladmin.googleapis.com/Instance").contains(&"rootPassword".to_owned()));
}

#[test]
fn unknown_kinds_are_suggested() {
    let nearest = |name| Kinds::default().nearest(name);
    assert_eq!(nearest("run.googleapis.com/Servise"), Some("run.googleapis.com/Service"));
    assert_eq!(nearest("Bucket"), Some("storage.googleapis.com/Bucket"));
    assert_eq!(nearest("ec2.amazonaws.com/Instance"), None);
    assert!(kind("run.googleapis.com/service").is_none());
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> =
        problems.iter().map(|problem| format!("{} {problem}", problem.code.as_str())).collect();
    lines.join("\n")
}

fn checked(name: &str, properties: Value) -> String {
    lines(&check(kind(name).unwrap(), &properties, &|value| value == "<opaque>"))
}

#[test]
fn good_declarations_pass() {
    let good = [
        (
            "run.googleapis.com/Service",
            json!({
                "location": "europe-west1",
                "template": {"containers": [{"image": "<opaque>"}], "vpcAccess": "<opaque>"},
            }),
        ),
        (
            "compute.googleapis.com/Subnetwork",
            json!({
                "name": "subnet", "network": "<opaque>", "ipCidrRange": "10.0.0.0/24",
                "privateIpGoogleAccess": true,
            }),
        ),
        (
            "compute.googleapis.com/GlobalAddress",
            json!({
                "purpose": "VPC_PEERING", "addressType": "INTERNAL", "prefixLength": 16,
                "network": "<opaque>",
            }),
        ),
        (
            "servicenetworking.googleapis.com/Connection",
            json!({
                "network": "<opaque>", "reservedPeeringRanges": ["<opaque>"],
            }),
        ),
        (
            "sqladmin.googleapis.com/Instance",
            json!({
                "databaseVersion": "POSTGRES_16", "region": "<opaque>",
                "settings": {
                    "tier": "db-f1-micro", "edition": "ENTERPRISE", "dataDiskSizeGb": 10,
                    "ipConfiguration": {"ipv4Enabled": false, "privateNetwork": "<opaque>"},
                },
            }),
        ),
        ("sqladmin.googleapis.com/Database", json!({"instance": "<opaque>", "name": "mlflow"})),
        ("sqladmin.googleapis.com/User", json!({"instance": "<opaque>", "password": "<opaque>"})),
        ("secretmanager.googleapis.com/Secret", json!({"replication": {"automatic": {}}})),
        (
            "secretmanager.googleapis.com/SecretVersion",
            json!({
                "secret": "<opaque>", "payload": {"data": "plain text"},
            }),
        ),
        (
            "storage.googleapis.com/Bucket",
            json!({
                "location": "EU", "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": true}},
            }),
        ),
        (
            "storage.googleapis.com/Object",
            json!({
                "bucket": "<opaque>", "name": "source/a.tar.gz", "content": {"anything": 1},
            }),
        ),
        ("artifactregistry.googleapis.com/Repository", json!({"format": "DOCKER"})),
        (
            "cloudbuild.googleapis.com/Build",
            json!({
                "steps": [{"name": "gcr.io/cloud-builders/docker", "args": ["build", "."]}],
                "source": {"storageSource": {"bucket": "<opaque>", "object": "<opaque>"}},
                "images": ["<opaque>"], "serviceAccount": "<opaque>",
                "options": {"logging": "CLOUD_LOGGING_ONLY"},
            }),
        ),
        ("iam.googleapis.com/ServiceAccount", json!({"name": "mlflow", "displayName": "MLflow"})),
        (
            "run.googleapis.com/Job",
            json!({
                "template": {"template": {"containers": [{"image": "<opaque>"}], "maxRetries": 0}},
            }),
        ),
        ("run.googleapis.com/Execution", json!({"job": "<opaque>", "overrides": {"taskCount": 1}})),
        (
            "run.googleapis.com/ServiceIamMember",
            json!({
                "service": "<opaque>", "role": "roles/run.invoker", "member": "allUsers",
            }),
        ),
        (
            "cloudresourcemanager.googleapis.com/ProjectIamMember",
            json!({
                "role": "<opaque>", "member": "<opaque>",
                "condition": {"title": "t", "expression": "true"},
            }),
        ),
        ("serviceusage.googleapis.com/Service", json!({"name": "run.googleapis.com"})),
    ];
    for (name, properties) in good {
        assert_eq!(checked(name, properties), "", "{name}");
    }
}

#[test]
fn bad_declarations_are_told_where_and_why() {
    let bad = [
        (
            "run.googleapis.com/Service",
            json!({
                "name": "My_Service", "region": "x", "uri": "y", "etag": "z",
                "template": {"containers": [{"imag": "i"}], "volumes": [{"name": "v", "gcs": {}}]},
            }),
        ),
        ("run.googleapis.com/Service", json!({"location": 3})),
        ("sqladmin.googleapis.com/User", json!({"passwrod": "x", "type": "BUILT_INN"})),
        (
            "sqladmin.googleapis.com/Instance",
            json!({
                "databaseVersion": "POSTGRES_16", "settings": {"settingsVersion": "3"}, "connectionName": "c",
            }),
        ),
        (
            "secretmanager.googleapis.com/Secret",
            json!({
                "replication": {"automatic": {}, "userManaged": {"replicas": [{}]}},
            }),
        ),
        ("secretmanager.googleapis.com/SecretVersion", json!({"payload": {}})),
        ("serviceusage.googleapis.com/Service", json!({})),
        ("run.googleapis.com/ServiceIamMember", json!({"service": "s", "members": []})),
        (
            "cloudresourcemanager.googleapis.com/ProjectIamMember",
            json!({
                "role": "r", "member": "m", "condition": {"titel": "t"},
            }),
        ),
        ("compute.googleapis.com/Network", json!([])),
    ];
    let told: Vec<_> = bad
        .into_iter()
        .map(|(name, properties)| format!("# {name}\n{}", checked(name, properties)))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
# run.googleapis.com/Service
invalid-value name: `My_Service` holds `M`; a name is made of a-z0-9-
unknown-field region: there is no such property
unknown-field template.containers[0].imag: there is no such field; did you mean `image`?
missing-required template.containers[0].image: is required and missing
output-only uri: is set by Google and cannot be declared
output-only etag: is set by Google and cannot be declared
missing-required template.volumes[0].gcs.bucket: is required and missing
# run.googleapis.com/Service
wrong-type location: must be text, not a whole number
missing-required template: is required and missing
# sqladmin.googleapis.com/User
unknown-field passwrod: there is no such property; did you mean `password`?
unknown-enum type: `BUILT_INN` is not one of its values; did you mean `BUILT_IN`?
missing-required instance: is required and missing
# sqladmin.googleapis.com/Instance
output-only connectionName: is set by Google and cannot be declared
output-only settings.settingsVersion: is set by Google and cannot be declared
missing-required settings.tier: is required and missing
# secretmanager.googleapis.com/Secret
missing-required replication.userManaged.replicas[0].location: is required and missing
invalid-value replication.userManaged: cannot be declared together with `replication.automatic`
# secretmanager.googleapis.com/SecretVersion
missing-required secret: is required and missing
missing-required payload.data: is required and missing
# serviceusage.googleapis.com/Service
missing-required name: is required and missing
# run.googleapis.com/ServiceIamMember
unknown-field members: there is no such property; did you mean `member`?
missing-required member: is required and missing
missing-required role: is required and missing
# cloudresourcemanager.googleapis.com/ProjectIamMember
unknown-field condition.titel: there is no such field; did you mean `title`?
# compute.googleapis.com/Network
wrong-type the properties must be an object
"#);
}

#[test]
fn lookups_take_names_only() {
    let looked_up = |name: &str, properties: Value| {
        lines(&check_lookup(kind(name).unwrap(), &properties, &|value| value == "<opaque>"))
    };
    assert_eq!(looked_up("cloudresourcemanager.googleapis.com/Project", json!({})), "");
    assert_eq!(
        looked_up("sqladmin.googleapis.com/Database", json!({"name": "d", "instance": "<opaque>"})),
        ""
    );
    insta::assert_snapshot!(looked_up("run.googleapis.com/Service", json!({"nam": "s", "location": 1})), @r#"
wrong-type location: must be text
unknown-field nam: there is no such property to look it up by; did you mean `name`?
missing-required name: is required and missing
"#);
}

#[test]
fn attributes_are_googles_fields_the_inputs_and_what_is_predicted() {
    let problem = |name: &str, path: &[Step<'_>]| {
        check_attribute(kind(name).unwrap(), path).map(|problem| problem.to_string())
    };
    let (key, at) = (Step::Key, Step::Index);
    let service = "run.googleapis.com/Service";
    let fine: [(&str, &[Step<'_>]); 8] = [
        (service, &[key("uri")]),
        (service, &[key("resourceId")]),
        (service, &[key("location")]),
        (service, &[key("urls"), at(0)]),
        (service, &[key("labels"), key("team")]),
        (service, &[key("template"), key("containers"), at(0), key("image")]),
        ("sqladmin.googleapis.com/Instance", &[key("ipAddresses"), at(0), key("ipAddress")]),
        ("storage.googleapis.com/Bucket", &[key("name")]),
    ];
    for (name, path) in fine {
        assert_eq!(problem(name, path), None, "{name} {path:?}");
    }
    let wrong: [(&[Step<'_>], &str); 7] = [
        (&[key("url")], "url: there is no such attribute; did you mean `uri`?"),
        (&[key("zebra")], "zebra: there is no such attribute"),
        (
            &[key("template"), key("container"), at(0)],
            "template.container: there is no such attribute; did you mean `containers`?",
        ),
        (
            &[key("template"), key("containers"), key("image")],
            "template.containers: is a list: write `template.containers[0]` for its first element",
        ),
        (&[key("template"), at(0)], "template: is not a list"),
        (&[key("uri"), key("host")], "uri: is a plain value: there is nothing inside it"),
        (&[at(0)], "must begin with the name of an attribute"),
    ];
    for (path, expected) in wrong {
        assert_eq!(problem(service, path).as_deref(), Some(expected));
    }
}

#[test]
fn every_predicted_attribute_can_be_referred_to() {
    for kind in all() {
        for predicted in kind.predicted.keys() {
            let steps: Vec<_> = predicted
                .split(['.', '['])
                .map(|part| part.trim_end_matches(']'))
                .map(|part| part.parse().map_or(Step::Key(part), Step::Index))
                .collect();
            assert_eq!(check_attribute(kind, &steps), None, "{} {predicted}", kind.name);
        }
    }
}
